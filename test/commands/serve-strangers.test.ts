// `relaymap-publish serve` holds every address of the site: whoever may not read gets nothing, and nothing but the
// published files is there.
// Covers src/publisher/serve
// Covers src/io/net/limit-connections.ts
import { mkdirSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, people, type Published } from '../publisher/central.ts';
import { ask, configure, serving, stop, TOKEN, type Serving } from '../publisher/serving.ts';
import { certificate, type Certificate } from '../support/endpoint.ts';
import { sha256 } from '../support/forger.ts';
import { Gateway } from '../support/gateway.ts';
import { injected, injecting } from '../support/injection.ts';

/** One published list, served with a token for as long as a block of tests. */
function served(
  lines: string,
  listen?: string,
): { readonly port: number; readonly central: Central; readonly v1: Published; at: Serving } {
  const held = {} as { central: Central; v1: Published; at: Serving };
  beforeAll(async () => {
    held.central = new Central({ kept: true });
    held.central.rows(people(2000));
    held.v1 = await held.central.publish();
    configure(held.central, lines, listen);
    held.at = await serving(held.central);
  });
  afterAll(async () => {
    await stop(held.at);
    held.central.remove();
  });
  return {
    get port() {
      return held.at.port;
    },
    get central() {
      return held.central;
    },
    get v1() {
      return held.v1;
    },
    get at() {
      return held.at;
    },
    set at(value: Serving) {
      held.at = value;
    },
  };
}

describe('with a token', () => {
  const site = served('token_file = @token');
  const table = () => `/recipients/${site.v1.sha256}.gz`;

  test('who has it reads, with the right sizes and types of caching', async () => {
    const manifest = await ask(site.port, '/manifest.json');
    expect(manifest.status).toBe(200);
    expect(JSON.parse(manifest.body.toString())).toHaveProperty('payload');
    expect(manifest.headers['cache-control']).toMatch(/private/);
    expect(manifest.headers['cache-control']).toMatch(/no-cache|max-age=\d{1,2}$/);
    const blob = await ask(site.port, table());
    expect([blob.status, blob.body.length]).toEqual([200, site.v1.manifest.tables.recipients.wireBytes]);
    expect(blob.headers['content-length']).toBe(String(blob.body.length));
    expect(blob.headers['content-encoding']).toBeUndefined();
    expect(blob.headers['cache-control']).toMatch(/private.*immutable/);
    expect(manifest.headers['etag']).toMatch(/^(W\/)?".+"$/);
  });

  test.each([
    ['none', null],
    ['an empty one', ''],
    ['another', 'another-token-of-the-same-kind-000'],
    ['its beginning', TOKEN.slice(0, -1)],
    ['more than it', `${TOKEN}x`],
    ['upper case', TOKEN.toUpperCase()],
  ])('%s: 401 for whatever is asked, with no body', async (_, token) => {
    for (const path of ['/manifest.json', table(), '/', '/nothing', '/../state/state.json']) {
      for (const method of ['GET', 'HEAD', 'POST']) {
        const answer = await ask(site.port, path, { token, method });
        expect([answer.status, answer.body.length]).toEqual([401, 0]);
        expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
        expect(answer.headers['etag']).toBeUndefined();
      }
    }
  });

  test('a token elsewhere than in Authorization: Bearer is none', async () => {
    const none = { token: null };
    const wrong: Record<string, string>[] = [
      { authorization: TOKEN },
      { authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` },
      { authorization: `Bearer x ${TOKEN}` },
      { cookie: `token=${TOKEN}` },
    ];
    for (const headers of wrong)
      expect((await ask(site.port, '/manifest.json', { ...none, headers })).status).toBe(401);
    expect((await ask(site.port, `/manifest.json?token=${TOKEN}`, none)).status).toBe(401);
  });

  test('HEAD, If-None-Match and Range', async () => {
    for (const path of ['/manifest.json', table()]) {
      const whole = await ask(site.port, path);
      const head = await ask(site.port, path, { method: 'HEAD' });
      expect([head.status, head.body.length, head.headers['content-length']]).toEqual([
        200,
        0,
        String(whole.body.length),
      ]);
      const etag = whole.headers['etag'] ?? '';
      const same = await ask(site.port, path, { headers: { 'if-none-match': etag } });
      expect([same.status, same.body.length]).toEqual([304, 0]);
      expect((await ask(site.port, path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
      const part = await ask(site.port, path, { headers: { range: 'bytes=10-19' } });
      expect([part.status, part.body]).toEqual([206, whole.body.subarray(10, 20)]);
      expect((await ask(site.port, path, { headers: { range: 'bytes=99999999-' } })).status).toBe(416);
    }
  });

  test('nothing else is there, however it is asked for', async () => {
    const { central } = site;
    writeFileSync(`${central.output}/.manifest.json.new`, 'half');
    writeFileSync(`${central.output}/recipients/.${site.v1.sha256}.gz.new`, 'half');
    writeFileSync(`${central.output}/secret.json`, 'secret');
    writeFileSync(`${central.output}/recipients/secret.gz`, 'secret');
    mkdirSync(`${central.output}/keyring/1.json`, { recursive: true });
    const hash = site.v1.sha256;
    const paths = [
      '/', '', '//', '/manifest', '/manifest.json/', '//manifest.json', '/./manifest.json', '/x/../manifest.json', '/MANIFEST.JSON',
      '/%6danifest.json', '/manifest%2ejson', '/manifest.json%00', '/manifest.json%20', '/manifest.json.', '/manifest.json;x', '/manifest.json#x',
      '/.manifest.json.new', `/recipients/.${hash}.gz.new`, '/secret.json', '/recipients/secret.gz',
      '/recipients', '/recipients/', '/recipients/.', `/recipients/${hash}`, `/recipients/${hash.toUpperCase()}.gz`, `/recipients//${hash}.gz`,
      `/recipients%2f${hash}.gz`, `/recipients/%2e%2e/manifest.json`, `/recipients/${'0'.repeat(64)}.gz`, `/recipients/${hash}-${hash}.delta.gz`,
      `/recipients/${'0'.repeat(64)}-${hash}.delta.gz`, '/keyring/', '/keyring/1.json', '/keyring/0.json', '/keyring/2.json',
      '/..%2fstate%2fstate.json', '/../state/state.json', '/%2e%2e/state/state.json', '/recipients/../../state/state.json', '/..%5cstate%5cstate.json',
      '/%2e%2e%2f0.key', '/%c0%ae%c0%ae/0.key', '/%', '/%zz', '/\\..\\0.key', '/state/state.json', '/0.key', '/publish.toml', '/favicon.ico',
      '/nothing?/manifest.json', '/secret.json?manifest.json', '*', `https://127.0.0.1/../state/state.json`, '/'.repeat(4000),
    ]; // prettier-ignore
    for (const path of paths) {
      const answer = await ask(site.port, path).catch((error: unknown) => String(error));
      if (typeof answer === 'string') {
        // Node's own client refuses to send it.
        expect(answer, path).toMatch(/unescaped characters/);
        continue;
      }
      expect([400, 401, 404], `${path} gives ${answer.status}`).toContain(answer.status);
      expect(answer.body.toString(), path).not.toMatch(/half|secret|example-org|PRIVATE|highest|<pre>/);
    }
  });

  test('a query changes nothing of what is read', async () => {
    const answer = await ask(site.port, '/manifest.json?x=/../../state/state.json');
    expect([200, 404]).toContain(answer.status);
    if (answer.status === 200) expect(JSON.parse(answer.body.toString())).toHaveProperty('payloadType');
  });

  test('what is not there, or not to be had, is not kept by any cache', async () => {
    for (const path of ['/nothing', `/recipients/${'0'.repeat(64)}.gz`, '/keyring/9.json']) {
      const answer = await ask(site.port, path);
      expect(answer.status).toBe(404);
      expect(answer.headers['cache-control'] ?? 'no-store', path).not.toMatch(/immutable|max-age=[1-9]/);
    }
    const range = await ask(site.port, table(), { headers: { range: 'bytes=99999999-' } });
    expect(range.headers['cache-control'] ?? 'no-store').not.toMatch(/immutable|max-age=[1-9]/);
  });

  test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])('%s: 405', async (method) => {
    for (const path of ['/manifest.json', '/nothing']) {
      const answer = await ask(site.port, path, { method });
      expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET, HEAD']);
    }
    expect(site.central.published().manifest.version).toBe(1);
  });

  test('plain HTTP gets no answer but an end, and so do bytes that are no TLS', async () => {
    for (const bytes of ['GET /manifest.json HTTP/1.1\r\nHost: x\r\n\r\n', '\u0016\u0003\u0001\u00ff\u00ff']) {
      const got = await new Promise<string>((resolve) => {
        let text = '';
        const socket = net.connect(site.port, '127.0.0.1', () => socket.end(bytes));
        socket.on('data', (part) => (text += part.toString('latin1')));
        socket.on('error', () => undefined).on('close', () => resolve(text));
      });
      expect(got).not.toContain('payload');
    }
    expect((await ask(site.port, '/manifest.json')).status).toBe(200);
  });

  test('TLS 1.1 is refused', async () => {
    const asked = new Promise((resolve, reject) => {
      https
        .request(
          {
            port: site.port,
            host: '127.0.0.1',
            path: '/manifest.json',
            maxVersion: 'TLSv1.1',
            minVersion: 'TLSv1',
            rejectUnauthorized: false,
            agent: false,
          },
          resolve,
        )
        .on('error', reject)
        .end();
    });
    await expect(asked).rejects.toThrow();
  });

  test('a gateway: installs, is told 304 when nothing changed, takes the delta, and stays out with another token', async () => {
    const gateway = new Gateway();
    onTestFinished(() => gateway.remove());
    const { central } = site;
    writeFileSync(gateway.at('token'), `${TOKEN}\n`, { mode: 0o600 });
    const url = `https://localhost:${site.port}/`;
    gateway.configure([
      { name: 'example-org', urls: [url], keys: central.keys, lines: `token_file = "${gateway.at('token')}"` },
    ]);
    const first = await gateway.fetch();
    expect([first.status, first.outcome, first.bundle.version, first.bundle.rows], first.stderr).toEqual([
      0,
      'installed',
      1,
      2001,
    ]);
    const second = await gateway.fetch();
    // A 304 has no body.
    expect([second.outcome, second.bundle.wireBytes]).toEqual(['unchanged', 0]);
    central.rows(people(2001));
    await central.publish();
    const third = await gateway.fetch();
    expect([third.outcome, third.bundle.version, third.bundle.via]).toEqual(['installed', 2, 'delta']);
    writeFileSync(gateway.at('token'), 'another-token-of-the-same-kind-000\n', { mode: 0o600 });
    const refused = await gateway.fetch(['--force']);
    expect([refused.status, refused.outcome, refused.bundle.code]).toEqual([2, 'kept', 'HTTP_STATUS']);
    expect(refused.stdout + refused.stderr).not.toContain('another-token');
  });

  test('a publish is seen at once: another ETag, no restart', async () => {
    const before = await ask(site.port, '/manifest.json');
    await site.central.publish('--next-version', '50');
    const after = await ask(site.port, '/manifest.json', {
      headers: { 'if-none-match': before.headers['etag'] ?? '' },
    });
    expect([after.status, sha256(after.body) === sha256(before.body)]).toEqual([200, false]);
  });

  test('SIGTERM ends it cleanly, having said nothing of tokens or addresses', async () => {
    const run = await stop(site.at);
    expect([run.status, run.stderr]).toEqual([0, '']);
    expect(run.stdout).toBe(`serving ${site.at.url}\n`);
  });
});

describe('with client_ca', () => {
  const site = served('client_ca = @ca.pem');
  const withClient = (kind: Certificate) =>
    ask(site.port, '/manifest.json', { token: null, client: certificate(kind) });

  test('a certificate of that authority reads', async () => {
    expect((await withClient('good')).status).toBe(200);
  });

  test('none is refused before anything is asked', async () => {
    await expect(ask(site.port, '/manifest.json', { token: null })).rejects.toThrow(
      /certificate required|ECONNRESET|handshake|socket/i,
    );
  });

  test.each(['of another authority', 'self-signed', 'expired'] as const)('one that is %s is refused', async (kind) => {
    await expect(withClient(kind)).rejects.toThrow();
  });

  test('a gateway with its certificate fetches, and without it says TLS or NETWORK', async () => {
    const gateway = new Gateway();
    onTestFinished(() => gateway.remove());
    const { key, cert } = certificate('good');
    writeFileSync(gateway.at('c.key'), key, { mode: 0o600 });
    writeFileSync(gateway.at('c.pem'), cert);
    const bundle = { name: 'example-org', urls: [`https://localhost:${site.port}/`], keys: site.central.keys };
    gateway.configure([bundle]);
    const refused = await gateway.fetch();
    expect([refused.status, refused.outcome]).toEqual([2, 'kept']);
    expect(refused.bundle.code).toMatch(/^(TLS|NETWORK)$/);
    gateway.configure([
      { ...bundle, lines: `client_cert = "${gateway.at('c.pem')}"\nclient_key = "${gateway.at('c.key')}"` },
    ]);
    expect((await gateway.fetch()).outcome).toBe('installed');
  });
});

test('a disk that fails in the middle of a file ends that answer, and not the server', async () => {
  const central = new Central();
  central.rows(['a@example.org']);
  await central.publish();
  configure(central, 'token_file = @token');
  const path = `/recipients/${'a'.repeat(64)}.gz`;
  writeFileSync(central.output + path, Buffer.alloc(4 << 20));
  const log = central.at('strace.log');
  // Each of the four threads that read counts for itself.
  const call = { name: 'pread64,read', when: 5, path: central.output + path };
  const [strace = '', ...how] = injecting(call, 'EIO', log);
  const at = await serving(central, [strace, '-I', 'waiting', ...how]); // SIGTERM reaches it, and through it the server
  await expect(ask(at.port, path)).rejects.toThrow(/aborted|ECONNRESET|socket hang up/);
  expect(injected(log)).toBe(true);
  expect((await ask(at.port, '/manifest.json')).status).toBe(200);
  const run = await stop(at);
  expect(run.stderr).toBe('');
});

test('whoever asks whether to go on with a body is answered at once, and not told to', async () => {
  const central = new Central();
  central.rows(['a@example.org']);
  await central.publish();
  configure(central, 'token_file = @token');
  const at = await serving(central);
  const headers = { expect: '100-continue' };
  expect((await ask(at.port, '/manifest.json', { headers })).status).toBe(200);
  expect((await ask(at.port, '/manifest.json', { headers, token: null })).status).toBe(401);
  expect((await stop(at)).status).toBe(0);
});

test('with both, both are asked for', async () => {
  const central = new Central();
  central.rows(['a@example.org']);
  await central.publish();
  configure(central, 'client_ca = @ca.pem\ntoken_file = @token');
  const at = await serving(central);
  const client = certificate('good');
  expect((await ask(at.port, '/manifest.json', { client })).status).toBe(200);
  expect((await ask(at.port, '/manifest.json', { client, token: null })).status).toBe(401);
  await expect(ask(at.port, '/manifest.json')).rejects.toThrow();
  expect((await stop(at)).status).toBe(0);
});
