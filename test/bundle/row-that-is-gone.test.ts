// What a new table lacks of the installed one, and which required addresses it does not accept: against plain sets.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/domain-set.ts';
import { RemovedRows } from '../../src/bundle/removed-rows.ts';
import { RequiredRows } from '../../src/bundle/required-rows.ts';
import { blocks, chunk, row, sorted, Stream, stream, table } from './blocks.ts';

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
