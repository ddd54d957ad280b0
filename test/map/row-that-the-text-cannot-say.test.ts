// The text form of a map: which rows stand in it, and how. What the real postmap makes of it: test/postfix/cdb-text-form.test.ts.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expressible, sourceText } from '../../src/map/source-text.ts';
import { blocks, chunk, table } from '../bundle/blocks.ts';

/** In the middle of other bytes, as it lies in a block. */
const said = (row: string) => {
  const bytes = Buffer.from(`# "\\${row}\\" #`);
  return expressible(bytes, 4, 4 + Buffer.byteLength(row));
};

test.each([
  'a@example.org',
  '@example.org',
  'a#b@example.org',
  'a@b@example.org',
  '"a"@example.org',
  'a"b"c""@example.org',
  String.raw`a\b@example.org`,
  String.raw`\a@example.org`,
  String.raw`a@example.org\\`,
  String.raw`"a\\"@example.org`,
  String.raw`"a\"b\"c"@example.org`,
  '\u00a0a@example.org',
  'ä\u2003@example.org',
  'a:@example.org:',
])('can be said: %s', (row) => {
  expect(said(row)).toBe(true);
});

test.each([
  '#a@example.org',
  '#@example.org',
  'a b@example.org',
  ' a@example.org',
  'a @example.org',
  '"a b"@example.org',
  '"@example.org',
  'a"b"c"@example.org',
  String.raw`a\ b@example.org`,
  String.raw`a\"b@example.org`,
  String.raw`"a\"@example.org`,
  String.raw`"a\\\"@example.org`,
  String.raw`a@example.org` + '\\',
  String.raw`a@example.org\\` + '\\',
  String.raw`"a"@example.org` + '\\',
])('cannot be said: %s', (row) => {
  expect(said(row)).toBe(false);
});

describe('the text', () => {
  test('holds the rows that it can say, in order, and counts the others', () => {
    fc.assert(
      fc.property(table, chunk, fc.constantFrom('OK', 'x y', '1'), (rows, size, value) => {
        const made = blocks(rows, size).map((block) => sourceText(block, Buffer.from(value)));
        const good = rows.filter((row) => said(row));
        expect(made.map(({ text }) => Buffer.from(text).toString()).join('')).toBe(
          good.map((row) => `${row}\t${value}\n`).join(''),
        );
        expect(made.reduce((sum, { left }) => sum + left, 0)).toBe(rows.length - good.length);
      }),
    );
  });
});
