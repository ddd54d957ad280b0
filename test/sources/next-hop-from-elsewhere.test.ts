// Next hops that a directory or a web server has, each a real one: all of them are published, or nothing is.
// Covers src/publisher/sources/ldap, src/publisher/sources/http.ts, src/publisher/transport
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { sourceToml } from '../publisher/sourced.ts';
import { authority } from '../support/endpoint.ts';
import { nginx } from '../support/web-server.ts';
import { startSlapd, type Slapd } from './directories.ts';

const COUNT = 700; // more than slapd gives at once

/** An entry for two domains with one next hop, one without any, and one for each of many. */
const entry = (name: string, domains: readonly string[], hop: string | null): string =>
  [
    `dn: o=${name},dc=example,dc=org`,
    'objectClass: organization',
    'objectClass: domainRelatedObject',
    ...(hop === null ? [] : ['objectClass: inetLocalMailRecipient', `mailHost: ${hop}`]),
    `o: ${name}`,
    ...domains.map((domain) => `associatedDomain: ${domain}`),
    '',
    '',
  ].join('\n');

const many = Array.from({ length: COUNT }, (_, i) => `d${i}.example.org`);
const HOPS = ['example.net\t[mx.example.org]:2525', 'example.org\t[mx.example.org]:2525'];
const EXPECTED = [...HOPS, ...many.map((domain) => `${domain}\tmail.example.org`)].sort();

let slapd: Slapd;
beforeAll(async () => {
  slapd = await startSlapd(
    [
      entry('two', ['example.org', 'Example.NET'], '[MX.example.org]:2525'),
      entry('none', ['nowhere.example.org'], null),
      ...many.map((domain) => entry(domain, [domain], 'mail.example.org')),
    ].join(''),
  );
});
afterAll(() => slapd?.stop());

/** A list of one address, and this source of next hops. */
function central(keys: Readonly<Record<string, unknown>>): Central {
  const made = new Central({ further: sourceToml({ name: 'hops', table: 'transport', ...keys }) });
  made.rows(['a@example.org']);
  return made;
}

function hopsOf(at: Central): string[] {
  const { tables } = at.published().manifest as unknown as { tables: { transport: { sha256: string } } };
  const wire = readFileSync(path.join(at.output, 'transport', `${tables.transport.sha256}.gz`));
  return gunzipSync(wire).toString().split('\n').slice(0, -1);
}

describe('a directory', () => {
  const keys = (more: object = {}) => ({
    type: 'ldap',
    url: slapd.ldaps,
    base_dn: slapd.base,
    filter: '(objectClass=domainRelatedObject)',
    attributes: ['associatedDomain', 'mailHost'],
    ...slapd.tls,
    ...more,
  });

  test('each domain of an entry has its next hop, over more pages than one; without one it has none', async () => {
    const at = central(keys());
    await at.publish();
    expect(hopsOf(at)).toEqual(EXPECTED);
  });

  test('a reader who gets only the first 500 publishes nothing', async () => {
    await central(keys({ bind_dn: `cn=limited,${slapd.base}` })).refused(2, /hops.*size ?limit/is);
  });

  test('an entry with two next hops: nobody knows which', async () => {
    await central(keys({ attributes: ['o', 'associatedDomain'], filter: '(o=two)' })).refused(2, /several values/);
  });
});

describe('a web server', () => {
  const site = 'server { listen 127.0.0.1:@port ssl; ssl_certificate @cert; ssl_certificate_key @key; root @dir; }';
  const served = async (text: string, more: object = {}) => {
    const server = await nginx(site);
    writeFileSync(path.join(server.dir, 'hops.txt'), text);
    writeFileSync(path.join(server.dir, 'ca.pem'), authority().cert);
    const url = `https://localhost:${server.port}/hops.txt`;
    return central({ type: 'http', url, ca_file: path.join(server.dir, 'ca.pem'), ...more });
  };

  test('lines of text', async () => {
    const at = await served(`# ours\n${EXPECTED.join('\n')}\n`);
    await at.publish();
    expect(hopsOf(at)).toEqual(EXPECTED);
  });

  test('a transport map of Postfix', async () => {
    const map =
      'example.org relay:[mx.example.org]:2525\nexample.net smtp:[mx.example.org]:2525\nhere.example local:\n';
    const at = await served(map, { format: 'postfix' });
    await at.publish();
    expect(hopsOf(at)).toEqual(HOPS);
  });

  test.each([
    ['a list of addresses', 1, 'a@example.org\nb@example.org\n', {}, /has no next hop/],
    ['a page of HTML', 1, '<!doctype html>\n<html><body>Log in</body></html>\n', {}, /hops/],
    ['nothing', 2, '', {}, /gave no next hop/],
    ['a table of columns', 2, 'domain,hop\nexample.org,[mx.example.org]\n', { format: 'csv' }, /gives no next hops/],
  ])('%s is refused, and nothing is published', async (_, status, text, more, words) => {
    await (await served(text, more)).refused(status, words);
  });
});
