// A row that OpenSMTPD would part in two or take for a comment costs it the whole file: it is left out and counted.
import { expect, test } from 'vitest';
import { RowCollector } from '../../src/bundle/table/rows.ts';
import { isListable, listText } from '../../src/map/list-text.ts';

function textOf(rows: readonly string[], how: 'list' | 'wildcards' = 'list'): { text: string; left: number } {
  const out = new RowCollector();
  for (const row of rows) {
    const bytes = Buffer.from(row);
    out.add(bytes, 0, bytes.length);
  }
  const { text, left } = listText(out.rest(), undefined, how);
  return { text: Buffer.from(text).toString(), left };
}

test('a key a line, and no value', () => {
  expect(textOf(['@example.net', 'a@example.org', 'größe@example.org'])).toEqual({
    text: '@example.net\na@example.org\ngröße@example.org\n',
    left: 0,
  });
});

test('every address of a domain is an @ and the domain: a domain alone would be a local part', () => {
  expect(textOf(['example.net', 'example.org'], 'wildcards')).toEqual({
    text: '@example.net\n@example.org\n',
    left: 0,
  });
});

test('white space, a colon and a leading # are left out; a # within is not', () => {
  const rows = ['#a@example.org', 'a b@example.org', 'a:b@example.org', 'a#b@example.org', 'ok@example.org'];
  expect(textOf(rows)).toEqual({ text: 'a#b@example.org\nok@example.org\n', left: 3 });
});

test.each([
  ['', false],
  ['a\tb@example.org', false],
  ['"a"@example.org', true],
])('%j', (row, isSo) => {
  expect(isListable(Buffer.from(row), 0, row.length)).toBe(isSo);
});
