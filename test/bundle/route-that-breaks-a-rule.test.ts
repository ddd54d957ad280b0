// The table of next hops (docs/bundle-format.md section 8): form and order of its rows, one row a domain.
import { describe, expect, test } from 'vitest';
import { RowSplitter } from '../../src/bundle/table/rows.ts';
import { routeRow, routeRule, splitRoute, TransportChecker } from '../../src/bundle/table/transport.ts';
import { cut, textOf } from './blocks.ts';

function checked(rows: readonly string[], size = 7, allows?: ConstructorParameters<typeof TransportChecker>[0]) {
  const splitter = new RowSplitter();
  const checker = new TransportChecker(allows);
  for (const piece of cut(textOf(rows), size)) checker.push(splitter.push(piece));
  return checker;
}
const HOP = '[mx.example.org]:25';

test('good rows, by whatever bytes they come', () => {
  // "a-b.example" sorts behind "a.example" as a row, since the TAB is below both.
  const rows = ['a-b.example', 'a.example', 'a.example.org', 'bücher.example', 'xn--bcher-kva.example'].sort();
  const routes = rows.map((domain) => routeRow({ domain, nextHop: HOP }));
  for (const size of [1, 7, 1000]) {
    const { fault, rows: count, domains, foreign } = checked(routes, size);
    expect([fault, count, domains.size, foreign]).toEqual([null, 5, 5, null]);
  }
  expect(checked([]).fault).toBeNull();
});

describe('one broken row', () => {
  test.each<[string, string, RegExp]>([
    ['empty', '', /is empty/],
    ['no TAB', 'example.org', /no TAB/],
    ['a space for the TAB', `example.org ${HOP}`, /no TAB/],
    ['no next hop', 'example.org\t', /next hop/],
    ['no domain', `\t${HOP}`, /empty label/],
    ['two TABs', `example.org\t\t${HOP}`, /next hop/],
    ['a second next hop', `example.org\t${HOP}\t${HOP}`, /next hop/],
    ['a carriage return', `example.org\t${HOP}\r`, /next hop/],
    ['a comment', `example.org\t${HOP} # ours`, /next hop/],
    ['an address', `bob@example.org\t${HOP}`, /has an @/],
    ['a whole domain', `@example.org\t${HOP}`, /has an @/],
    ['everything', `*\t${HOP}`, /single label/],
    ['all below a domain', `.example.org\t${HOP}`, /empty label/],
    ['a dot at the end', `example.org.\t${HOP}`, /empty label/],
    ['one label', `org\t${HOP}`, /single label/],
    ['an address literal', `[192.0.2.1]\t${HOP}`, /literal/],
    ['upper case', `Example.org\t${HOP}`, /case-folded/],
    ['a sharp s', `stra\u00dfe.example\t${HOP}`, /case-folded/],
    ['a space in the domain', `exam ple.org\t${HOP}`, /space/],
    ['a control character', `exam\u0001ple.org\t${HOP}`, /control/],
    ['a BOM', `\ufeffexample.org\t${HOP}`, /BOM/],
    ['a domain of 254 bytes', `${'d'.repeat(252)}.e\t${HOP}`, /253/],
    ['513 bytes', `${'d.'.repeat(100)}e\t${'h'.repeat(309)}.e`, /512/],
    ['a next hop that is none', 'example.org\tsmtp:[mx.example.org]', /next hop/],
  ])('%s', (_, row, rule) => {
    expect(checked(['0.example\tmx.example.org', row]).fault).toEqual({ row: 2, rule: expect.stringMatching(rule) });
    expect(routeRule(row)).toMatch(rule);
    expect(routeRule(row)).toMatch(/^(is|has|holds|begins) /);
  });

  test('not UTF-8', () => {
    const splitter = new RowSplitter();
    const checker = new TransportChecker();
    checker.push(splitter.push(Buffer.concat([Buffer.from([0x62, 0xc0, 0xaf]), Buffer.from(`.example\t${HOP}\n`)])));
    expect(checker.fault).toEqual({ row: 1, rule: 'is not UTF-8' });
  });
});

describe('rows that are good by themselves', () => {
  test.each<[string, string[], RegExp]>([
    ['twice the same', [`a.example\t${HOP}`, `a.example\t${HOP}`], /there twice/],
    ['one domain, two next hops', ['a.example\t[mx1.example.org]', 'a.example\t[mx2.example.org]'], /there twice/],
    [
      'one domain, two next hops, the wrong way round',
      ['a.example\tz.example.org', 'a.example\ta.example.org'],
      /twice/,
    ],
    ['out of order', [`b.example\t${HOP}`, `a.example\t${HOP}`], /order/],
    ['in the order of domains as text', [`a.example\t${HOP}`, `a-b.example\t${HOP}`], /order/],
  ])('%s', (_, rows, rule) => {
    for (const row of rows) expect(routeRule(row)).toBeNull();
    for (const size of [1, 1000]) {
      expect(checked(rows, size).fault).toEqual({ row: 2, rule: expect.stringMatching(rule) });
    }
  });

  test('the first fault counts', () => {
    expect(checked(['bad', `b.example\t${HOP}`, `a.example\t${HOP}`]).fault?.row).toBe(1);
  });
});

test('the first next hop that is not allowed is told by its row', () => {
  const rows = ['a.example\t[mx.example.org]', 'b.example\t[192.0.2.1]:26', 'c.example\tmx.example.net'];
  const { fault, foreign } = checked(rows, 1000, ({ address }) => address === null);
  expect([fault, foreign]).toEqual([null, { row: 2, host: '192.0.2.1' }]);
});

test('a row is parted at its first TAB', () => {
  expect(splitRoute(`a.example\t${HOP}`)).toEqual({ domain: 'a.example', nextHop: HOP });
  expect(splitRoute('a.example')).toEqual({ domain: 'a.example', nextHop: '' });
});
