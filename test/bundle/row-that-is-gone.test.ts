// What a new table lacks of the installed one, and which required addresses it does not accept: against plain sets.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import { diffRows } from '../../src/bundle/table/delta.ts';
import { presentRows } from '../../src/bundle/table/present-rows.ts';
import { RemovedRows, RowsTaken } from '../../src/bundle/table/removed-rows.ts';
import { RequiredRows } from '../../src/bundle/table/required-rows.ts';
import { blocks, chunk, collected, row, sorted, Stream, stream, table } from './blocks.ts';

const domainsOf = (rows: readonly string[]) => new Set(rows.map((each) => each.slice(each.lastIndexOf('@') + 1)));

function domainSet(names: Iterable<string>): DomainSet {
  const set = new DomainSet();
  for (const name of names) set.add(Buffer.from(name), 0, Buffer.byteLength(name), 1);
  return set;
}

async function removedOf(base: readonly string[], next: readonly string[], a = 64, b = 64): Promise<RemovedRows> {
  const removed = new RemovedRows(stream(base, a));
  for (const block of blocks(next, b)) await removed.push(block);
  await removed.end();
  return removed;
}

describe('removed', () => {
  test('rows and domains, however both are cut', async () => {
    await fc.assert(
      fc.asyncProperty(table, table, chunk, chunk, async (base, next, a, b) => {
        const removed = await removedOf(base, next, a, b);
        expect(removed.rows).toBe(base.filter((each) => !next.includes(each)).length);
        const gone = [...domainsOf(base)].filter((name) => !domainsOf(next).has(name));
        expect(removed.domains.missingIn(domainSet(domainsOf(next)))).toBe(gone.length);
      }),
    );
  });

  test.each<[string, string[], string[], number]>([
    ['all of it', ['a@x.org', 'b@x.org'], [], 2],
    ['nothing of nothing', [], [], 0],
    ['nothing where rows are only added', ['b@x.org'], ['a@x.org', 'b@x.org', 'c@x.org'], 0],
    ['as many rows, all others', ['a@x.org', 'c@x.org'], ['b@x.org', 'd@x.org'], 2],
  ])('%s', async (_, base, next, rows) => {
    expect((await removedOf(base, next)).rows).toBe(rows);
  });

  test('a base that fails says so', async () => {
    const fault = new Error('damaged');
    const removed = new RemovedRows(new Stream(['a@x.org'], 64, fault));
    const read = async () => {
      for (const block of blocks(['b@x.org'])) await removed.push(block);
      await removed.end();
    };
    await expect(read()).rejects.toBe(fault);
  });

  test('a base is let go of when the new table ends early', async () => {
    const base = new Stream(['a@x.org', 'b@x.org', 'c@x.org'], 8);
    const removed = new RemovedRows(base);
    for (const block of blocks(['a@x.org'])) await removed.push(block);
    expect(base.open).toBe(true);
    await removed.close();
    expect(base.open).toBe(false);
    await new RemovedRows(new Stream([])).close();
  });
});

describe('taken by a delta', () => {
  const namesOf = ({ domains }: { domains: DomainSet }) =>
    domains.sorted().map((id) => [Buffer.from(domains.name(id)).toString(), domains.firstRow(id)]);

  test('is what a look at both tables says, and the delta goes through as it is', async () => {
    await fc.assert(
      fc.asyncProperty(table, table, chunk, async (base, next, size) => {
        const delta = await collected(diffRows(stream(base), stream(next)));
        const taken = new RowsTaken();
        expect(await collected(taken.of(stream(delta, size)))).toEqual(delta);
        const removed = await removedOf(base, next);
        expect([taken.rows, namesOf(taken)]).toEqual([removed.rows, namesOf(removed)]);
      }),
    );
  });

  test('a row without @, which only a hostile delta has, is a domain of its own', async () => {
    const taken = new RowsTaken();
    await collected(taken.of(stream(['-a@x.org', '-bc', '-', '+y@z.org', '-@w.org'])));
    expect(taken.rows).toBe(4);
    expect(namesOf(taken)).toEqual([
      ['', 3],
      ['bc', 2],
      ['w.org', 4],
      ['x.org', 1],
    ]);
  });

  test('a delta that fails says so', async () => {
    const fault = new Error('damaged');
    const taken = new RowsTaken();
    await expect(collected(taken.of(new Stream(['-a@x.org'], 64, fault)))).rejects.toBe(fault);
    expect(taken.rows).toBe(1);
  });
});

describe('required', () => {
  const missing = (required: readonly string[], rows: readonly string[], size = 64) => {
    const wanted = new RequiredRows(required);
    for (const block of blocks(rows, size)) wanted.push(block);
    return wanted.missing();
  };

  test('by its own row or by its domain, however the table is cut', () => {
    const required = fc.uniqueArray(
      row.filter((each) => !each.startsWith('@')),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(required, table, chunk, (wanted, rows, size) => {
        const accepted = (address: string) =>
          rows.includes(address) || rows.includes(address.slice(address.lastIndexOf('@')));
        expect(missing(wanted, rows, size)).toEqual(wanted.filter((address) => !accepted(address)));
      }),
    );
  });

  test('in the order of the config, not of the table', () => {
    expect(missing(['z@x.org', 'a@x.org'], ['b@x.org'])).toEqual(['z@x.org', 'a@x.org']);
  });

  test('all of them where there is no row at all', () => {
    expect(missing(['a@x.org'], [])).toEqual(['a@x.org']);
  });

  test('neither a longer row nor a shorter one stands in', () => {
    expect(missing(['a@x.org'], sorted(['a@x.org.uk', 'aa@x.org', '@y.x.org']))).toEqual(['a@x.org']);
  });
});

describe('present', () => {
  test('are those that are in the table, in whatever order and however often they are asked for', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 12 }), table, chunk, async (asked, rows, size) => {
        const found = await presentRows(stream(rows, size), asked);
        expect(sorted(found)).toEqual(sorted(asked.filter((each) => rows.includes(each))));
      }),
    );
  });

  test('neither a longer row nor a shorter one stands in', async () => {
    const rows = sorted(['a@x.org.uk', 'aa@x.org', '@y.x.org', 'b@x.org', 'z@x.org']);
    expect([...(await presentRows(stream(rows, 8), ['a@x.org', 'b@x.or', 'z@x.org']))]).toEqual(['z@x.org']);
  });

  test('the table is left as soon as no row that is asked for can come', async () => {
    const fault = new Error('read to its end');
    const rows = new Stream(['a@x.org', 'b@x.org', 'c@x.org', 'd@x.org'], 8, fault);
    expect([...(await presentRows(rows, ['a@x.org', 'b0@x.org']))]).toEqual(['a@x.org']);
    expect(rows.open).toBe(false);
    await expect(presentRows(rows, ['e@x.org'])).rejects.toBe(fault);
    expect(rows.open).toBe(false);
  });
});

test('what an earlier block left in the memory behind the rows of this one is no row', async () => {
  const [whole] = blocks(['a@x.org', 'b@x.org', 'c@y.org'], 1000);
  if (whole === undefined) throw new Error('no block');
  const used = { ...whole, count: 1 };
  const once = async function* () {
    yield await Promise.resolve(used);
  };
  expect([...(await presentRows(once(), ['a@x.org', 'b@x.org']))]).toEqual(['a@x.org']);
  const required = new RequiredRows(['a@x.org', 'b@x.org']);
  required.push(used);
  expect(required.missing()).toEqual(['b@x.org']);
  const removed = new RemovedRows(stream(['b@x.org']));
  await removed.push(used);
  await removed.end();
  expect(removed.rows).toBe(1);
  const [delta] = blocks(['-a@x.org', '-b@x.org'], 1000);
  const taken = new RowsTaken();
  for await (const _ of taken.of(
    (async function* () {
      yield await Promise.resolve({ bytes: new Uint8Array(0), starts: new Int32Array(1), ...delta, count: 1 });
    })(),
  ))
    void _;
  expect(taken.rows).toBe(1);
});
