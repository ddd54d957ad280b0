// The text form of a map: which rows stand in it, and how. What the real postmap makes of it:
// test/postfix/cdb-text-form.test.ts.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expressible, sourceText } from '../../src/map/source-text.ts';
import { blocks, chunk, table } from '../bundle/blocks.ts';

/** In the middle of other bytes, as it lies in a block. */
const said = (row: string) => {
  const bytes = Buffer.from(`# "\\${row}\\" #`);
  return expressible(bytes, 4, 4 + Buffer.byteLength(row));
};

const SAID = [
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
];
test.each(SAID)('can be said: %s', (row) => {
  expect(said(row)).toBe(true);
});

const UNSAID = [
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
];
test.each(UNSAID)('cannot be said: %s', (row) => {
  expect(said(row)).toBe(false);
});

describe('the text', () => {
  test.each([...SAID, ...UNSAID])('of %s, between two others, is what a look at the row says', (row) => {
    const [block] = blocks(['0@x.org', row, 'z@x.org'], 1000);
    if (block === undefined) throw new Error('no block');
    const { text, left } = sourceText(block, Buffer.from('OK'));
    const said = UNSAID.includes(row) ? [] : [row];
    expect(Buffer.from(text).toString()).toBe(['0@x.org', ...said, 'z@x.org'].map((each) => `${each}\tOK\n`).join(''));
    expect(left).toBe(1 - said.length);
  });

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
