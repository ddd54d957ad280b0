// The access log of `serve`: a line for each request, which names who is sure to have asked, no address and no token;
// written beside the answers, and rotated under them. A gateway is taken away by its token.
// Covers src/publisher/serve
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { connect } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, people, type Published } from '../publisher/central.ts';
import { ask, configure, serving, stop, TOKEN, type Serving } from '../publisher/serving.ts';
import { authority, certificate } from '../support/endpoint.ts';
import { Gateway } from '../support/gateway.ts';
import { fullDisk } from '../support/room.ts';

interface Line {
  readonly time: string;
  readonly site: string | null;
  readonly method: string;
  readonly path: string | null;
  readonly status: number;
  readonly bytes: number;
  readonly ms: number;
  readonly complete: boolean;
  readonly userAgent: string | null;
  readonly cn: string | null;
  readonly token: string | null;
}

const KEYS = 'time site method path status bytes ms complete userAgent cn token'.split(' ');
const MX1 = 'the-token-of-mx1-0123456789';
const MX2 = 'the-token-of-mx2-0123456789';

let central: Central;
let v1: Published;
let at: Serving;
let log: string;
let said: string;

async function begin(lines: string): Promise<void> {
  central = new Central({ kept: true });
  central.rows(people(200));
  v1 = await central.publish();
  mkdirSync(central.at('tokens'));
  for (const [name, token] of Object.entries({ mx1: MX1, mx2: MX2 }))
    writeFileSync(central.at('tokens', name), `${token}\n`, { mode: 0o600 });
  log = central.at('access.json');
  configure(central, lines);
  at = await serving(central);
  said = '';
  at.child.stderr?.on('data', (text: string) => (said += text));
}

async function end(): Promise<void> {
  const { status, stderr } = await stop(at);
  central.remove();
  expect([status, [MX1, MX2, TOKEN].filter((token) => stderr.includes(token))]).toEqual([0, []]);
}

const parsed = (file = log): Line[] => {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
};

async function until(so: () => boolean): Promise<void> {
  while (!so()) {
    expect(at.child.exitCode, said).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The lines that a few requests make. */
async function logged(requests: () => Promise<unknown>, count = 1): Promise<Line[]> {
  const before = parsed().length;
  await requests();
  await until(() => parsed().length >= before + count);
  return parsed().slice(before);
}

describe('with tokens by name', () => {
  beforeAll(() => begin('tokens = @tokens\ntoken_file = @token\naccess_log = @access.json'));
  afterAll(end);

  test('a gateway fetches: its name, and what it says of itself; all keys, no address, no token', async () => {
    const gateway = new Gateway();
    onTestFinished(() => gateway.remove());
    writeFileSync(gateway.at('token'), MX1, { mode: 0o600 });
    const bundle = { name: 'example-org', urls: [`https://localhost:${at.port}/`], keys: central.keys };
    gateway.configure([{ ...bundle, lines: `token_file = "${gateway.at('token')}"` }], '[report]\nid = "mx-one"\n');
    const before = Date.now();
    const lines = await logged(async () => expect((await gateway.fetch()).outcome).toBe('installed'), 2);
    const table = `/recipients/${v1.sha256}.gz`;
    expect(lines.map(({ path, status }) => [path, status])).toEqual([
      ['/manifest.json', 200],
      [table, 200],
    ]);
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(KEYS);
      expect(line).toMatchObject({ site: '/', method: 'GET', complete: true, cn: null, token: 'mx1' });
      expect(line.userAgent).toMatch(/^relaymap\/\S+ \(example-org=0; last=-; id=mx-one\)$/);
      expect(Date.parse(line.time)).toBeGreaterThanOrEqual(before - 1000);
      expect(line.ms).toBeGreaterThanOrEqual(0);
    }
    expect(lines[1]?.bytes).toBe(v1.manifest.tables.recipients.wireBytes);
    const text = readFileSync(log, 'utf8');
    for (const word of ['127.0.0.1', '::1', MX1, MX2, TOKEN]) expect(text).not.toContain(word);
    expect(statSync(log).mode & 0o777).toBe(0o640);
  });

  test('the shared token has no name, none is none, and a secret in a query is not written down', async () => {
    const lines = await logged(async () => {
      await ask(at.port, '/manifest.json');
      await ask(at.port, '/manifest.json?token=secret', { token: 'wrong-token-0123456789', method: 'HEAD' });
      await ask(at.port, '/manifest.json', { token: MX2, headers: { 'user-agent': 'caf\u00e9 \u0080 "x"' } });
      await ask(at.port, '/\u001b[31m'.replace('\u001b', '%1b'), { token: MX2, method: 'DELETE' });
    }, 4);
    expect(lines.map(({ method, path, status, token, userAgent }) => [method, path, status, token, userAgent])).toEqual(
      [
        ['GET', '/manifest.json', 200, null, null],
        ['HEAD', '/manifest.json', 401, null, null],
        ['GET', '/manifest.json', 200, 'mx2', 'caf\u00e9 \u0080 "x"'],
        ['DELETE', '/%1b[31m', 405, 'mx2', null],
      ],
    );
    expect(readFileSync(log, 'utf8')).toMatch(/^[ -~\n]*$/);
    expect(readFileSync(log, 'utf8')).not.toContain('secret');
  });

  test('a part, nothing new, and a head have the bytes of their bodies', async () => {
    const table = `/recipients/${v1.sha256}.gz`;
    const lines = await logged(async () => {
      const etag = (await ask(at.port, table)).headers.etag ?? '';
      await ask(at.port, table, { headers: { range: 'bytes=0-99' } });
      await ask(at.port, table, { headers: { 'if-none-match': etag } });
      await ask(at.port, table, { method: 'HEAD' });
    }, 4);
    expect(lines.slice(-3).map(({ status, bytes, complete }) => [status, bytes, complete])).toEqual([
      [206, 100, true],
      [304, 0, true],
      [200, 0, true],
    ]);
  });

  test('who leaves in the middle of a table has not taken it whole', async () => {
    writeFileSync(`${central.output}/recipients/${'0'.repeat(64)}.gz`, Buffer.alloc(64 * 1024 * 1024));
    const [line] = await logged(async () => {
      const socket = connect({ port: at.port, host: '127.0.0.1', servername: 'localhost', ca: authority().cert });
      socket.write(
        `GET /recipients/${'0'.repeat(64)}.gz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${MX1}\r\nUser-Agent: curl\r\n\r\n`,
      );
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
    });
    expect(line).toMatchObject({ status: 200, complete: false, token: 'mx1', userAgent: 'curl' });
    expect(line?.bytes).toBeLessThan(64 * 1024 * 1024);
  });

  test('a token is taken away: 401 with the next request on the same connection, and the others go on', async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca: authority().cert });
    onTestFinished(() => agent.destroy());
    const status = (token: string) =>
      new Promise<number>((resolve, reject) => {
        const options = { agent, port: at.port, host: '127.0.0.1', servername: 'localhost', path: '/manifest.json' };
        https
          .get({ ...options, headers: { authorization: `Bearer ${token}` } }, (answer) => {
            answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
          })
          .on('error', reject);
      });
    expect(await status(MX1)).toBe(200);
    rmSync(central.at('tokens', 'mx1'));
    expect([await status(MX1), await status(MX2), await status(TOKEN)]).toEqual([401, 200, 200]);
    writeFileSync(central.at('tokens', 'mx3'), 'the-token-of-mx3-0123456789', { mode: 0o600 });
    await until(() => /tokens .* has changed and is read again: 2 gateways/.test(said));
    expect(await status('the-token-of-mx3-0123456789')).toBe(200);
  });

  test('logrotate takes the file away again and again while requests come: each has one whole line', async () => {
    // What the package ships, for this file and this user.
    const shipped = readFileSync('packaging/debian/relaymap-publisher/logrotate', 'utf8');
    const user = process.getuid?.() === 0 ? 'su root root' : '';
    const here = shipped.replace('/var/log/relaymap-publish/*.json', log).replace(/su relaymap-publish .*/, user);
    writeFileSync(central.at('rotate.conf'), here, { mode: 0o644 });
    let asked = 0;
    const over = new AbortController();
    // A line of an earlier request may still come: these are told apart by their name.
    const name = 'asks-while-rotated';
    const clients = Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        asked += 1;
        expect((await ask(at.port, '/manifest.json', { token: MX2, headers: { 'user-agent': name } })).status).toBe(
          200,
        );
      }
    });
    const rotated = () => readdirSync(central.dir).filter((name) => name.startsWith('access.json.')).length;
    for (let turn = 1; turn <= 3; turn++) {
      await until(() => existsSync(log) && statSync(log).size > 0);
      execFileSync('logrotate', ['-f', '-s', central.at('rotate.state'), central.at('rotate.conf')]);
      expect(rotated()).toBe(turn);
    }
    await until(() => existsSync(log) && statSync(log).size > 0);
    over.abort();
    await Promise.all(clients);
    const files = () => readdirSync(central.dir).filter((name) => /^access\.json(\.\d+(\.gz)?)?$/.test(name));
    const all = () => files().flatMap((file) => parsed(central.at(file)).filter(({ userAgent }) => userAgent === name));
    await until(() => all().length >= asked);
    expect(all()).toHaveLength(asked);
  });

  test('SIGHUP opens the file by its name again, and another name in the configuration is another file', async () => {
    configure(central, 'tokens = @tokens\ntoken_file = @token\naccess_log = @other.json');
    at.child.kill('SIGHUP');
    await until(() => /the configuration is read again/.test(said));
    await ask(at.port, '/manifest.json', { token: MX2 });
    await until(() => parsed(central.at('other.json')).length === 1);
    configure(central, 'tokens = @tokens\ntoken_file = @token');
    at.child.kill('SIGHUP');
    await until(() => (said.match(/the configuration is read again/g) ?? []).length === 2);
    expect((await ask(at.port, '/manifest.json', { token: MX2 })).status).toBe(200);
    expect(parsed(central.at('other.json'))).toHaveLength(1);
  });
});

describe('with sites of which one asks for a certificate', () => {
  beforeAll(() =>
    begin(`access_log = @access.json
[[serve.site]]
path = "/a/"
output = @output
client_ca = @ca.pem
[[serve.site]]
path = "/b/"
output = @output
tokens = @tokens`),
  );
  afterAll(end);

  test('only a certificate that was verified for the site that is asked has a name', async () => {
    const lines = await logged(async () => {
      await ask(at.port, '/a/manifest.json', { token: null, client: certificate('good') });
      await ask(at.port, '/a/manifest.json', { token: null, client: certificate('of another authority') });
      await ask(at.port, '/a/manifest.json', { token: null });
      await ask(at.port, '/b/manifest.json', { token: MX1, client: certificate('good') });
      await ask(at.port, '/c/manifest.json', { token: MX1, client: certificate('good') });
    }, 5);
    expect(lines.map(({ site, status, cn, token }) => [site, status, cn, token])).toEqual([
      ['/a/', 200, 'a server', null],
      ['/a/', 403, null, null],
      ['/a/', 403, null, null],
      ['/b/', 200, null, 'mx1'],
      [null, 404, null, null],
    ]);
  });
});

test('a full disk: one warning, every request is answered, and the log goes on when there is room', async () => {
  const room = fullDisk();
  onTestFinished(() => room.close());
  room.leave(8192);
  await begin(`token_file = @token\naccess_log = "${room.folder}/access.json"`);
  log = `${room.folder}/access.json`;
  onTestFinished(end);
  const agent = 'x'.repeat(400);
  let asked = 0;
  const request = async () => {
    asked += 1;
    expect((await ask(at.port, '/manifest.json', { headers: { 'user-agent': agent } })).status).toBe(200);
  };
  while (!/cannot be written: ENOSPC.*Requests are answered all the same/.test(said)) await request();
  for (let i = 0; i < 30; i++) await request();
  expect(said.match(/cannot be written/g)).toHaveLength(1);
  room.free();
  await until(() => /is written again; 0 lines are not in it/.test(said));
  await request();
  await until(() => parsed().length >= asked);
  expect(parsed()).toHaveLength(asked);
  expect(said.match(/cannot be written/g)).toHaveLength(1);
});

test('a log that cannot be written at the start does not keep the list from anybody', async () => {
  await begin('token_file = @token\naccess_log = "/nowhere/access.json"');
  onTestFinished(() => central.remove());
  expect((await ask(at.port, '/manifest.json')).status).toBe(200);
  const run = await stop(at);
  expect([run.status, run.stderr.match(/access log \S+ cannot be written: ENOENT/g)]).toEqual([
    0,
    [expect.any(String)],
  ]);
  expect(run.stderr).toMatch(/the access log \S+ lacks 1 lines/);
});

test('a folder of tokens alone lets in who has one; without any it does not start', async () => {
  await begin('tokens = @tokens');
  onTestFinished(end);
  const statuses = [];
  for (const token of [MX1, MX2, TOKEN, null]) statuses.push((await ask(at.port, '/manifest.json', { token })).status);
  expect(statuses).toEqual([200, 200, 401, 401]);
  configure(central, 'tokens = @nowhere');
  const run = await central.run(['serve']);
  expect([run.status, run.stderr]).toEqual([2, expect.stringMatching(/CONFIG: cannot read the folder of tokens/)]);
});
