// What `init --backup-mx` decides without asking anybody: who may relay, what is taken back, and where mail would go in
// a circle.
import { describe, expect, test } from 'vitest';
import { closedRelay } from '../../src/gateway/init/backup-mx.ts';
import { wayBack, withChanges } from '../../src/gateway/init/main-cf-before.ts';
import { ownNames, routeOf, type Dns } from '../../src/gateway/init/where-mail-goes.ts';

describe('smtpd_relay_restrictions is closed', () => {
  const closed = 'permit_mynetworks, reject_unauth_destination';
  test.each([
    ['', false, closed],
    ['permit', false, closed],
    ['permit_mynetworks permit_sasl_authenticated defer_unauth_destination', false, closed],
    [
      'permit_mynetworks permit_sasl_authenticated defer_unauth_destination',
      true,
      'permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination',
    ],
    ['permit_mx_backup, permit_auth_destination, defer', false, closed],
    ['permit_tls_all_clientcerts, reject', false, closed],
    ['reject_unauth_destination', false, closed],
    ['check_client_access cidr:/etc/x, permit_mynetworks, permit', false, `check_client_access cidr:/etc/x, ${closed}`],
    [
      'permit_mynetworks, reject_rbl_client bl.invalid, reject_unknown_recipient_domain, permit',
      false,
      'permit_mynetworks, reject_rbl_client bl.invalid, reject_unknown_recipient_domain, reject_unauth_destination',
    ],
  ])('%s (logins: %s)', (value, hasLogins, wanted) => expect(closedRelay(value, hasLogins)).toBe(wanted));
});

describe('what main.cf said before', () => {
  const here = (values: Record<string, string>) => ({
    directory: '/etc/postfix',
    raw: new Map(Object.entries({ a: 'default', ...values })),
    set: new Set(Object.keys(values)),
  });

  test('is what it said before the first change, as long as nobody else changed it', () => {
    const first = withChanges({}, here({ b: 'old' }), [{ name: 'a', value: '1' }, { name: 'b', value: '2' }]); // prettier-ignore
    const second = withChanges(first, here({ a: '1', b: 'theirs' }), [{ name: 'a', value: '3' }, { name: 'b', value: '4' }]); // prettier-ignore
    expect(second).toEqual({
      '/etc/postfix': { a: { before: null, after: '3' }, b: { before: 'theirs', after: '4' } },
    });
  });

  test('comes back, and what somebody changed since stays', () => {
    const changes = {
      a: { before: null, after: '1' },
      b: { before: 'old', after: '2' },
      c: { before: 'x', after: '3' },
      d: { before: null, after: '4' },
      e: { before: 'y', after: '5' },
    };
    expect(wayBack(changes, here({ a: '1', b: '2', c: 'theirs', e: 'y' }))).toEqual({
      set: [{ name: 'b', value: 'old' }],
      unset: ['a'],
      theirs: ['c'],
    });
  });
});

describe('where mail goes by DNS', () => {
  const self = { name: 'MX2.example.org', addresses: new Set(['192.0.2.2', '2001:db8::2']) };
  const dns = (mx: Record<string, [string, number][] | null>, hosts: Record<string, string[] | null> = {}): Dns => ({
    exchanges: (domain) =>
      Promise.resolve(mx[domain]?.map(([host, preference]) => ({ host, preference })) ?? (domain in mx ? null : [])),
    addresses: (host) => Promise.resolve(host in hosts ? (hosts[host] ?? null) : []),
    names: () => Promise.resolve(null),
  });

  test.each([
    [
      'another host is before this one',
      {
        d: [
          ['p', 10],
          ['mx2.example.org', 20],
        ],
      },
      {},
      'primary',
      'p',
      true,
    ],
    ['this host is not named', { d: [['p', 10]] }, {}, 'primary', 'p', false],
    ['this host is the only one', { d: [['mx2.example.org', 10]] }, {}, 'circle', null, true],
    [
      'another has the same rank',
      {
        d: [
          ['mx2.example.org', 10],
          ['p', 10],
        ],
      },
      {},
      'circle',
      null,
      true,
    ],
    [
      'the best one is a name of this host',
      {
        d: [
          ['q', 5],
          ['p', 10],
        ],
      },
      { q: ['2001:db8::2'] },
      'circle',
      null,
      true,
    ],
    ['no MX, an address elsewhere', {}, { d: ['192.0.2.9'] }, 'primary', 'd', false],
    ['no MX, an address of this host', {}, { d: ['192.0.2.2'] }, 'circle', null, true],
    ['neither', {}, {}, 'none', null, false],
    ['nobody answers', { d: null }, {}, 'unknown', null, null],
    ['no MX, and no answer for the address', {}, { d: null }, 'unknown', null, false],
  ] as [
    string,
    Record<string, [string, number][] | null>,
    Record<string, string[] | null>,
    string,
    string | null,
    boolean | null,
  ][])('%s', async (_, mx, hosts, is, to, isNamed) => {
    expect(await routeOf('d', self, dns(mx, hosts))).toEqual({ domain: 'd', is, to, isNamed });
  });

  test('a name of its own that is elsewhere, and whose PTR could not be asked', async () => {
    const found = await ownNames(self, dns({}, { 'MX2.example.org': ['192.0.2.2', '203.0.113.7'] }));
    expect(found).toEqual({
      addresses: ['192.0.2.2', '203.0.113.7'],
      elsewhere: ['203.0.113.7'],
      pointers: ['192.0.2.2', '203.0.113.7'].map((address) => ({ address, names: null })),
    });
  });
});
