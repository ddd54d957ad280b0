// The table's order is that of Buffer.compare, each row once (format section 4). A row in the wrong place is NOT_CANONICAL everywhere.
import { array, assert, constantFrom, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { RowCollection } from '../../src/publisher/sorted-rows.ts';
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

test('a quarter of a million rows, with duplicates', () => {
  const rows = Array.from(
    { length: 250_000 },
    (_, i) => `${sha256(String(i % 200_000)).slice(0, 10)}.ü@d${i % 5}.example`,
  );
  const table = collected(rows).sorted();
  expect(table.rows).toBe(new Set(rows).size);
  expect(table.rows).toBeLessThan(rows.length);
  expect(sha256(table.text)).toBe(sha256(expected(rows)));
});
