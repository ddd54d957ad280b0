// Tokens, certificates and keys change on the disk while the daemon runs. It finds out by itself, and a file that
// it catches half written changes nothing.
// Covers src/gateway/keys
import { chmodSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Daemon, EVERY_SECOND } from '../support/daemon.ts';
import { authority, certificate } from '../support/endpoint.ts';
import { SigningKey } from '../support/forger.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const [FIRST, SECOND] = ['the-first-token-0123456789', 'the-second-token-0123456789'];
let scene: Scene;
/** The token that the server wants. */
let wanted: string;

beforeEach(async () => {
  wanted = FIRST;
  scene = await Scene.open({ installed: false, config: EVERY_SECOND });
  const { gateway, endpoint } = scene;
  for (const secret of [FIRST, SECOND]) gateway.unspeakable.add(secret);
  put(FIRST);
  scene.configure({ bundle: `token_file = "${gateway.at('token')}"` });
  endpoint.misbehaviour = ({ request, response }) => {
    if (request.headers.authorization === `Bearer ${wanted}`) return false;
    response.writeHead(401).end();
    return true;
  };
  scene.publish(LIST);
});
afterEach(() => scene.close());

/** As an administrator does it: beside it, then renamed. */
function put(content: string): void {
  const file = scene.gateway.at('token');
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function begun(): Promise<Daemon> {
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'installed');
  return daemon;
}

test('a token that is changed on both sides: the new list comes without a signal, and without a pause', async () => {
  const daemon = await begun();
  wanted = SECOND;
  await daemon.says(/HTTP_STATUS.*401/);
  scene.publish(LONGER);
  put(SECOND);
  await daemon.says(/installed version 2/);
  expect(daemon.log).toMatch(/example-org: keys and credentials have changed and are read again/);
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect((await daemon.stop()).status).toBe(0);
});

describe('a token file that', () => {
  test.each([
    ['is gone', () => rmSync(scene.gateway.at('token'))],
    ['is empty', () => put('')],
    ['holds two words', () => put('half a-token')],
    ['everybody may read', () => chmodSync(scene.gateway.at('token'), 0o644)],
  ])('%s: the one of before stays in use, it is said once, and the file is right again later', async (_, spoil) => {
    const daemon = await begun();
    spoil();
    await daemon.says(/^warning: example-org: .*token_file.*What was read before stays in use/);
    await daemon.moreCycles(2, 'unchanged');
    expect(daemon.log.match(/What was read before/g)).toHaveLength(1);
    expect(daemon.log).not.toMatch(/401/);
    wanted = SECOND;
    rmSync(scene.gateway.at('token'), { force: true });
    put(SECOND);
    await daemon.says(/are read again/);
    await daemon.moreCycles(1, 'unchanged');
    expect((await daemon.stop()).status).toBe(0);
  });
});

test('another ca_file: servers of the old authority are refused, those of the new one are asked, without a restart', async () => {
  const { gateway } = scene;
  const trust = (pem: string) => {
    writeFileSync(gateway.at('ca.pem.new'), pem);
    renameSync(gateway.at('ca.pem.new'), gateway.at('ca.pem'));
  };
  const daemon = await begun();
  trust(certificate('self-signed').cert);
  await daemon.says(/^(error|warning): .*TLS/);
  expect(scene.rows()).toEqual([...LIST].sort());
  scene.publish(LONGER);
  trust(authority().cert);
  await daemon.says(/installed version 2/);
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect((await daemon.stop()).status).toBe(0);
});

test('a certificate whose key comes a moment later: the pair of before stays until both are there', async () => {
  const { gateway } = scene;
  const files = { cert: gateway.at('c.pem'), key: gateway.at('c.key') };
  const write = (file: string, content: string) => writeFileSync(file, content, { mode: 0o600 });
  const [first, second] = [certificate('good'), certificate('self-signed')];
  write(files.cert, first.cert);
  write(files.key, first.key);
  scene.configure({
    bundle: `token_file = "${gateway.at('token')}"\nclient_cert = "${files.cert}"\nclient_key = "${files.key}"`,
  });
  const daemon = await begun();
  write(files.cert, second.cert);
  await daemon.says(/client_key .* is not the key of client_cert .*What was read before stays in use/);
  await daemon.moreCycles(1, 'unchanged');
  write(files.key, second.key);
  await daemon.says(/are read again/);
  await daemon.moreCycles(1, 'unchanged');
  expect((await daemon.stop()).status).toBe(0);
});

test('a key in the key directory: what it signed counts without a signal, and a folder that is gone changes nothing', async () => {
  const daemon = await begun();
  const next = new SigningKey();
  const [old = ''] = readdirSync(scene.gateway.keyDir());
  renameSync(scene.gateway.keyDir(), scene.gateway.at('away'));
  await daemon.says(/^warning: example-org: .*key directory.*What was read before stays in use/);
  await daemon.moreCycles(1, 'unchanged');
  renameSync(scene.gateway.at('away'), scene.gateway.keyDir());
  writeFileSync(path.join(scene.gateway.keyDir(), 'next.pub'), next.publicPem);
  await daemon.says(/are read again/);
  scene.publish(LONGER, { signers: [next] });
  await daemon.says(/installed version 2/);
  expect(readdirSync(scene.gateway.keyDir()).sort()).toEqual([old, 'next.pub'].sort());
  expect((await daemon.stop()).status).toBe(0);
});
