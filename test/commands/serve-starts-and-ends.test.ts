// How `relaymap-publish serve` starts, refuses to start, and ends.
// Covers src/publisher/serve
// Covers src/bin/publisher/serve-command.ts, src/bin/publisher/serve-pages.ts
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { ask, configure, serving, stop, TOKEN } from '../publisher/serving.ts';
import { authority } from '../support/endpoint.ts';
import { Gateway } from '../support/gateway.ts';

describe('does not start: exit 2, in words', () => {
  async function refused(
    lines: string,
    words: RegExp,
    listen?: string,
    spoil?: (central: Central) => void,
  ): Promise<void> {
    const central = new Central();
    configure(central, lines, listen);
    spoil?.(central);
    const run = await central.run(['serve']);
    expect([run.status, run.stdout], run.stderr).toEqual([2, '']);
    expect(run.stderr).toMatch(words);
    expect(run.stderr).not.toMatch(/INTERNAL|ERR_|error:[0-9A-F]{8}/);
    expect(run.stderr.trim().split('\n')).toHaveLength(1);
  }

  test('neither token nor client_ca, unless it is public on purpose', async () => {
    await refused('', /token_file.*client_ca.*public = true/);
    await refused('public = false', /public = true/);
    const central = new Central();
    central.rows(['a@example.org']);
    await central.publish();
    configure(central, 'public = true');
    const at = await serving(central);
    expect((await ask(at.port, '/manifest.json', { token: null })).status).toBe(200);
    expect((await stop(at)).status).toBe(0);
  });

  test('no [serve]', async () => {
    const central = new Central();
    const run = await central.run(['serve']);
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('[serve]') as string]);
  });

  test('a token that is missing, empty or short', async () => {
    await refused('token_file = @absent', /token_file.*absent/);
    await refused('token_file = @token', /token_file/, undefined, (c) => writeFileSync(c.at('token'), '\n'));
    await refused('token_file = @token', /token_file.*16/, undefined, (c) => writeFileSync(c.at('token'), 'short'));
  });

  test('a certificate or key that is missing, none, or not of a pair', async () => {
    const put = (name: string, text: string) => (c: Central) => writeFileSync(c.at(name), text);
    await refused('public = true', /serve\.(cert|key)/, undefined, put('tls.pem', 'not a certificate'));
    await refused('public = true', /serve\.(cert|key)/, undefined, put('tls.key', 'not a key'));
    await refused('public = true', /serve\.(cert|key)/, undefined, put('tls.key', authority().key));
    await refused('client_ca = @absent', /client_ca.*absent/);
    await refused('client_ca = @ca.pem', /client_ca/, undefined, put('ca.pem', 'not a certificate'));
  });

  test('an address that is none, or none of this host', async () => {
    for (const listen of ['8443', 'localhost', '::1:8443', '127.0.0.1:65536', ':8443', '[::1]', '127.0.0.1:']) {
      await refused('public = true', /serve\.listen/, listen);
    }
    await refused('public = true', /cannot listen on 192\.0\.2\.1/, '192.0.2.1:0');
  });

  test('a port that is in use', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as net.AddressInfo;
    await refused('public = true', new RegExp(`127\\.0\\.0\\.1:${port}.*in use`), `127.0.0.1:${port}`);
  });
});

test('listens on [::1], and a gateway fetches from there', async () => {
  const central = new Central();
  central.rows(['a@example.org']);
  await central.publish();
  configure(central, 'token_file = @token', '[::1]:0');
  const at = await serving(central);
  expect(at.url).toMatch(/^https:\/\/\[::1\]:\d+\/$/);
  expect((await ask(at.port, '/manifest.json', { host: '::1' })).status).toBe(200);
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  const lines = `token_file = ${JSON.stringify(gateway.at('token'))}`;
  writeFileSync(gateway.at('token'), TOKEN, { mode: 0o600 });
  gateway.configure([{ name: 'example-org', urls: [at.url], keys: central.keys, lines }]);
  const run = await gateway.fetch();
  expect([run.status, run.outcome], run.stdout).toEqual([0, 'installed']);
  expect((await stop(at)).status).toBe(0);
});

test('nothing published yet: 404, and from the first publish on 200', async () => {
  const central = new Central();
  configure(central, 'token_file = @token');
  const at = await serving(central);
  expect((await ask(at.port, '/manifest.json')).status).toBe(404);
  central.rows(['a@example.org']);
  await central.publish();
  expect((await ask(at.port, '/manifest.json')).status).toBe(200);
  expect((await stop(at)).status).toBe(0);
});

describe('SIGTERM is not held up', () => {
  test.each([
    ['a connection that never says hello', false],
    ['a request that is never ended', true],
  ])('by %s', async (_, tls) => {
    const central = new Central();
    central.rows(['a@example.org']);
    await central.publish();
    configure(central, 'public = true');
    const at = await serving(central);
    onTestFinished(() => void at.child.kill('SIGKILL'));
    const socket = tls
      ? connect({ port: at.port, host: '127.0.0.1', rejectUnauthorized: false }, () =>
          socket.write('GET /manifest.json HTTP/1.1\r\nHost:'),
        )
      : net.connect(at.port, '127.0.0.1');
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, tls ? 'secureConnect' : 'connect');
    await sleep(300); // what was written is on its way
    const started = performance.now();
    expect((await stop(at)).status).toBe(0);
    expect(performance.now() - started).toBeLessThan(60_000);
  });
});
