// `serve` runs for years: certificates are renewed, tokens change, customers come, and strangers open connections.
// None of it needs a restart, and none of it keeps a gateway from its list.
import { once } from 'node:events';
import { chmodSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect as tcp, type Socket } from 'node:net';

import { connect as tls } from 'node:tls';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { ask, configure, serving, stop, TOKEN, type Serving } from '../publisher/serving.ts';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { certificate, type Identity } from '../support/endpoint.ts';
import { Scene } from '../support/scene.ts';
import { freePort } from '../support/web-server.ts';

let central: Central;
let at: Serving;
let said: string;

async function begin(lines: string): Promise<void> {
  configure(central, lines);
  at = await serving(central);
  said = '';
  at.child.stderr?.on('data', (text: string) => (said += text));
}

beforeEach(async () => {
  central = new Central();
  central.rows(people(20));
  await central.publish();
});
afterEach(async () => {
  expect((await stop(at)).status).toBe(0);
});

async function says(what: RegExp): Promise<void> {
  while (!what.test(said)) {
    expect(at.child.exitCode, said).toBeNull();
    await once(at.child.stderr as NodeJS.EventEmitter, 'data');
  }
}

/** The certificate that is shown to whoever connects now. */
async function shown(): Promise<string> {
  const socket = tls({ port: at.port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return raw.toString('base64');
}

const body = ({ cert }: Identity): string => cert.replace(/-----[^-]+-----|\s/g, '');

describe('a certificate that is renewed as certbot does it', () => {
  /** `archive` holds numbered files, `live` the links that a server names. */
  function live(number: number, { key, cert }: Identity, parts: ('cert' | 'key')[] = ['cert', 'key']): void {
    for (const part of parts) {
      const file = central.at(`archive-${part}${number}.pem`);
      writeFileSync(file, part === 'key' ? key : cert, { mode: 0o600 });
      const link = central.at(part === 'key' ? 'tls.key' : 'tls.pem');
      unlinkSync(link);
      symlinkSync(file, link);
    }
  }

  test('is shown to the next connection; while the two do not fit, the pair of before is', async () => {
    await begin('token_file = @token');
    live(1, certificate('good'));
    await says(/read again/);
    live(2, certificate('self-signed'), ['cert']);
    await says(/serve\.key .* does not belong to serve\.cert .*What was read before stays in use/);
    expect(await shown()).toBe(body(certificate('good')));
    expect((await ask(at.port, '/manifest.json')).status).toBe(200);
    live(2, certificate('self-signed'), ['key']);
    said = '';
    await says(/read again/);
    expect(await shown()).toBe(body(certificate('self-signed')));
  });
});

test('a token that is changed: the new one counts, the old one no longer, and an empty file changes nothing', async () => {
  await begin('token_file = @token');
  const next = 'another-token-of-more-than-16-characters';
  writeFileSync(central.at('token'), '');
  await says(/token_file .* is empty.*What was read before stays in use/);
  expect((await ask(at.port, '/manifest.json')).status).toBe(200);
  writeFileSync(central.at('token.new'), next, { mode: 0o600 });
  renameSync(central.at('token.new'), central.at('token'));
  await says(/read again/);
  expect((await ask(at.port, '/manifest.json', { token: next })).status).toBe(200);
  expect((await ask(at.port, '/manifest.json', { token: TOKEN })).status).toBe(401);
});

test('SIGHUP: another configuration counts at once, and a wrong one leaves the old one', async () => {
  await begin('token_file = @token');
  configure(central, 'token_file = @token\npublik = true', `127.0.0.1:${at.port}`);
  at.child.kill('SIGHUP');
  await says(/CONFIG: .*publik.*the old configuration stays in use/);
  expect((await ask(at.port, '/manifest.json', { token: null })).status).toBe(401);
  configure(central, 'public = true', '127.0.0.1:0');
  at.child.kill('SIGHUP');
  await says(/the configuration is read again/);
  expect((await ask(at.port, '/manifest.json', { token: null })).status).toBe(200);
});

describe('several sites', () => {
  const other = 'the-token-of-the-other-customer';
  beforeEach(async () => {
    mkdirSync(central.at('b'));
    writeFileSync(central.at('b', 'manifest.json'), '"of b"');
    writeFileSync(central.at('b.token'), other, { mode: 0o600 });
    const site = (name: string, lines: string) => `[[serve.site]]\npath = "/${name}/"\n${lines}\n`;
    await begin(
      site('a', `output = ${JSON.stringify(central.output)}\ntoken_file = @token`) +
        site('b', 'output = @b\ntoken_file = @b.token') +
        site('b/c', `output = ${JSON.stringify(central.output)}\nclient_ca = @ca.pem`),
    );
  });

  test('each has its own folder and its own token, and there is nothing beside them', async () => {
    const status = async (where: string, token: string | null) => (await ask(at.port, where, { token })).status;
    expect(await status('/a/manifest.json', TOKEN)).toBe(200);
    expect((await ask(at.port, '/b/manifest.json', { token: other })).body.toString()).toBe('"of b"');
    for (const [where, token] of [
      ['/a/manifest.json', other],
      ['/b/manifest.json', TOKEN],
      ['/b/manifest.json', null],
    ] as const)
      // prettier-ignore
      expect(await status(where, token)).toBe(401);
    for (const where of ['/manifest.json', '/', '/a', '/c/manifest.json', '/A/manifest.json', '/x/../a/manifest.json'])
      expect(await status(where, TOKEN), where).toBe(404);
    for (const where of [
      '/a/../b/manifest.json',
      '/a/b/manifest.json',
      '/a//manifest.json',
      '/a/%2e%2e/b/manifest.json',
    ])
      expect(await status(where, TOKEN), where).toBe(404);
  });

  test('a site with a client authority lets in whom it has signed, and nobody by a token', async () => {
    const client = certificate('good');
    expect((await ask(at.port, '/b/c/manifest.json', { token: null, client })).status).toBe(200);
    expect((await ask(at.port, '/b/c/manifest.json', { token: other })).status).toBe(403);
    const stranger = certificate('of another authority');
    const answer = await ask(at.port, '/b/c/manifest.json', { token: other, client: stranger }).catch(() => null);
    expect(answer?.status ?? 403).toBe(403);
    expect((await ask(at.port, '/a/manifest.json', { client })).status).toBe(200);
  });
});

test('a key that everybody may read does not start, with the line that mends it', async () => {
  await begin('token_file = @token');
  for (const mode of [0o666, 0o644, 0o660]) {
    chmodSync(central.at('tls.key'), mode);
    const run = await central.run(['serve']);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/serve\.key .*tls\.key can be read or written by others .*chmod 0600 .*tls\.key/);
  }
});

/** Connections that say nothing, as many as are told, open for as long as the other side lets them. */
async function silent(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => tcp(port, '127.0.0.1').on('error', () => undefined));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return sockets;
}

test('350 connections that say nothing, where 256 files may be open: a gateway is answered', async () => {
  configure(central, 'token_file = @token');
  at = await serving(central, ['prlimit', '--nofile=256:256']);
  const sockets = await silent(at.port, 350);
  const answer = await ask(at.port, '/manifest.json');
  expect(answer.status).toBe(200);
  expect(sockets.filter((socket) => !socket.destroyed).length).toBeGreaterThan(0);
});

test('64 connections that say nothing: /healthz answers', async () => {
  await begin('token_file = @token');
  const port = await freePort();
  const scene = await Scene.open({ config: `${WHEN_TOLD}[health]\nlisten = "127.0.0.1:${port}"` });
  onTestFinished(() => scene.close());
  const daemon = new Daemon(scene.gateway);
  await daemon.says(/health: http/);
  await silent(port, 70);
  const [response] = (await once(http.get({ port, path: '/healthz', agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  response.resume();
  expect(response.statusCode).toBe(200);
  expect((await daemon.stop()).status).toBe(0);
});
