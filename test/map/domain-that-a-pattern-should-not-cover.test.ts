// Which domains a bundle may speak for, and the rows of relay_domains.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import { domainMatcher, domainRows } from '../../src/map/domains.ts';
import { blocks, chunk, rowsOf, sorted, table } from '../bundle/blocks.ts';
import { addDomains, domainStart } from '../../src/bundle/address/row-domain.ts';

describe('a pattern', () => {
  test.each<[string, string[], string[]]>([
    ['example.org', ['example.org'], ['a.example.org', 'xexample.org', 'example.org.uk', 'org', '', 'example.orgx']],
    [
      '*.example.org',
      ['a.example.org', 'a.b.example.org', 'xn--a.example.org'],
      ['example.org', 'xexample.org', '.example.org', 'org'],
    ],
    ['EXAMPLE.org', ['example.org'], ['a.example.org']],
    ['*.Bücher.example', ['a.bücher.example'], ['bücher.example', 'a.xn--bcher-kva.example']],
    ['Straße.example', ['strasse.example'], ['straße.example']],
    ['a.*.example', [], ['a.b.example']],
  ])('%s', (pattern, inside, outside) => {
    const speaks = domainMatcher([pattern]);
    expect(inside.filter((domain) => !speaks(domain))).toEqual([]);
    expect(outside.filter(speaks)).toEqual([]);
  });

  test('of several any is enough, and none of none', () => {
    const speaks = domainMatcher(['a.example', '*.b.example']);
    expect(['a.example', 'x.b.example', 'b.example', 'x.a.example'].map(speaks)).toEqual([true, true, false, false]);
    expect(domainMatcher([])('a.example')).toBe(false);
  });
});

test('a domain begins after the last @ of its row, and never before the row', () => {
  const start = (text: string, from: number, to: number) => domainStart(Buffer.from(text), from, to);
  expect([start('a@b@c.d', 0, 7), start('@c.d', 0, 4), start('x@ycd', 2, 5)]).toEqual([4, 1, 2]);
});

test('a row without @ is a domain of its own, and not the end of the row before it', () => {
  const set = new DomainSet();
  for (const block of blocks(['a@x.org', 'bc'], 1000)) addDomains(set, block, 5);
  expect(set.sorted().map((id) => [Buffer.from(set.name(id)).toString(), set.firstRow(id)])).toEqual([
    ['bc', 7],
    ['x.org', 6],
  ]);
});

test('the rows of relay_domains are the distinct domains, sorted', () => {
  fc.assert(
    fc.property(table, chunk, (rows, size) => {
      const set = new DomainSet();
      let before = 0;
      for (const block of blocks(rows, size)) {
        addDomains(set, block, before);
        before += block.count;
      }
      const domains = rows.map((row) => row.slice(row.lastIndexOf('@') + 1));
      expect([...domainRows(set)].flatMap(rowsOf)).toEqual(sorted(domains));
      for (let id = 0; id < set.size; id++) {
        expect(set.firstRow(id)).toBe(domains.indexOf(Buffer.from(set.name(id)).toString()) + 1);
      }
    }),
  );
});

test('more domains than a block holds', () => {
  const set = new DomainSet();
  const names = Array.from({ length: 2000 }, (_, i) => `d${i}.${'x'.repeat(63)}.${'y'.repeat(63)}.example.org`);
  for (const name of names) set.add(Buffer.from(name), 0, name.length, 1);
  expect([...domainRows(set)].flatMap(rowsOf)).toEqual(sorted(names));
});
