// A nameserver that is silent. Node's own lookup has two threads for all names: with some mirrors whose names do
// not resolve it would have none for the others, and every bundle of the host would be late.
// Covers src/io/net/resolve-name.ts, src/io/net/hosts-file.ts, src/io/net/dialer.ts, src/io/net/open-socket.ts
import { describe, expect, onTestFinished, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey } from '../support/forger.ts';
import { Gateway } from '../support/gateway.ts';
import { amongNames, nameserver } from '../support/host-names.ts';
import { LdapServer } from '../support/ldap-server.ts';
import { LIST } from '../support/scene.ts';

const LIMITS = '[limits]\nidle_timeout = "2s"\n';
const DEAD = ['one', 'two', 'three', 'four'].map((name) => `${name}.mirror.example.net`);

/** Two bundles: one with dead mirrors before its good one, the other with a good one alone. */
async function gateway(host: string): Promise<{ gateway: Gateway; endpoint: Endpoint }> {
  const endpoint = await Endpoint.start(new Map());
  const gateway = new Gateway();
  onTestFinished(async () => {
    await endpoint.stop();
    gateway.remove();
  });
  const key = new SigningKey();
  const forgers = ['slow', 'quick'].map((name) => new Forger(name, [key]));
  const good = (name: string) => `https://${host}:${endpoint.port}/list/${name}/`;
  gateway.configure(
    forgers.map(({ name }) => ({
      name,
      urls: [...(name === 'slow' ? DEAD.map((dead) => `https://${dead}/`) : []), good(name)],
      keys: [key],
      lines: 'domains = ["example.org"]',
    })),
    LIMITS,
  );
  for (const forger of forgers) {
    forger.publish(LIST);
    for (const [file, bytes] of forger.files) endpoint.files.set(`${forger.name}/${file}`, bytes);
  }
  return { gateway, endpoint };
}

test('four names that nobody resolves: the fifth mirror and the other bundle are current', async () => {
  const dns = await nameserver({});
  const { gateway: host } = await gateway('localhost');
  const run = await host.fetch([], { under: amongNames({ nameservers: [dns.address] }) });
  expect(
    run.bundles.map(({ name, outcome, code }) => [name, outcome, code]),
    run.stderr,
  ).toEqual([
    ['slow', 'installed', null],
    ['quick', 'installed', null],
  ]);
  expect([...dns.asked].sort()).toEqual([...DEAD].sort());
  for (const name of DEAD) expect(run.stderr).toMatch(new RegExp(`${name}: .*name`));
});

test('a name that the nameserver knows is found beside names on which it is silent', async () => {
  const dns = await nameserver({ 'localhost.example.net': '127.0.0.1' });
  const { gateway: host, endpoint } = await gateway('localhost.example.net');
  const run = await host.fetch([], { under: amongNames({ nameservers: [dns.address] }) });
  // The certificate is another host's: what matters here is that both got as far as asking for it.
  expect(
    run.bundles.map(({ code }) => code),
    run.stderr,
  ).toEqual(['TLS', 'TLS']);
  expect(endpoint.take()).toEqual([]);
  expect(host.maps()).toEqual({});
});

test.each([
  ['does not exist', { 'one.mirror.example.net': null }, /NETWORK.*one\.mirror\.example\.net.*ENOTFOUND/],
  ['has no nameserver at all', null, /NETWORK.*one\.mirror\.example\.net/],
])('a name that %s fails by itself, and says so', async (_, known, says) => {
  const dns = known === null ? null : await nameserver(known);
  const { gateway: host } = await gateway('localhost');
  const run = await host.fetch([], {
    under: amongNames({ nameservers: dns === null ? ['127.0.0.254'] : [dns.address] }),
  });
  expect(run.outcome, run.stderr).toBe('installed');
  expect(run.stderr).toMatch(says);
});

describe('the drivers of databases and directories', () => {
  const sql = (url: string) => `url = "${url}?connect_timeout=20"\nquery = "SELECT a FROM b"`;
  const ldap = (url: string) => `url = "${url}"\nbase_dn = "dc=example,dc=org"\npreset = "active-directory"`;
  const further = (type: string, lines: string) => `[[source]]\nname = "far"\ntype = "${type}"\n${lines}\n`;

  // getaddrinfo(3) would keep a thread of this process, and with it the end of the process, for five minutes.
  test.each([
    ['sql', sql('postgres://reader@db.example.net/mail')],
    ['sql', sql('mysql://reader@db.example.net/mail')],
    ['ldap', ldap('ldaps://db.example.net/')],
    ['ldap', `${ldap('ldap://db.example.net/')}\nstarttls = true`],
  ])('a name on which the nameserver is silent, for %s: %s', async (type, lines) => {
    const dns = await nameserver({});
    const central = new Central({ further: further(type, lines) });
    central.rows(LIST);
    const started = performance.now();
    const names = { nameservers: [dns.address], resolv: ['options timeout:30 attempts:5'] };
    const run = await central.run(['publish'], amongNames(names));
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/SOURCE.*far failed: .*(ETIMEOUT|no address for the name) ?db\.example\.net/);
    expect(performance.now() - started).toBeLessThan(100_000);
    expect([...dns.asked]).toEqual(['db.example.net']);
  });

  test('a name that only the nameserver knows is found', async () => {
    const dns = await nameserver({ 'db.example.net': '127.0.0.1' });
    const server = await LdapServer.start();
    onTestFinished(() => server.stop());
    const url = server.url.replace('localhost', 'db.example.net');
    const central = new Central({ further: further('ldap', `${ldap(url)}\nstarttls = true`) });
    central.rows(LIST);
    const run = await central.run(['publish'], amongNames({ nameservers: [dns.address] }));
    // The certificate is another host's, and of an authority that nobody trusts: it got as far as that.
    expect([run.status, server.connections, server.binds], run.stderr).toEqual([2, 1, []]);
    expect(run.stderr).toMatch(/SOURCE.*far failed: .*certificate/);
  });
});
