// What stands in main.cf is read as Postfix reads it: words parted by white space and commas, but not within braces.
import { expect, test } from 'vitest';
import { nameOf, typeOf, words } from '../../src/gateway/mta/postfix/tables.ts';
import { setting, shell } from '../../src/gateway/mta/postfix/shell-lines.ts';

test.each([
  ['', []],
  [' a,b  c\t,d ', ['a', 'b', 'c', 'd']],
  ['hash:/a b, $mydestination', ['hash:/a', 'b', '$mydestination']],
  ['regexp:{ { /a, b/ OK } }, x', ['regexp:{ { /a, b/ OK } }', 'x']],
  ['inline:{a@b=OK, c@d=OK}', ['inline:{a@b=OK, c@d=OK}']],
  ['${a?{b, c}:{d}} e', ['${a?{b, c}:{d}}', 'e']],
])('%j', (value, expected) => {
  expect(words(value)).toEqual(expected);
});

test('a table by type and name, with and without the proxy', () => {
  expect([typeOf('proxy:hash:/a:b'), nameOf('proxy:hash:/a:b')]).toEqual(['hash', '/a:b']);
  expect([typeOf('cdb:/a'), nameOf('cdb:/a')]).toEqual(['cdb', '/a']);
});

test('a line to type is one word to the shell, whatever is in it', () => {
  expect(shell("it's $x")).toBe(String.raw`'it'\''s $x'`);
  expect(setting('relay_domains', ['$a', 'b'])[0]).toBe(`postconf -e 'relay_domains = $a, b'`);
});
