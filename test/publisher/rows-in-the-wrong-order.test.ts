// The table's order is that of Buffer.compare, each row once (format section 4). A row in the wrong place is
// NOT_CANONICAL everywhere.
// Covers src/publisher/gather
import { array, assert, constantFrom, integer, nat, property, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import { RowCollection } from '../../src/publisher/gather/sorted-rows.ts';
import { sha256 } from '../support/forger.ts';

function collected(rows: readonly string[]): RowCollection {
  const collection = new RowCollection();
  for (const row of rows) collection.add(row);
  return collection;
}

/** The plain way. */
function expected(rows: readonly string[]): Buffer {
  const sorted = [...new Set(rows)].map((row) => Buffer.from(row)).sort((a, b) => Buffer.compare(a, b));
  return Buffer.concat(sorted.flatMap((row) => [row, Buffer.of(0x0a)]));
}

function check(rows: readonly string[]): void {
  const table = collected(rows).sorted();
  const text = expected(rows);
  expect(Buffer.compare(table.text, text)).toBe(0);
  expect(table.rows).toBe(new Set(rows).size);
  // The blocks say the same, and may be asked for again.
  for (let again = 0; again < 2; again++) {
    const parts: Buffer[] = [];
    for (const block of table.blocks()) {
      for (let i = 0; i < block.count; i++) {
        const row = block.bytes.subarray(block.starts[i], block.starts[i + 1]);
        if (row.indexOf(0x0a) !== row.length - 1) expect.fail('a block cuts a row');
        parts.push(Buffer.from(row));
      }
    }
    expect(parts).toHaveLength(table.rows);
    expect(Buffer.compare(Buffer.concat(parts), text)).toBe(0);
  }
}

const numbered = (count: number, of: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => `m${String(of(i)).padStart(6, '0')}@d.example`);

test.each([
  ['none', []],
  ['one', ['a@d.example']],
  ['the same one often', Array.from({ length: 1000 }, () => 'a@d.example')],
  ['each the beginning of the next', Array.from({ length: 300 }, (_, i) => 'a'.repeat(300 - i))],
  ['a blank sorts below an @, a tilde above', ['a b@d.example', 'a@d.example', 'a~@d.example', 'a!@d.example']],
  [
    'by bytes, not by UTF-16: U+FFFD before U+10000',
    ['\u{10000}@d.example', '\ufffd@d.example', '\ue000@d.example', 'z@d.example'],
  ],
  ['rows of the greatest length that differ in their last byte', ['c', 'b', 'a'].map((c) => 'x'.repeat(511) + c)],
  ['already sorted, over several blocks', numbered(40_000, (i) => i)],
  ['sorted the other way', numbered(40_000, (i) => 50_000 - i)],
  ['an organ pipe', numbered(20_000, (i) => Math.min(i, 20_000 - i))],
])('%s', (_, rows) => {
  check(rows);
});

test('whatever the rows are: prefixes of each other, duplicates, any script', () => {
  const CHARACTERS = [
    ' ',
    '!',
    '"',
    '@',
    'a',
    'b',
    '~',
    '\u0080',
    'é',
    '\u07ff',
    '\u0800',
    '中',
    '\uffff',
    '\u{10000}',
  ];
  const row = string({ unit: constantFrom(...CHARACTERS), minLength: 1, maxLength: 12 });
  const rows = array(row, { maxLength: 200 });
  assert(
    property(rows, (list) => check(list)),
    { numRuns: 300 },
  );
  assert(
    property(rows, row, (list, start) => check(list.map((rest) => start + rest))),
    { numRuns: 100 },
  );
});

test('a hundred thousand rows in no order, with duplicates', () => {
  const rows = Array.from(
    { length: 100_000 },
    (_, i) => `${sha256(String(i % 80_000)).slice(0, 10)}.ü@d${i % 5}.example`,
  );
  const table = collected(rows).sorted();
  expect(table.rows).toBe(new Set(rows).size);
  expect(table.rows).toBeLessThan(rows.length);
  expect(sha256(table.text)).toBe(sha256(expected(rows)));
});

const person = (i: number) => `p${String(i).padStart(6, '0')}@d.example`;

test('in order but for a few: rows out of place, twice, before the first and behind the last', () => {
  const rows = Array.from({ length: 6000 }, (_, i) => person(i * 2));
  const few = array(record({ at: nat(6000), row: integer({ min: -1, max: 6000 }), again: nat(2) }), { maxLength: 200 });
  assert(
    property(few, (changes) => {
      const list = [...rows];
      // Odd numbers are between the rows, even ones are there already.
      for (const { at, row, again } of changes)
        list.splice(
          at,
          0,
          ...Array.from({ length: again + 1 }, () => (row < 0 ? `a${at}@d.example` : person(row * 2 + (at % 2)))),
        );
      const table = collected(list).sorted();
      expect(Buffer.compare(table.text, expected(list))).toBe(0);
      expect(table.rows).toBe(new Set(list).size);
    }),
    { numRuns: 30 },
  );
});

test.each([
  ['one row above all others comes first', [person(999_999), ...numbered(5000, (i) => i)]],
  ['one row below all others comes last', [...numbered(5000, (i) => i), 'a@d.example']],
  ['each row twice in turn', numbered(5000, (i) => i >>> 1)],
  ['two lists in order, one after the other', [...numbered(5000, (i) => i), ...numbered(5000, (i) => i * 2)]],
  [
    'the few are all the same',
    [...numbered(5000, (i) => i), ...Array.from({ length: 100 }, () => 'm000001.5@d.example')],
  ],
])('%s', (_, rows) => {
  check(rows);
});

test('rows of one collection that become those of another', () => {
  const from = collected(['b@d.example', 'a@d.example', 'ü@d.example', 'c@d.example']);
  for (const [first, rows] of [
    [0, ['a@d.example', 'b@d.example', 'c@d.example', 'ü@d.example']],
    [2, ['c@d.example', 'ü@d.example']],
    [4, []],
  ] as const) {
    const into = collected(['zoe@d.example']);
    into.addFrom(from, first);
    expect(Buffer.from(into.sorted().text).toString()).toBe(expected([...rows, 'zoe@d.example']).toString());
  }
});
