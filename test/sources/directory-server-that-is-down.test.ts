// Several servers of one directory, on real ones: the next is asked where one is down, and never half of each. And
// a server on this host, through its socket.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startSlapd, type Slapd } from './directories.ts';
import { readLdap } from './querying.ts';
import { freePort } from '../support/postfix.ts';

const PEOPLE = 1500;
let slapd: Slapd;

beforeAll(async () => {
  const top = 'dn: dc=example,dc=org\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n\n';
  const people = Array.from(
    { length: PEOPLE },
    (_, i) =>
      `dn: uid=p${i},dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: p${i}\ncn: p\nsn: p\nmail: p${i}@example.org\n\n`,
  );
  slapd = await startSlapd(top + people.join(''), { open: true });
});
afterAll(async () => {
  await slapd?.stop();
});

const read = async (url: string | readonly string[]) =>
  await readLdap({ url, base_dn: 'dc=example,dc=org', preset: 'openldap' }, []);

test('the first is down: the second gives all of it', async () => {
  const down = `ldap://127.0.0.1:${await freePort()}`;
  const up = `ldap://127.0.0.1:${slapd.port}`;
  for (const url of [`${down} ${up}`, [down, up], [up, down]]) {
    const { rows, refusal } = await read(url);
    expect([rows.length, refusal]).toEqual([PEOPLE, '']);
  }
});

test('all are down: each is named', async () => {
  const [one, other] = [await freePort(), await freePort()];
  const { rows, refusal } = await read([`ldap://127.0.0.1:${one}`, `ldap://127.0.0.1:${other}`]);
  expect(rows).toEqual([]);
  expect(refusal).toMatch(
    new RegExp(`^SOURCE the table \\(127.0.0.1:${one}\\) .*; the table \\(127.0.0.1:${other}\\) `),
  );
});

test('the first is lost on the way: no half of it, and none of the second', async () => {
  const lost = await between(slapd.port, 20_000);
  let asked = 0;
  const second = createServer((socket) => {
    asked++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(second, 'listening');
  onTestFinished(() => void second.close());
  const { rows, refusal } = await read([
    `ldap://127.0.0.1:${lost}`,
    `ldap://127.0.0.1:${(second.address() as AddressInfo).port}`,
  ]);
  expect([rows, asked]).toEqual([[], 0]);
  expect(refusal).toMatch(/^SOURCE the table \(127\.0\.0\.1:\d+\) /);
});

test('through a socket, and through one that is not there', async () => {
  expect(await read(slapd.ldapi)).toMatchObject({ rows: { length: PEOPLE }, refusal: '' });
  expect(
    await read(slapd.ldapi.replace('ldapi://', 'ldapi:///').replaceAll('%2F', '/').replace('////', '///')),
  ).toMatchObject({
    rows: { length: PEOPLE },
  });
  expect((await read('ldapi:///nowhere/ldapi')).refusal).toMatch(/^SOURCE the table failed: .*ENOENT/);
});

/** A way to a server that cuts the connection after so many bytes of answers. */
async function between(port: number, bytes: number): Promise<number> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    let seen = 0;
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.pipe(server);
    server.on('data', (data) => {
      seen += data.length;
      if (seen < bytes) client.write(data);
      else for (const socket of [client, server]) socket.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  onTestFinished(() => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  });
  return (relay.address() as AddressInfo).port;
}
