// What Postfix asks of the maps, in its order (split_addr, mail_addr_find, quote_822_local; observed with 3.7).
import { describe, expect, test } from 'vitest';
import { lookup } from '../../src/map/lookup.ts';

/** Asks with maps of these rows, and notes every key that is asked for. */
function ask(address: string, rows: readonly string[], delimiter = '', domains: readonly string[] = ['example.org']) {
  const asked: string[] = [];
  const answer = lookup(
    { address, delimiter },
    (key) => asked.push(key) > 0 && rows.includes(key),
    (key) => domains.includes(key),
  );
  return { ...answer, asked };
}

describe('keys and their order', () => {
  test.each<[string, string, string[]]>([
    ['a@example.org', '', ['a@example.org', '@example.org']],
    ['a+b@example.org', '', ['a+b@example.org', '@example.org']],
    ['a+b@example.org', '+', ['a+b@example.org', 'a@example.org', '@example.org']],
    ['a+b+c@example.org', '+', ['a+b+c@example.org', 'a@example.org', '@example.org']],
    ['a-b+c@example.org', '+-', ['a-b+c@example.org', 'a@example.org', '@example.org']],
    ['a-b+c@example.org', '+', ['a-b+c@example.org', 'a-b@example.org', '@example.org']],
    ['+b@example.org', '+', ['+b@example.org', '@example.org']],
    ['a+@example.org', '+', ['a+@example.org', 'a@example.org', '@example.org']],
    ['A+B@Example.ORG', '+', ['a+b@example.org', 'a@example.org', '@example.org']],
    ['postmaster@example.org', 'm', ['postmaster@example.org', '@example.org']],
    ['postmaster+x@example.org', '+', ['postmaster+x@example.org', 'postmaster@example.org', '@example.org']],
    ['mailer-daemon@example.org', '-', ['mailer-daemon@example.org', '@example.org']],
    ['double-bounce@example.org', '-', ['double-bounce@example.org', '@example.org']],
    ['owner-list@example.org', '-', ['owner-list@example.org', '@example.org']],
    ['list-request@example.org', '-', ['list-request@example.org', '@example.org']],
    ['owner-list+x@example.org', '+', ['owner-list+x@example.org', 'owner-list@example.org', '@example.org']],
    ['owner-list+x@example.org', '+-', ['owner-list+x@example.org', '@example.org']],
    ['a-prerequest@example.org', '-', ['a-prerequest@example.org', 'a@example.org', '@example.org']],
    ['list-requests@example.org', '-', ['list-requests@example.org', 'list@example.org', '@example.org']],
    ['a b@example.org', '', ['"a b"@example.org', 'a b@example.org', '@example.org']],
    [
      'a b+c@example.org',
      '+',
      ['"a b+c"@example.org', 'a b+c@example.org', '"a b"@example.org', 'a b@example.org', '@example.org'],
    ],
    ['a@b@example.org', '', ['"a@b"@example.org', 'a@b@example.org', '@example.org']],
    ['.a@example.org', '', ['".a"@example.org', '.a@example.org', '@example.org']],
    ['a..b@example.org', '', ['"a..b"@example.org', 'a..b@example.org', '@example.org']],
    [
      String.raw`a"\b@example.org`,
      '',
      [String.raw`"a\"\\b"@example.org`, String.raw`a"\b@example.org`, '@example.org'],
    ],
    ['straße+x@example.org', '+', ['strasse+x@example.org', 'strasse@example.org', '@example.org']],
    ['\u{1f4ee}+x@example.org', '+', ['\u{1f4ee}+x@example.org', '\u{1f4ee}@example.org', '@example.org']],
  ])('%s with delimiter "%s"', (address, delimiter, keys) => {
    expect(ask(address, [], delimiter)).toEqual({ accepted: false, row: null, relayDomain: true, asked: keys });
  });
});

test('the first key that is there answers, and no more is asked', () => {
  const rows = ['a@example.org', '@example.org'];
  expect(ask('a+b@example.org', rows, '+')).toMatchObject({ accepted: true, row: 'a@example.org' });
  expect(ask('b@example.org', rows, '+')).toMatchObject({ accepted: true, row: '@example.org' });
  expect(ask('a@example.org', rows).asked).toEqual(['a@example.org']);
  expect(ask('a@example.org', ['a+b@example.org'], '+').accepted).toBe(false);
});

describe('the domain', () => {
  test.each<[string, string[], boolean]>([
    ['example.org', ['example.org'], true],
    ['sub.example.org', ['example.org'], true],
    ['a.b.sub.example.org', ['example.org'], true],
    ['example.org', ['sub.example.org'], false],
    ['xexample.org', ['example.org'], false],
    ['example.org', ['org'], true],
    ['example.org', [], false],
  ])('%s under %j: %s', (domain, domains, relayed) => {
    const answer = ask(`a@${domain}`, [`a@${domain}`], '', domains);
    expect([answer.relayDomain, answer.accepted]).toEqual([relayed, relayed]);
    expect(answer.asked.length).toBe(relayed ? 1 : 0);
  });

  test('a row for the domain above accepts nothing below', () => {
    expect(ask('a@sub.example.org', ['@example.org'])).toMatchObject({ accepted: false, relayDomain: true });
  });
});

test('what has no @ is not accepted for the domain that it happens to look like', () => {
  expect(ask('example.org', ['@example.org', 'example.or@example.org']).accepted).toBe(false);
});
