// A real Postfix relays mail to the next hop that the list names, and after an update to another one, without a
// reload. What would defeat that, check finds; where mail would go, lookup says.
// Covers src/gateway/check/next-hops.ts, src/gateway/lookup/where-to.ts
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishHops, route } from '../support/next-hops.ts';
import { startGateway, startPrimary, until, type Postfix } from '../support/postfix.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';
import { SmtpClient } from '../support/smtp.ts';

const ASKS = 'domains = ["example.org", "*.example.org"]\nnext_hops = ["127.0.0.0/8"]';
const MAILBOXES = ['alice', 'bob', 'postmaster'].map((name) => `${name}@example.org`);

let scene: Scene;
let gateway: Postfix;
let primaries: Postfix[];

const to = (i: number): string => `[127.0.0.1]:${primaries[i]?.port ?? 0}`;

beforeAll(async () => {
  const primary = () => startPrimary({ domains: ['example.org'], mailboxes: MAILBOXES });
  primaries = [await primary(), await primary()];
  scene = await Scene.open({ bundle: ASKS, installed: false });
  publishHops(scene, LIST, [route('example.org', to(0))]);
  await scene.installs(1, LIST);
  const mapDir = scene.gateway.mapDir;
  const mainCf = { transport_maps: `cdb:${mapDir}/transport`, relay_transport: 'relay' };
  gateway = await startGateway({ mapDir, mainCf });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), ...(primaries ?? []).map((primary) => primary.stop()), scene?.close()]);
});

/** How many messages for this address have come to each primary. */
const come = (address: string): Promise<number[]> =>
  Promise.all(primaries.map(async (primary) => (await primary.log(new RegExp(`to=<${address}>.*status=sent`))).length));

/** Sends a message, and waits until it has come. @returns to which primary */
async function sent(address: string): Promise<number> {
  const before = await come(address);
  const client = await SmtpClient.connect(gateway.port);
  expect((await client.mail('sender@example.net')).code).toBe(250);
  expect((await client.rcpt(address)).code).toBe(250);
  expect((await client.data('Subject: test\r\n\r\ntest')).code).toBe(250);
  await client.quit();
  return until(`mail for ${address} is there`, async () => {
    const at = (await come(address)).findIndex((count, i) => count > (before[i] ?? 0));
    return at < 0 ? undefined : at;
  });
}

/** trivial-rewrite looks every ten seconds whether its tables have changed: mail before that goes by the old one. */
const arrives = (address: string, at: number): Promise<true | undefined> =>
  until(`mail for ${address} goes to primary ${at}`, async () => ((await sent(address)) === at ? true : undefined));

const run = (...args: string[]) => scene.gateway.run(args, { env: gateway.env, mayName: true });
/** What check says, as if on one line. */
const checked = async (): Promise<string> => (await run('check')).stdout.replaceAll(/\s+/g, ' ');
const set = (value: string): void => {
  execFileSync('postconf', ['-c', gateway.configDir, '-e', `transport_maps = ${value}`]);
};

test('mail goes to the next hop that is named, and after an update to the other one', async () => {
  await arrives('alice@example.org', 0);
  publishHops(scene, LONGER, [route('example.org', to(1))]);
  await scene.installs(2, LONGER);
  await arrives('bob@example.org', 1);
  expect((await scene.gateway.run(['rollback'], { env: gateway.env })).status).toBe(0);
  await arrives('postmaster@example.org', 0);
  expect((await scene.gateway.run(['resume'], { env: gateway.env })).status).toBe(0);
  await scene.installs(2, LONGER);
  expect(await gateway.log(/refreshing the Postfix mail system/)).toEqual([]);
});

test('lookup says where mail would go, and by which table', async () => {
  const { stdout } = await run('lookup', 'alice@example.org');
  expect(stdout).toContain(`goes to ${to(1)}, the next hop of example-org version 2`);
  const ours = await gateway.postconf('transport_maps');
  set(`inline:{alice@example.org=smtp:[127.0.0.2]}, ${ours}`);
  expect((await run('lookup', 'alice@example.org')).stdout).toContain('goes to smtp:[127.0.0.2] by inline:');
  expect((await run('lookup', 'bob@example.org')).stdout).toContain(`goes to ${to(1)}`);
  set('');
  expect((await run('lookup', 'bob@example.org')).stdout).toContain('transport_maps does not name');
  set(ours);
});

test('check finds what defeats it', async () => {
  const ours = await gateway.postconf('transport_maps');
  expect(await checked()).not.toMatch(/transport/);
  set('');
  const unnamed = await checked();
  expect(unnamed).toContain("transport_maps does not name relaymap's map");
  expect(unnamed).toContain(`postconf -e 'transport_maps = cdb:${scene.gateway.mapDir}/transport'`);
  set(`inline:{example.org=smtp:[127.0.0.2]}, ${ours}`);
  expect(await checked()).toMatch(/before relaymap's map, and it has rows for example\.org/);
  set(ours);
  publishHops(scene, [...LONGER, 'x@sub.example.org'], [route('example.org', to(1))]);
  await scene.gateway.fetch();
  expect(await checked()).toMatch(/no next hop for sub\.example\.org: their mail goes by the MX/);
  scene.configure({ bundle: 'domains = ["example.org", "*.example.org"]' });
  expect(await checked()).toContain('no bundle of');
  scene.configure({ bundle: ASKS });
});
