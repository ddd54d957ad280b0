// One rule says what an address and a row are (bundle/address/address.ts, publisher/entry.ts). Most lines and rows
// never meet it: they are taken byte by byte. Whatever such a path takes, the rule makes the same of; whatever the
// checker finds fault with, so does the rule.
import { array, assert, constantFrom, oneof, property, string, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { rowRule } from '../../src/bundle/address/address.ts';
import { cut } from '../../src/bundle/table/rows.ts';
import { TableChecker } from '../../src/bundle/table/table.ts';
import { addressOf, EntryError, firstField, rowsOf, simpleRow } from '../../src/publisher/entry.ts';
import { SimpleLines } from '../../src/publisher/gather/simple-lines.ts';
import { RowCollection } from '../../src/publisher/gather/sorted-rows.ts';

/**
 * What stands in addresses, and what is near to it: other cases, other scripts, what is not seen, what is quoted,
 * what ends a field.
 */
const PIECES =
  'a b z A Z 0 9 . .. - -- _ + = ~ ! % # @ @@ " \\ [ ] < > , ; : | / * xn-- xn--bcher-kva com example.org EXAMPLE.org ß İ ı K ſ ﬀ ü é ς Σ'
    .split(' ')
    .concat([
      ' ',
      '\t',
      '\v',
      '\f',
      '\r',
      '\u00a0',
      '\u00ad',
      '\u200b',
      '\u2028',
      '\ufeff',
      '\u0130',
      '\ud83d\ude00',
      '\u007f',
      '\u0085',
    ]);
const piece = constantFrom(...PIECES);
const word = (least: number, most: number) =>
  array(piece, { minLength: least, maxLength: most }).map((all) => all.join(''));
const plain = string({ unit: constantFrom(...'abcXYZ019._+=-'.split('')), minLength: 1, maxLength: 130 });
const domain = oneof(
  constantFrom(
    'example.org',
    'EXAMPLE.ORG',
    'b.c.d.example',
    'xn--bcher-kva.example',
    'a',
    'a..b',
    'a.b.',
    '-a.b',
    'a_b.c',
  ),
  tuple(word(1, 3), word(1, 3)).map(([a, b]) => `${a}.${b}`),
  string({ unit: constantFrom(...'ab1-_.'.split('')), minLength: 1, maxLength: 260 }),
);
const address = tuple(oneof(plain, word(0, 4)), domain).map(([local, name]) => `${local}@${name}`);
const line = oneof(
  address,
  tuple(address, word(0, 4)).map((both) => both.join(' ')),
  word(0, 8),
).filter((text) => !text.includes('\n'));

/** What the rule makes of a line; null where it makes nothing of it or refuses it. */
function byRule(text: string): string[] | null {
  try {
    const field = firstField(text);
    return field === null || field === '' ? null : rowsOf(addressOf(field));
  } catch (error) {
    if (error instanceof EntryError) return null;
    throw error;
  }
}

const RUNS = { numRuns: 5_000 };

test('a line that plainly is an address is the row that the rule makes of it', () => {
  let taken = 0;
  assert(
    property(line, (text) => {
      const simple = simpleRow(text);
      if (simple === null) return;
      taken++;
      expect(byRule(text)).toEqual([simple]);
    }),
    RUNS,
  );
  expect(taken).toBeGreaterThan(200);
});

test('so is one that is taken from the bytes, and nothing after it is lost', () => {
  let taken = 0;
  assert(
    property(array(line, { minLength: 1, maxLength: 4 }), (texts) => {
      const rows = new RowCollection();
      const lines = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      const end = new SimpleLines(rows, () => false).take(lines, 0);
      const count = lines.subarray(0, end).toString().split('\n').length - 1;
      const expected = texts.slice(0, count).map(byRule);
      taken += count;
      expect(expected.every((rows) => rows?.length === 1)).toBe(true);
      const { text } = rows.sorted();
      const found = new Set(Buffer.from(text).toString().split('\n').slice(0, -1));
      expect(found).toEqual(new Set(expected.flat()));
      expect([0, ...texts.map((_, i) => Buffer.byteLength(texts.slice(0, i + 1).join('\n')) + 1)]).toContain(end);
    }),
    RUNS,
  );
  expect(taken).toBeGreaterThan(200);
});

test('the checker of a table finds fault with a row exactly where the rule does', () => {
  let good = 0;
  assert(
    property(
      oneof(
        address,
        address.map((text) => text.toLowerCase()),
        word(0, 6),
      ),
      (row) => {
        const checker = new TableChecker();
        checker.push(cut(Buffer.from(`${row}\n`)));
        const fault = row.startsWith('\ufeff') ? checker.fault?.rule === 'begins with a BOM' : checker.fault !== null;
        expect([row, fault]).toEqual([row, row.startsWith('\ufeff') || rowRule(row) !== null]);
        if (!fault) good++;
      },
    ),
    RUNS,
  );
  expect(good).toBeGreaterThan(200);
});
