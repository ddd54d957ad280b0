// `relaymap-publish inspect` says of published files what a gateway would say of them, and whether a stranger may
// read them.
// Covers src/gateway/fetch/inspect.ts, src/bin/publisher/inspect/inspect-command.ts
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, COMMAND, finished, people } from '../publisher/central.ts';
import type { Finished } from '../support/finished.ts';
import { configure, serving, stop, TOKEN, type Serving } from '../publisher/serving.ts';
import { spawn } from 'node:child_process';
import { authority, certificate, Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey, type Lies } from '../support/forger.ts';

const DAY = 86_400_000;
const ROWS = ['alice@example.org', 'bob@example.org', 'postmaster@shop.example.org'];

class Desk {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-inspect-'));
  readonly forger = new Forger('example-org', [new SigningKey()]);

  constructor() {
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true }));
    mkdirSync(this.at('keys'));
    this.forger.signers.forEach(({ publicPem }, i) => writeFileSync(this.at('keys', `${i}.pub`), publicPem));
    writeFileSync(this.at('ca.pem'), authority().cert);
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  /** Publishes and lays the files into a folder. */
  folder(lies: Lies = {}, name = 'out'): string {
    this.forger.publish(ROWS, lies);
    for (const [file, bytes] of this.forger.files) {
      mkdirSync(path.dirname(this.at(name, file)), { recursive: true });
      writeFileSync(this.at(name, file), bytes);
    }
    return this.at(name);
  }
}

async function inspect(...args: string[]): Promise<Finished> {
  const env = { ...process.env, NO_COLOR: '1' };
  return await finished(
    spawn(process.execPath, [COMMAND, 'inspect', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}

describe('a directory', () => {
  test('whole and signed: the manifest on stdout, exit 0', async () => {
    const desk = new Desk();
    const { status, stdout, stderr } = await inspect(desk.folder(), '--keys', desk.at('keys'));
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'example-org', version: 1, tables: { recipients: { rows: 3 } } });
    expect(stderr).toContain(`it has a signature by the key ${desk.forger.signers[0]?.keyid ?? ''}, a trusted key`);
    expect(stderr).toContain('the table is whole: 3 rows in 2 domains');
    expect(stderr).not.toMatch(/error|warning|anonymous/);
    for (const row of ROWS) expect(stdout + stderr).not.toContain(row);
  });

  test('without keys: shown, and said to be unverified', async () => {
    const { status, stdout, stderr } = await inspect(new Desk().folder());
    expect([status, (JSON.parse(stdout) as { version: number }).version]).toEqual([0, 1]);
    expect(stderr).toMatch(/warning: no signature was verified; to verify them: --keys DIR/);
  });

  test.each<[string, Lies, number]>([
    ['BAD_SIGNATURE', { signers: [new SigningKey()] }, 1],
    ['WRONG_TYPE', { type: 'application/json' }, 1],
    ['BAD_MANIFEST', { manifest: (m) => ({ ...m, version: 0 }) }, 1],
    ['UNSUPPORTED_FORMAT', { manifest: (m) => ({ ...m, format: 2 }) }, 1],
    ['EXPIRED', { created: Date.now() - 2 * DAY, lifetime: 86_400 }, 1],
    ['NETWORK', { table: (t) => ({ ...t, sha256: '0'.repeat(64) }) }, 2], // no such file
    ['LENGTH_MISMATCH', { table: (t) => ({ ...t, rows: 4 }) }, 1],
    ['NOT_CANONICAL', { text: Buffer.from('b@example.org\na@example.org\n') }, 1],
  ])('%s is the first failing code', async (code, lies, status) => {
    const desk = new Desk();
    const run = await inspect(desk.folder(lies), '--keys', desk.at('keys'));
    expect(run.stderr).toMatch(new RegExp(`^error: ${code}: `, 'm'));
    expect(run.status).toBe(status);
    if (/SIGN|TYPE|MANIFEST|FORMAT|EXPIRED/.test(code)) expect(run.stdout).toBe('');
  });

  test('two bundles below it: both are shown, and the one that fails decides', async () => {
    const desk = new Desk();
    desk.folder({}, 'stick/a');
    desk.folder({ signers: [new SigningKey()] }, 'stick/b');
    const run = await inspect(desk.at('stick'), '--keys', desk.at('keys'));
    expect([run.status, (JSON.parse(run.stdout) as { version: number }).version]).toEqual([1, 1]);
    expect(run.stderr).toContain('BAD_SIGNATURE');
  });

  test('nothing there, keys that are none: exit 2 with the reason', async () => {
    const desk = new Desk();
    expect((await inspect(desk.at('nothing'))).stderr).toMatch(/error: NETWORK: .*nothing/);
    mkdirSync(desk.at('empty'));
    const run = await inspect(desk.folder(), '--keys', desk.at('empty'));
    expect([run.status, run.stderr]).toEqual([2, expect.stringMatching(/error: CONFIG: .*empty holds 0/)]);
  });
});

describe('a URL', () => {
  let central: Central;
  let at: Serving;
  const options = () => ['--ca-file', central.at('ca.pem'), '--keys', central.at('pub')];
  beforeAll(async () => {
    central = new Central({ kept: true });
    mkdirSync(central.at('pub'));
    central.keys.forEach(({ publicPem }, i) => writeFileSync(central.at('pub', `${i}.pub`), publicPem));
    for (const count of [300, 301]) {
      central.rows(people(count));
      await central.publish();
    }
    configure(central, 'token_file = @token');
    at = await serving(central);
    writeFileSync(central.at('secret'), `${TOKEN}\n`, { mode: 0o600 });
  });
  afterAll(async () => {
    await stop(at);
    central.remove();
  });

  test('with its token: verified, its delta too, and strangers get nothing', async () => {
    const { status, stdout, stderr } = await inspect(at.url, ...options(), '--token-file', central.at('secret'));
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ version: 2 });
    expect(stderr).toContain('1 of 1 deltas are whole');
    expect(stderr).toMatch(/an anonymous request gets nothing \(HTTP_STATUS: .*401/);
    expect(stdout + stderr).not.toContain(TOKEN);
  });

  test('without: HTTP_STATUS, exit 2', async () => {
    const { status, stdout, stderr } = await inspect(at.url, ...options());
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/error: HTTP_STATUS: .*401/);
    expect(stderr).not.toMatch(/warning/);
  });

  test('an authority that is not trusted: TLS', async () => {
    const { status, stderr } = await inspect(at.url, '--token-file', central.at('secret'));
    expect([status, stderr]).toEqual([2, expect.stringMatching(/error: TLS: /)]);
  });

  test('a list that anybody may read is a warning', async () => {
    const desk = new Desk();
    desk.forger.publish(ROWS);
    const endpoint = await Endpoint.start(desk.forger.files);
    onTestFinished(() => endpoint.stop());
    const run = await inspect(endpoint.url, '--ca-file', desk.at('ca.pem'), '--keys', desk.at('keys'));
    expect(run.status, run.stderr).toBe(0);
    expect(run.stderr).toMatch(/^warning: an anonymous request may read it: every address of the site/m);
  });

  test('the address of manifest.json itself, or without the last slash, means the same', async () => {
    for (const url of [`${at.url}manifest.json`, at.url.replace(/\/$/, '')]) {
      expect((await inspect(url, ...options(), '--token-file', central.at('secret'))).status).toBe(0);
    }
  });

  test.each(['http://localhost/', 'https://user:pass@localhost/', 'ftp://localhost/'])('%s is CONFIG', async (url) => {
    const { status, stderr } = await inspect(url);
    expect([status, stderr]).toEqual([2, expect.stringContaining('error: CONFIG: ')]);
  });
});

test('a client certificate is shown where the server wants one; half of it is CONFIG', async () => {
  const central = new Central();
  central.rows(people(30));
  await central.publish();
  configure(central, 'client_ca = @ca.pem');
  const at = await serving(central);
  const { key, cert } = certificate('good');
  writeFileSync(central.at('c.key'), key, { mode: 0o600 });
  writeFileSync(central.at('c.pem'), cert);
  const ca = ['--ca-file', central.at('ca.pem')];
  const pair = ['--client-cert', central.at('c.pem'), '--client-key', central.at('c.key')];
  const run = await inspect(at.url, ...ca, ...pair);
  expect(run.status, run.stderr).toBe(0);
  expect(run.stderr).not.toContain('an anonymous request may read it');
  expect((await inspect(at.url, ...ca)).status).toBe(2);
  expect((await inspect(at.url, ...ca, ...pair.slice(0, 2))).stderr).toContain(
    '--client-cert and --client-key go together',
  );
  await stop(at);
});
