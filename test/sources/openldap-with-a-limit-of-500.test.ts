// OpenLDAP with 10,000 people and a server-side limit of 500: every address is published and no other, or nothing is.
// Covers src/publisher/sources/ldap
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { sourceToml } from '../publisher/sourced.ts';
import { startSlapd, type Slapd } from './directories.ts';

const PEOPLE = 10_000;
const STATUS: Readonly<Record<number, string>> = { 3: 'disabled', 4: 'noaccess', 5: 'deleted', 6: 'active' };

interface Person {
  readonly ldif: string;
  /** What its mail system takes mail for. */
  readonly accepted: readonly string[];
  readonly refused: readonly string[];
}

function person(i: number): Person {
  const addresses: string[] = [];
  const lines: string[] = [];
  const add = (attribute: string, address: string) => {
    addresses.push(address.toLowerCase());
    lines.push(`${attribute}: ${address}`);
  };
  const classes = ['inetOrgPerson'];
  if (i % 50 !== 1) add('mail', i % 9 === 0 ? `Person${i}@Example.ORG` : `person${i}@example.org`);
  if (i % 10 === 0) {
    classes.push('inetLocalMailRecipient');
    add('mailLocalAddress', `local${i}@sub.example.org`);
    lines.push('mailRoutingAddress: elsewhere@routing.example', 'mailHost: mx.routing.example');
  }
  if (i % 7 === 0 || STATUS[i % 100] !== undefined) classes.push('qmailUser');
  if (i % 7 === 0) for (const n of [1, 2, 3]) add('mailAlternateAddress', `alias${i}.${n}@example.org`);
  const status = STATUS[i % 100];
  if (status !== undefined) lines.push(`accountStatus: ${status}`);
  const isRefused = status === 'disabled' || status === 'deleted';
  const dn = `dn: uid=p${i},dc=example,dc=org`;
  const ldif = [
    dn,
    ...classes.map((each) => `objectClass: ${each}`),
    `uid: p${i}`,
    `cn: P ${i}`,
    `sn: ${i}`,
    ...lines,
    '',
    '',
  ].join('\n');
  return { ldif, accepted: isRefused ? [] : addresses, refused: isRefused ? addresses : [] };
}

const people = Array.from({ length: PEOPLE }, (_, i) => person(i));
const ACCEPTED = [...new Set(people.flatMap(({ accepted }) => accepted))].sort();
const TRAPS =
  people.flatMap(({ refused }) => refused).length +
  people.filter(({ accepted, refused }) => accepted.length + refused.length === 0).length;
let slapd: Slapd;

beforeAll(async () => {
  slapd = await startSlapd(people.map(({ ldif }) => ldif).join(''));
});
afterAll(async () => {
  await slapd?.stop();
});

/** A publisher whose only other source is a list of one. */
function publisher(keys: Readonly<Record<string, unknown>>): Central {
  const central = new Central({ policy: 'postmaster = false' });
  central.rows(['other@elsewhere.example']);
  const source = { type: 'ldap', base_dn: slapd.base, preset: 'openldap', ...slapd.tls, ...keys, name: 'people' };
  central.configure({ policy: 'postmaster = false', further: sourceToml(source) });
  return central;
}

describe('all addresses and no other', () => {
  test.each<[string, () => Record<string, unknown>]>([
    ['over LDAPS', () => ({ url: slapd.ldaps })],
    ['over StartTLS', () => ({ url: slapd.ldap, starttls: true })],
    ['in the clear on loopback', () => ({ url: slapd.ldap })],
  ])('%s', async (way, keys) => {
    const central = publisher(keys());
    const { rows } = await central.publish();
    expect(rows.filter((row) => row !== 'other@elsewhere.example')).toEqual(ACCEPTED);
    process.stdout.write(
      `slapd ${way}: ${PEOPLE} entries, ${ACCEPTED.length} addresses as expected, ${TRAPS} traps left out\n`,
    );
  });

  test('by a filter of ones own', async () => {
    const central = publisher({
      url: slapd.ldaps,
      preset: undefined,
      filter: '(&(objectClass=inetOrgPerson)(mail=person1*))',
    });
    const { rows } = await central.publish();
    const wanted = people.flatMap((_, i) =>
      i % 50 !== 1 && String(i).startsWith('1') ? [`person${i}@example.org`] : [],
    );
    expect(rows.filter((row) => row !== 'other@elsewhere.example')).toEqual(wanted.sort());
  });
});

describe('a part is not published', () => {
  test('a reader who may have 500 and no more', async () => {
    const central = publisher({ url: slapd.ldaps, bind_dn: `cn=limited,${slapd.base}` });
    const run = await central.refused(
      2,
      /^error: SOURCE: people gave only a part, up to its size limit; let this reader have all/,
    );
    expect(run.stderr).toContain('LDAP result 4');
  });

  test('a reader who may see nothing, a wrong password, another base', async () => {
    await publisher({ url: slapd.ldaps, bind_dn: undefined, password_file: undefined }).refused(2, /SOURCE: people /);
    await publisher({ url: slapd.ldaps, bind_dn: `cn=nobody,${slapd.base}` }).refused(
      2,
      /refused bind_dn and password/,
    );
    await publisher({ url: slapd.ldaps, base_dn: 'dc=example,dc=com' }).refused(
      2,
      /SOURCE: people has no such base_dn|LDAP result/,
    );
  });

  test('a server that is not the one that was meant: no certificate of a known authority, or of another name', async () => {
    await publisher({ url: slapd.ldaps, ca_file: undefined }).refused(2, /SOURCE: people failed: .*certificate/);
    await publisher({ url: slapd.ldap, starttls: true, ca_file: undefined }).refused(
      2,
      /SOURCE: people failed: .*certificate/,
    );
    // It is there, and its certificate is good, but not for this address.
    const elsewhere = (url: string) => url.replace('localhost', '127.0.0.2');
    const words = /SOURCE: people failed: .*127\.0\.0\.2/;
    await publisher({ url: elsewhere(slapd.ldaps) }).refused(2, words);
    await publisher({ url: elsewhere(slapd.ldap), starttls: true }).refused(2, words);
  });
});
