// An address as a person copies it out of a log, a mailer or a mail, and what it would be mistaken for.
import { expect, test } from 'vitest';
import { typedAddress } from '../../src/map/typed-address.ts';

test.each<[string, string]>([
  ['alice@example.org', 'alice@example.org'],
  ['<alice@example.org>', 'alice@example.org'],
  [' <alice@example.org> ', 'alice@example.org'],
  ['"john doe"@example.org', 'john doe@example.org'],
  ['<"john doe"@example.org>', 'john doe@example.org'],
  [String.raw`"john\ doe"@example.org`, 'john doe@example.org'],
  [String.raw`"six\"inch"@example.org`, 'six"inch@example.org'],
  [String.raw`"back\\slash"@example.org`, String.raw`back\slash@example.org`],
  [String.raw`"\""@example.org`, '"@example.org'],
  ['"alice"@example.org', 'alice@example.org'],
  ['"a@b"@example.org', 'a@b@example.org'],
  ['"<a>"@example.org', '<a>@example.org'],
  ['john."q p".doe@example.org', 'john.q p.doe@example.org'],
  ['"a"."b"@example.org', 'a.b@example.org'],
  ['""@example.org', '@example.org'],
  ['\u{1f4ee}."\\\u{1f4ee}"@example.org', '\u{1f4ee}.\u{1f4ee}@example.org'],
  ['"ärger \u{1f4ee}"@bücher.example', 'ärger \u{1f4ee}@bücher.example'],
  ['a@[127.0.0.1]', 'a@[127.0.0.1]'],
  ['a@example.org.', 'a@example.org.'],
])('%s is %s', (typed, address) => {
  expect(typedAddress(typed)).toBe(address);
});

test.each([
  'john doe@example.org',
  'a@b@example.org',
  '"@example.org',
  'six"inch@example.org',
  '"a"b@example.org',
  String.raw`a\b@example.org`,
])('%s, which should have been quoted, is taken as it is', (typed) => {
  expect(typedAddress(typed)).toBe(typed);
});

test.each([
  '',
  '@',
  'alice',
  'alice@',
  '@example.org',
  '<>',
  '<alice>',
  '"alice"',
  '"a@b"',
  'Alice <alice@example.org>',
  'alice@example.org bob',
  '<alice@example.org> bob',
  'bob <alice@example.org>',
  'alice@exam ple.org',
  '"john doe"@exam<ple.org',
  'alice@example.org>',
  'alice@"example.org"',
  'alice@[127.0.0.1',
  'alice@example.org\n',
  'mailto:alice@example.org?subject=x,y',
])('"%s" is not one address', (typed) => {
  expect(typedAddress(typed)).toBeNull();
});
