// The checker that every row of a gateway passes (format section 4): the fast path over bytes has to say what
// address.ts says of the string, and the first fault is told by its row.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rowRule } from '../../src/bundle/address/address.ts';
import { RowSplitter } from '../../src/bundle/table/rows.ts';
import { TableChecker } from '../../src/bundle/table/table.ts';
import { chunk, cut, rowsOf, table, textOf } from './blocks.ts';

function checked(text: Uint8Array, size = text.length || 1): TableChecker {
  const splitter = new RowSplitter();
  const checker = new TableChecker();
  for (const piece of cut(text, size)) checker.push(splitter.push(piece));
  return checker;
}
const faultOf = (...rows: string[]) => checked(textOf(rows)).fault;
const domain = (bytes: number) => `${'d'.repeat(bytes - 2)}.e`;

describe('one broken row among good ones', () => {
  test.each<[string, string, RegExp]>([
    ['empty', '', /empty|order/],
    ['no @', 'bob', /no @/],
    ['no @, before a known domain', 'bexample.org', /no @/],
    ['a control character', 'b\u0001ob@example.org', /control/],
    ['DEL', 'b\u007fob@example.org', /control/],
    ['a C1 control', 'b\u0085ob@example.org', /control/],
    ['a carriage return', 'bob@example.org\r', /control/],
    ['a tab', 'b\tob@example.org', /control/],
    ['NUL', 'b\0ob@example.org', /control/],
    ['upper case', 'bOb@example.org', /case-folded/],
    ['upper case in the domain', 'bob@example.orG', /case-folded/],
    ['a sharp s', 'boß@example.org', /case-folded/],
    ['a final sigma', 'boς@example.org', /case-folded/],
    ['513 bytes', `b${'o'.repeat(500)}@example.org`, /longer than 512/],
    ['no domain', 'bob@', /empty label/],
    ['a domain of one label', 'bob@org', /one label/],
    ['a dot at the end', 'bob@example.org.', /empty label/],
    ['a dot at the start', 'bob@.example.org', /empty label/],
    ['two dots', 'bob@example..org', /empty label/],
    ['an address literal', 'bob@[192.0.2.1]', /literal/],
    ['a space in the domain', 'bob@exam ple.org', /space/],
    ['a domain of 254 bytes', `bob@${domain(254)}`, /253/],
  ])('%s', (_, row, rule) => {
    expect(faultOf('a@example.org', row, 'c@example.org')).toEqual({ row: 2, rule: expect.stringMatching(rule) });
    expect(faultOf(row)).toEqual({ row: 1, rule: expect.stringMatching(rule) });
    expect(rowRule(row)).not.toBeNull();
    // In words that complete "row 2 ...".
    expect(faultOf(row)?.rule).toMatch(/^(is|has|holds|begins) /);
  });

  test.each([
    ['overlong', [0x62, 0xc0, 0xaf]],
    ['half of a surrogate pair', [0x62, 0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0x62, 0xf4, 0x90, 0x80, 0x80]],
    ['a lone continuation byte', [0x62, 0x80]],
    ['a character cut short', [0x62, 0xe2, 0x82]],
  ])('not UTF-8: %s', (_, bytes) => {
    const text = Buffer.concat([textOf(['a@example.org']), Buffer.from(bytes), Buffer.from('@example.org\n')]);
    expect(checked(text).fault).toEqual({ row: 2, rule: 'is not UTF-8' });
  });
});

test.each([
  `b${'o'.repeat(499)}@example.org`,
  `bob@${domain(253)}`,
  '@example.org',
  'b@b@example.org',
  'b ob@example.org',
  '#@example.org',
  'bo\ufeffb@example.org',
  'büb@bücher.example',
])('just inside: %j', (row) => {
  expect(faultOf(row)).toBeNull();
});

test('every capital letter is refused, and none of the signs beside them', () => {
  for (let c = 0x21; c < 0x7f; c++) {
    const row = `x${String.fromCharCode(c)}@example.org`;
    const capital = c >= 0x41 && c <= 0x5a;
    expect(faultOf(row), row).toEqual(capital ? { row: 1, rule: 'is not case-folded' } : null);
  }
});

test.each([
  ['is empty', ''],
  ['has no @', 'bob'],
  ['has an empty label in its domain', 'zoë@.example.org'],
  ['has a domain of one label', 'zoë@org'],
  ['has a space in its domain', 'zoë@exam.ple org'],
  ['has a space in its domain', `z@${domain(252)} `],
  ['has a domain longer than 253 bytes', `z@${domain(253)} `],
  ['has an address literal', 'z@[1.2.3.4]'],
])('%s: said of a row far behind in a long table, whose other rows are good', (rule, row) => {
  const rows = Array.from({ length: 400 }, (_, i) => `a${100 + i}@example.org`);
  expect(faultOf(...rows)).toBeNull();
  const fault = faultOf(...rows, row);
  if (row.startsWith('z')) expect(fault).toEqual({ row: 401, rule });
  expect(faultOf(row)).toEqual({ row: 1, rule });
});

test.each(['\u0eff', '\ufe3f', '\ufec0'])(
  '%s before the first row shares bytes with a BOM and is none',
  (character) => {
    expect(faultOf(`${character}a@example.org`)).toBeNull();
  },
);

describe('order', () => {
  test.each<[string, string[], number, RegExp]>([
    ['two rows swapped', ['a@x.org', 'c@x.org', 'b@x.org'], 3, /order/],
    ['a row twice', ['a@x.org', 'b@x.org', 'b@x.org'], 3, /twice/],
    ['by characters of UTF-16', ['\u{1f4ee}@x.org', '\ue000@x.org'], 2, /order/],
    ['longer before shorter', ['a@x.org.uk', 'a@x.org'], 2, /order/],
  ])('%s', (_, rows, row, rule) => {
    for (let size = 1; size < 40; size++) {
      expect(checked(textOf(rows), size).fault).toEqual({ row, rule: expect.stringMatching(rule) });
    }
  });
});

test('a BOM before the first row is refused, and not elsewhere', () => {
  expect(faultOf('\ufeffa@example.org')).toEqual({ row: 1, rule: 'begins with a BOM' });
  expect(faultOf('a@example.org', '\ufeffa@example.org')).toBeNull();
});

test('the first fault is kept, whatever follows', () => {
  expect(faultOf('a@x.org', 'b@org', 'a@x.org', '')).toMatchObject({ row: 2, rule: expect.stringContaining('label') });
});

const broken = fc
  .tuple(
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('', '@'),
    fc.array(fc.constantFrom('a', 'A', 'ß', 'é', '.', '..', ' ', '[', ']', '@', '\u007f', 'example', '\u0085'), {
      maxLength: 5,
    }),
    fc.constantFrom('.org', '', '.', '.ORG'),
  )
  .map(([local, at, labels, end]) => `${local}${at}${labels.join('')}${end}`)
  .filter((row) => !row.includes('\n') && !row.startsWith('\ufeff'));

test('bytes and strings agree on every row', () => {
  fc.assert(
    fc.property(broken, (row) => {
      // A string with half a pair has no UTF-8 form of its own.
      fc.pre(!/[\ud800-\udfff]/u.test(row));
      expect(faultOf(row) === null, JSON.stringify(row)).toBe(rowRule(row) === null);
    }),
    { numRuns: 5000 },
  );
});

test('each table is found good, with its rows and its domains, at every cut', () => {
  fc.assert(
    fc.property(table, chunk, (rows, size) => {
      const checker = checked(textOf(rows), size);
      expect(checker.fault).toBeNull();
      expect(checker.rows).toBe(rows.length);
      const { domains } = checker;
      const names = Array.from({ length: domains.size }, (_, id) => Buffer.from(domains.name(id)).toString());
      expect(new Set(names)).toEqual(new Set(rows.map((row) => row.slice(row.lastIndexOf('@') + 1))));
      expect(names.length).toBe(new Set(names).size);
      for (const [id, name] of names.entries()) {
        expect(rows.findIndex((row) => row.endsWith(`@${name}`)) + 1, name).toBe(domains.firstRow(id));
      }
    }),
  );
});

test('what it was given may be overwritten afterwards', () => {
  const checker = new TableChecker();
  const splitter = new RowSplitter();
  const first = Buffer.from('b@x.org\n');
  const block = splitter.push(first);
  checker.push(block);
  expect(rowsOf(block)).toEqual(['b@x.org']);
  first.fill(0);
  checker.push(splitter.push(Buffer.from('a@x.org\n')));
  expect(checker.fault).toEqual({ row: 2, rule: 'is not in the order of its bytes' });
});
