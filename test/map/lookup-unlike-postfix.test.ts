// What Postfix asks of the maps, in its order (split_addr, mail_addr_find, quote_822_local; observed with 3.7).
import { describe, expect, test } from 'vitest';
import { keysOf, lookup, type Habits } from '../../src/map/lookup.ts';

/** Asks with maps of these rows, and notes every key that is asked for. */
function ask(
  address: string,
  rows: readonly string[],
  delimiter = '',
  domains: readonly string[] = ['example.org'],
  habits: Habits & { toAscii?: (domain: string) => string } = {},
) {
  const asked: string[] = [];
  const answer = lookup(
    { ...habits, address, delimiter },
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
    ['a\u00a0b@example.org', '', ['a\u00a0b@example.org', '@example.org']],
    ['a\u2028b\u0085@example.org', '', ['a\u2028b\u0085@example.org', '@example.org']],
    ['@example.org', '', ['""@example.org', '@example.org', '@example.org']],
    ['a@example.org.', '', ['a@example.org', '@example.org']],
    ['@route:a@example.org', '', ['a@example.org', '@example.org']],
    ['@route:a:b@example.org', '', ['"a:b"@example.org', 'a:b@example.org', '@example.org']],
    ['éxä@example.org', 'é', ['éxä@example.org', '@example.org']],
    ['axé@example.org', 'é', ['axé@example.org', 'ax@example.org', '@example.org']],
    // Each byte is a delimiter: the first of an ä is also the first of an é, the last of a © also its last.
    ['axä@example.org', 'é', ['axä@example.org', 'ax@example.org', '@example.org']],
    ['ax©@example.org', 'é', ['ax©@example.org', '@example.org']],
    ['a.b@example.org', '', ['a.b@example.org', '@example.org']],
    ['a.@example.org', '', ['"a."@example.org', 'a.@example.org', '@example.org']],
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
    expect(ask(address, [], delimiter)).toEqual({
      accepted: false,
      row: null,
      relayDomain: true,
      rejection: 'unlisted',
      asked: keys,
    });
  });
});

test('the keys alone, in the same order; none for what has no @, and no extension where nothing parts one off', () => {
  expect(keysOf({ address: 'A+b@Example.org', delimiter: '+' })).toEqual([
    'a+b@example.org',
    'a@example.org',
    '@example.org',
  ]);
  expect(keysOf({ address: 'mystery@example.org' })).toEqual(['mystery@example.org', '@example.org']);
  expect(keysOf({ address: 'example.org', delimiter: '+' })).toEqual([]);
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

test.each(['[127.0.0.1]', '[127.10.255.254]', '[IPv6:::1]'])('the literal %s is no relay domain', (domain) => {
  expect(ask(`a@${domain}`, [], '', [domain.slice(1, -1)])).toMatchObject({ rejection: 'no-relay-domain', asked: [] });
});

test('what has no @ is not accepted for the domain that it happens to look like', () => {
  expect(ask('example.org', ['@example.org', 'example.or@example.org'])).toMatchObject({
    accepted: false,
    rejection: 'no-relay-domain',
    asked: [],
  });
});

/** Rejected for this, though every row is there, and nothing was asked for. */
const refusedUnasked = (
  address: string,
  rejection: string,
  domains = ['example.org'],
  habits: Parameters<typeof ask>[4] = {},
) => {
  const rows = [address, address.toLowerCase(), `@${address.slice(address.lastIndexOf('@') + 1)}`];
  expect(ask(address, rows, '', domains, habits)).toMatchObject({ accepted: false, row: null, rejection, asked: [] });
};
const accepted = (address: string, habits: Parameters<typeof ask>[4] = {}, domains = ['example.org']) => {
  expect(ask(address, [address], '', domains, habits)).toMatchObject({ accepted: true, row: address, rejection: null });
};

describe('a local part with a route in it is no recipient of a stranger', () => {
  test.each([
    'a@b@example.org',
    'a!b@example.org',
    'a%b@example.org',
    '@a@example.org',
    '!@example.org',
    '@a:@b:c@example.org',
  ])('%s', (address) => {
    refusedUnasked(address, 'routed');
    expect(ask(address, []).relayDomain).toBe(true);
  });

  test('a colon further in takes nothing away', () => {
    const { asked } = ask('a@route:b@example.org', [], '', ['example.org'], { untrustedRouting: true });
    expect(asked).toEqual(['"a@route:b"@example.org', 'a@route:b@example.org', '@example.org']);
  });

  test('unless untrusted routing is allowed', () => {
    for (const address of ['a@b@example.org', 'a!b@example.org', '%@example.org'])
      accepted(address, { untrustedRouting: true });
  });

  test('it is told apart from a domain that is not relayed', () =>
    refusedUnasked('a!b@elsewhere.example', 'no-relay-domain'));
});

describe('a local part that begins with a hyphen', () => {
  test.each(['-a@example.org', '-@example.org', '-a@elsewhere.example', '-a!b@example.org', '@route:-a@example.org'])(
    '%s',
    (address) => refusedUnasked(address, 'leading-hyphen'),
  );

  test('unless it is allowed', () => {
    accepted('-a@example.org', { leadingHyphen: true });
    accepted('a-@example.org');
  });
});

describe('a domain that is no host name', () => {
  test.each([
    '-a.example.org',
    'a-.example.org',
    'a..example.org',
    '.example.org',
    'example.org..',
    '.',
    '',
    '1.2.3',
    'a b.example.org',
    'a%b.example.org',
    '*.example.org',
    '[example.org]',
    '[[127.0.0.1]',
    '[127.0.0.1]x]x',
    `ll.${'l.'.repeat(125)}org`,
    `${'l'.repeat(64)}.example.org`,
    `${'l.'.repeat(125)}org.`,
  ])('"%s"', (domain) => {
    if (domain.endsWith('org.')) accepted(`a@${domain.slice(0, -1)}`, {}, ['org']);
    else refusedUnasked(`a@${domain}`, 'no-host-name', [domain, 'example.org', '3']);
  });

  test('of 255 bytes is one', () => accepted(`a@${'l.'.repeat(126)}org`, {}, ['org']));

  test.each(['a_b.example.org', '_.example.org', '1.example.org', 'a--b.example.org', `${'l'.repeat(63)}.example.org`])(
    'but %s is one',
    (domain) => accepted(`a@${domain}`),
  );

  test.each([
    'bücher-.example.org',
    '-bücher.example.org',
    'bücher.a-.example.org',
    'bücher.example.org-',
    'bücher.ab--c.example.org',
  ])('%s, whatever the conversion to ASCII says', (domain) =>
    refusedUnasked(`a@${domain}`, 'no-host-name', ['example.org'], { toAscii: () => 'xn--bcher-kva.example.org' }),
  );

  test('what the conversion refuses, or makes too long', () => {
    refusedUnasked('a@\u00ad.example.org', 'no-host-name', ['example.org'], { toAscii: () => '' });
    refusedUnasked('a@ü.example.org', 'no-host-name', ['example.org'], { toAscii: () => `xn--${'l'.repeat(60)}.org` });
    accepted('a@xn--bcher-kva.bücher.example.org', { toAscii: () => 'xn--bcher-kva.xn--bcher-kva.example.org' });
    accepted('a@bücher.example.org');
  });
});

describe('a Postfix that is set up otherwise', () => {
  test('parents match no subdomains', () => {
    refusedUnasked('a@sub.example.org', 'no-relay-domain', ['example.org'], { subdomains: false });
    accepted('a@example.org', { subdomains: false });
  });

  test('owner- and -request are nothing special', () => {
    const habits = { ownerRequestSpecial: false };
    expect(ask('owner-list@example.org', ['owner@example.org'], '-', undefined, habits).accepted).toBe(true);
    expect(ask('list-request@example.org', ['list@example.org'], '-', undefined, habits).accepted).toBe(true);
  });

  test('another double bounce sender is not split', () => {
    const habits = { doubleBounce: 'Bounce-Twice' };
    expect(ask('bounce-twice@example.org', ['bounce@example.org'], '-', undefined, habits).accepted).toBe(false);
    expect(ask('double-bounce@example.org', ['double@example.org'], '-', undefined, habits).accepted).toBe(true);
  });

  test('without SMTPUTF8 only ASCII is folded, and no domain is beyond it', () => {
    expect(ask('ÄRGER@Example.ORG', [], '', undefined, { utf8: false }).asked).toEqual([
      'Ärger@example.org',
      '@example.org',
    ]);
    refusedUnasked('a@bücher.example.org', 'no-host-name', ['example.org'], { utf8: false });
  });
});
