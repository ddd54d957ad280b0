// The ldap source against a server of the test's own, which gives what no real one can be brought to give: parts
// that look whole.
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attributesOf } from '../../src/publisher/sources/ldap/ranges.ts';
import { ldapSource } from '../../src/publisher/sources/ldap/ldap.ts';
import type { LdapSource } from '../../src/publisher/source-config.ts';
import { authority } from '../support/endpoint.ts';
import { ber, done, entry, LdapServer, reference, type Attributes } from '../support/ldap-server.ts';
import { folder, refusalFrom, rowsFrom } from './sourced.ts';

let server: LdapServer;
beforeEach(async () => {
  server = await LdapServer.start();
});
afterEach(async () => {
  await server.stop();
});

const BASE = 'dc=example,dc=org';
const ldap = (keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> => ({
  type: 'ldap',
  url: server.url,
  base_dn: BASE,
  ...('filter' in keys ? {} : { preset: 'active-directory' }),
  ...keys,
});
const person = (i: number, more: Attributes = {}) =>
  entry(`cn=${i},${BASE}`, { mail: [`user${i}@example.org`], ...more });
const user = (i: number) => `user${i}@example.org`;

/** A person cannot be both in a refused list and published. */
const refused = async (keys = {}): Promise<string> => await refusalFrom(ldap(keys));

describe('pages', () => {
  test('all of them are read, an empty one in the middle too', async () => {
    server.handler = ({ cookie }) => {
      if (cookie === '') return [person(1), person(2), done(0, '', 'a')];
      if (cookie === 'a') return [done(0, '', 'b')];
      if (cookie === 'b') return [done(0, '', 'c')];
      return [person(3), done()];
    };
    expect(await rowsFrom(ldap())).toEqual([user(1), user(2), user(3)]);
    expect(server.searches.map(({ cookie }) => cookie)).toEqual(['', 'a', 'b', 'c']);
    expect(server.connections).toBe(1);
  });

  test('a server that does not know pages gives all at once', async () => {
    server.handler = () => [person(1), person(2), done(0, '', null)];
    expect(await rowsFrom(ldap())).toEqual([user(1), user(2)]);
  });

  test.each([
    [4, /^SOURCE list gave only a part, up to its size limit; let this reader have all .*LDAP result 4: no more/],
    [3, /^SOURCE list gave only a part, up to its time limit .*LDAP result 3/],
    [11, /^SOURCE list gave only a part, up to a limit of its own.*LDAP result 11/],
    [10, /^SOURCE list refers to another server; name that one .*LDAP result 10/],
    [1, /^SOURCE list refused it .*LDAP result 1/],
    [51, /^SOURCE list is too busy .LDAP result 51/],
    [52, /^SOURCE list is not available .LDAP result 52/],
    [12, /^SOURCE list cannot give its entries in pages .*nobody could tell a part from the whole.*LDAP result 12/],
    [53, /^SOURCE list refused it .*LDAP result 53/],
    [32, /^SOURCE list has no such base_dn/],
  ])('a second page that ends with result %i', async (code, words) => {
    server.handler = ({ cookie }) =>
      cookie === '' ? [person(1), done(0, '', 'a')] : [person(2), done(code, 'no more')];
    expect(await refused()).toMatch(words);
  });
});

describe('a connection that is lost', () => {
  test.each<[string, LdapServer['handler']]>([
    ['within a page', () => [person(1), null]],
    ['before a second page', ({ cookie }) => (cookie === '' ? [person(1), done(0, '', 'a')] : [null])],
    ['between two pages', ({ cookie }) => (cookie === '' ? [person(1), done(0, '', 'a'), null] : [person(2), done()])],
    ['within an entry', ({ connection }) => (connection.write(person(1).subarray(0, 12)), [null])],
  ])('%s: no other takes its place', async (_, handler) => {
    server.handler = handler;
    expect(await refused()).toMatch(/^SOURCE list (failed: |the connection is lost)/);
    expect(server.connections).toBe(1);
  });

  test('and over StartTLS as well', async () => {
    server.handler = ({ cookie, connection }) => {
      if (cookie === '') return [person(1), done(0, '', 'a')];
      connection.destroy();
      return [];
    };
    expect(await refused({ starttls: true, ca_file: ca() })).toMatch(/^SOURCE list (failed: |the connection is lost)/);
    expect([server.connections, server.searches.length]).toEqual([1, 2]);
  });

  test('a server that says nothing more', async () => {
    server.handler = () => [person(1)];
    const source = { name: 'list', starttls: false, ...ldap() } as unknown as LdapSource;
    const read = async (patience: { connect: number; answer: number; total: number }) => {
      for await (const _ of ldapSource(source, patience).read(new Date())) continue;
    };
    await expect(read({ connect: 5000, answer: 300, total: 60_000 })).rejects.toThrow(/^list failed: .*timed out/);
    await expect(read({ connect: 5000, answer: 60_000, total: 300 })).rejects.toThrow('list not done within 0.3 s');
    server.tls = false;
    const started = { ...source, starttls: true, ca_file: ca() };
    const shaking = async () => {
      for await (const _ of ldapSource(started, { connect: 150, answer: 60_000, total: 60_000 }).read(new Date()))
        continue;
    };
    await expect(shaking()).rejects.toThrow('list no TLS within 0.15 s');
  });
});

describe('a part that is elsewhere', () => {
  test('a reference to a child domain ends it', async () => {
    server.handler = () => [person(1), reference('ldap://child.example.org/DC=child,DC=example,DC=org??sub'), done()];
    expect(await refused()).toMatch(
      /^SOURCE list refers to ldap:\/\/child\.example\.org\/.* for a part of the directory/,
    );
  });

  test('those that every domain has hold no recipients', async () => {
    server.handler = () => [
      person(1),
      reference('ldap://DomainDnsZones.example.org/DC=DomainDnsZones,DC=example,DC=org'),
      reference('ldap://ForestDnsZones.example.org/DC=ForestDnsZones,DC=example,DC=org'),
      reference('ldaps://example.org/CN=Configuration,DC=example,DC=org'),
      done(),
    ];
    expect(await rowsFrom(ldap())).toEqual([user(1)]);
  });
});

describe('an attribute that comes in ranges', () => {
  const MANY = Array.from({ length: 4000 }, (_, i) => `smtp:alias${String(i).padStart(4, '0')}@example.org`);
  const asked = () => server.searches.slice(1).map(({ base, attributes }) => [base, ...attributes]);

  /** Gives `size` values at a time, as a domain controller does with 1500. */
  function ranges(
    size: number,
    change: (values: string[], from: number) => [string, string[]] | null = () => null,
  ): void {
    server.handler = ({ attributes }) => {
      const from = Number(/;range=(\d+)-\*$/.exec(attributes[0] ?? '')?.[1] ?? 0);
      const values = MANY.slice(from, from + size);
      const to = from + size >= MANY.length ? '*' : String(from + values.length - 1);
      const [key, given] = change(values, from) ?? [`proxyAddresses;range=${from}-${to}`, values];
      return [entry(`cn=many,${BASE}`, { ...(from === 0 ? { proxyAddresses: [] } : {}), [key]: given }), done()];
    };
  }

  test('all 4000 values are asked for, in three parts', async () => {
    ranges(1500);
    const rows = await rowsFrom(ldap());
    expect(rows).toEqual(MANY.map((each) => each.slice(5)));
    expect(asked()).toEqual([
      [`cn=many,${BASE}`, 'proxyAddresses;range=1500-*'],
      [`cn=many,${BASE}`, 'proxyAddresses;range=3000-*'],
    ]);
  });

  test.each<[string, Parameters<typeof ranges>[1], RegExp]>([
    [
      'the next part is empty',
      (_, from) => (from > 0 ? [`proxyAddresses;range=${from}-*`, []] : null),
      /gave no values from 1500 on/,
    ],
    [
      'the next part is another',
      (values, from) => (from > 0 ? ['proxyAddresses;range=3000-*', values] : null),
      /asked from 1500 on/,
    ],
    [
      'a part is shorter than it says',
      (values, from) => [`proxyAddresses;range=${from}-${from + 1499}`, values.slice(1)],
      /gave 1499 values as 0 to 1499/,
    ],
    [
      'it is not said which part it is',
      (values, from) => [`proxyAddresses;range=${from}-${from + 1499}x`, values],
      /gave a part of proxyAddresses of one entry without saying which/,
    ],
    [
      'a part that is two at once',
      (values, from) => [`proxyAddresses;range=${from}-*;range=${from}-${from + 1499}`, values],
      /without saying which/,
    ],
    ['the attribute is gone', (_, from) => (from > 0 ? ['mail', []] : null), /gave no values from 1500 on/],
  ])('%s: no part is taken for the whole', async (_, change, words) => {
    ranges(1500, change);
    const found = await refused();
    expect(found).toMatch(/^SOURCE list /);
    expect(found).toMatch(words);
  });

  test('parts without end: no more than a thousand are asked for', async () => {
    server.handler = ({ attributes }) => {
      const from = Number(/;range=(\d+)-\*$/.exec(attributes[0] ?? '')?.[1] ?? 0);
      return [entry(`cn=many,${BASE}`, { [`proxyAddresses;range=${from}-${from}`]: [`smtp:a${from}@x.org`] }), done()];
    };
    expect(await refused()).toMatch(/^SOURCE list gives an entry in more than 1000 parts$/);
    expect(asked()).toHaveLength(1000);
  });

  test('the rest of values with an option is asked for with it, and not for those without', async () => {
    server.handler = ({ attributes }) =>
      attributes[0]?.includes('range') === true
        ? [entry(`cn=many,${BASE}`, { [attributes[0]]: ['c@example.org'] }), done()]
        : [person(1, { 'mail;lang-de;range=0-1': ['a@example.org', 'b@example.org'] }), done()];
    expect(await rowsFrom(ldap())).toEqual(['a@example.org', 'b@example.org', 'c@example.org', user(1)]);
    expect(asked()).toEqual([[`cn=1,${BASE}`, 'mail;lang-de;range=2-*']]);
  });

  test.each<[string, Attributes]>([
    ['whole and in ranges', { mail: ['a@example.org'], 'mail;range=0-*': ['b@example.org'] }],
    ['in two ranges', { 'mail;range=0-*': ['a@example.org'], 'MAIL;RANGE=0-*': ['b@example.org'] }],
  ])('the same attribute %s: which one holds is not guessed', async (_, attributes) => {
    server.handler = () => [entry(`cn=1,${BASE}`, attributes), done()];
    expect(await refused()).toMatch(/^SOURCE list gave mail of one entry twice, once in ranges$/i);
  });

  test('an entry with more values than a call takes arguments', async () => {
    const many = Array.from({ length: 200_000 }, (_, i) => `u${i}@example.org`);
    const reader = { entry: () => Promise.reject(new Error('asked once more')) };
    const found = await attributesOf('list', { dn: BASE, mail: many.slice(0, 10), 'mail;x': many.slice(10) }, reader);
    expect(found.get('mail')).toEqual(many);
  });

  test('an entry that is gone meanwhile', async () => {
    ranges(1500);
    const { handler } = server;
    server.handler = (search) =>
      search.attributes[0]?.includes('1500') === true ? [done(32, 'gone', null)] : handler(search);
    expect(await refused()).toMatch(/LDAP result 32: gone/);
    server.handler = (search) =>
      search.attributes[0]?.includes('1500') === true ? [done(0, '', null)] : handler(search);
    expect(await refused()).toMatch(/an entry that was just given is not there any more/);
  });
});

describe('what an entry of Active Directory stands for', () => {
  const rows = async (...entries: Attributes[]): Promise<string[]> => {
    server.handler = () => [...entries.map((each, i) => entry(`cn=${i},${BASE}`, each)), done()];
    return await rowsFrom(ldap());
  };

  test('its SMTP addresses in any case, and mail; nothing of another kind', async () => {
    const found = await rows({
      proxyAddresses: [
        'SMTP:Alice@Example.org',
        'smtp:a.smith@example.org',
        'Smtp: spaced@example.org',
        'X500:/o=x/cn=y',
        'sip:alice@example.org',
        'EUM:1@example.org',
        'x400:c=US',
      ],
      mail: ['alice@example.org'],
      'MAIL;lang-de': ['alice.de@example.org'],
    });
    expect(found).toEqual(['a.smith@example.org', 'alice.de@example.org', 'alice@example.org', 'spaced@example.org']);
  });

  test('a contact outside is not ours, one in a domain with mailboxes is', async () => {
    const user1 = { objectClass: ['top', 'user'], mail: ['user1@example.org'] };
    const contact = (address: string): Attributes => ({ objectClass: ['top', 'person', 'contact'], mail: [address] });
    expect(await rows(contact('x@gmail.example'), contact('shared@example.org'), user1)).toEqual([
      'shared@example.org',
      'user1@example.org',
    ]);
  });

  test('a mail user: not the address its mail is sent on to, unless that is in a domain of ours', async () => {
    const mailUser = {
      proxyAddresses: ['SMTP:bob@example.org', 'smtp:bob@tenant.onmicrosoft.example'],
      mail: ['bob@example.org'],
      targetAddress: ['SMTP:bob@tenant.onmicrosoft.example'],
    };
    const moved = { proxyAddresses: ['SMTP:eve@example.org'], targetAddress: ['SMTP:eve@example.org'] };
    expect(await rows(mailUser, moved)).toEqual(['bob@example.org', 'eve@example.org']);
  });

  test('an address that is none is named, and ends it', async () => {
    server.handler = () => [person(1, { proxyAddresses: ['smtp:a,b@example.org'] }), done()];
    expect(await refused()).toMatch(/^INVALID_ENTRY list, value \d: the entry has no @/);
  });

  test('a value that is not UTF-8', async () => {
    server.handler = () => [person(1, { mail: [Buffer.from('j\xfcrgen@example.org', 'latin1')] }), done()];
    expect(await refused()).toBe('SOURCE list: a value of mail is not UTF-8');
  });

  test('a directory without any', async () => {
    expect(await refused()).toMatch(/^SOURCE list gave no address/);
  });
});

test('a filter of ones own: its attributes, mail where none is named', async () => {
  server.handler = () => [
    person(1, { alias: ['x@example.org'], proxyAddresses: ['smtp:p@example.org', 'sip:p2@example.org'] }),
    done(),
  ];
  expect(await rowsFrom(ldap({ filter: '(objectClass=person)' }))).toEqual([user(1)]);
  const attributes = ['alias', 'proxyAddresses'];
  expect(await rowsFrom(ldap({ filter: 'objectClass=person', attributes }))).toEqual([
    'p@example.org',
    'x@example.org',
  ]);
  expect(server.searches.at(-1)?.attributes).toEqual(attributes);
});

const ca = (): string => {
  const file = path.join(folder(), 'ca.pem');
  writeFileSync(file, authority().cert);
  return file;
};
const password = (content: string, mode = 0o600): string => {
  const file = path.join(folder(), 'password');
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
};

describe('the log-in', () => {
  test('binds with the password of the file, over TLS', async () => {
    server.handler = () => [person(1), done()];
    const keys = { starttls: true, ca_file: ca(), bind_dn: 'cn=reader', password_file: password('se cret\n') };
    expect(await rowsFrom(ldap(keys))).toEqual([user(1)]);
    expect(server.binds).toEqual(['cn=reader se cret']);
  });

  test('a refused one ends it', async () => {
    server.bindResult = 49;
    expect(await refused({ bind_dn: 'cn=reader', password_file: password('x') })).toMatch(
      /^SOURCE list refused bind_dn and password \(LDAP result 49/,
    );
    expect(server.searches).toEqual([]);
  });

  test('an empty password, which would be nobody s, and one that others can read', async () => {
    expect(await refused({ bind_dn: 'cn=reader', password_file: password('\n') })).toMatch(
      /^CONFIG password_file .* is empty/,
    );
    expect(await refused({ bind_dn: 'cn=reader', password_file: password('x', 0o640) })).toMatch(
      /^SOURCE list gave no address/,
    );
    expect(await refused({ bind_dn: 'cn=reader', password_file: password('x', 0o644) })).toMatch(
      /^CONFIG password_file .*\(mode 644\): chmod 0600/,
    );
    expect(server.binds).toEqual(['cn=reader x']);
  });

  test('a certificate of an authority that nobody named: no password is sent', async () => {
    const keys = { starttls: true, bind_dn: 'cn=reader', password_file: password('secret') };
    expect(await refused(keys)).toMatch(/^SOURCE list failed: /);
    expect([server.connections, server.binds]).toEqual([1, []]);
  });

  test.each(['for another name', 'expired', 'self-signed', 'of another authority'] as const)(
    'a certificate %s: no password is sent',
    async (kind) => {
      server.certificate = kind;
      const keys = { starttls: true, ca_file: ca(), bind_dn: 'cn=reader', password_file: password('secret') };
      expect(await refused(keys)).toMatch(/^SOURCE list failed: /);
      expect([server.connections, server.binds]).toEqual([1, []]);
    },
  );

  test('what is slipped in behind the answer to StartTLS is not taken for the server s', async () => {
    // The beginning of an entry that would swallow what follows.
    const whole = ber(
      0x30,
      ber(0x02, Buffer.from([4])),
      entry('cn=evil', { mail: ['evil@example.org', 'x'.repeat(200)] }),
    );
    server.injected = whole.subarray(0, -100);
    server.handler = () => [person(1), done()];
    expect(await refused({ starttls: true, ca_file: ca() })).toMatch(/^SOURCE list /);
    expect(server.searches).toEqual([]);
  });
});

describe('a configuration that cannot be meant', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    [
      'a password in the clear',
      { url: 'ldap://dc1.example.org', bind_dn: 'cn=x', password_file: '/p' },
      /without TLS anybody on the way reads the password/,
    ],
    ['a list in the clear', { url: 'ldap://192.168.1.1' }, /without TLS anybody on the way/],
    ['StartTLS over TLS', { url: 'ldaps://dc1.example.org', starttls: true }, /starttls is for ldap: URLs/],
    [
      'a password in the URL',
      { url: 'ldaps://cn=x:secret@dc1.example.org' },
      /url is only ldap: or ldaps:, host and port/,
    ],
    ['a base in the URL', { url: 'ldaps://dc1.example.org/dc=example' }, /url is only ldap: or ldaps:, host and port/],
    ['another scheme', { url: 'https://dc1.example.org' }, /url must be like "ldaps:/],
    ['a bind_dn alone', { bind_dn: 'cn=x' }, /bind_dn and password_file go together/],
    [
      'an unknown preset',
      { preset: 'exchange' },
      /there is no preset "exchange"; there are active-directory, openldap/,
    ],
    ['a preset of JavaScript', { preset: 'constructor' }, /there is no preset "constructor"/],
    ['attributes with a preset', { attributes: ['mail'] }, /attributes go with filter/],
    ['a filter that is none', { filter: '(&(mail=*)' }, /filter .* cannot be read/],
    [
      'an attribute that is none',
      { filter: '(mail=*)', attributes: ['mail;x'] },
      /"mail;x" cannot be the name of an attribute/,
    ],
  ];
  test.each(cases)('%s', async (_, keys, words) => {
    const found = await refused(keys);
    expect(found).toMatch(/^CONFIG list: /);
    expect(found).toMatch(words);
    expect(found).not.toContain('secret');
    expect(server.connections).toBe(0);
  });
});
