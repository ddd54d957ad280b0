// What comes from outside holds escapes that clear a terminal, turn text around or begin a log line of their own:
// whatever command meets them, in whatever place, none is printed raw, neither in words nor in JSON.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, COMMAND } from '../publisher/central.ts';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import type { Misbehaviour } from '../support/endpoint.ts';
import { authority } from '../support/endpoint.ts';
import { SigningKey, type Lies } from '../support/forger.ts';
import { command } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

/** Window title, clear, the one-byte form of an escape, text turned around, a line of its own, backspaces. */
const EVIL = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eturned\u2066\nerror: FORGED\r\u0008\u007f';
/** The same, as far as a row may hold it. */
const EVIL_ROW = 'eve\u202e\u2066turned@example.org';

/** Anything but text and line feeds; and a log line that is none of ours. */
function requireTame(text: string): void {
  // eslint-disable-next-line no-control-regex
  const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/u.exec(text);
  expect(raw === null ? null : `${raw[0].codePointAt(0)?.toString(16)} in ${JSON.stringify(text)}`).toBeNull();
  expect(text).not.toMatch(/^(error: )?FORGED/m);
}

interface Ran {
  readonly status: number | null;
  readonly said: string;
}

async function started(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, NO_COLOR: '1', MAIL_CONFIG: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  const [status] = (await once(child, 'close')) as [number | null];
  requireTame(said);
  return { status, said };
}

let scene: Scene;
const textfile = () => scene.gateway.at('relaymap.prom');
const relaymap = (...args: string[]): Promise<Ran> =>
  started(command, [...args, '--config', scene.gateway.config], scene.gateway.env);
const publish = (...args: string[]): Promise<Ran> => started(COMMAND, args);

/** Everything that speaks of what the last run met. */
async function everybodySpeaks(): Promise<void> {
  for (const args of [['fetch'], ['fetch', '--json', '--force']]) expect((await relaymap(...args)).said).not.toBe('');
  const looks = [['fetch', '--dry-run', '--force'], ['health'], ['health', '--json', '--deep'], ['history'], ['check']];
  await Promise.all(looks.map((args) => relaymap(...args)));
  requireTame(readFileSync(textfile(), 'utf8'));
}

beforeAll(async () => {
  scene = await Scene.open({ installed: false });
  scene.configure({ config: `${WHEN_TOLD}[health]\ntextfile = ${JSON.stringify(textfile())}\n` });
  scene.publish(LIST);
  expect((await relaymap('fetch')).status).toBe(0);
});
afterAll(() => scene.close());

describe('signed by a key that we trust', () => {
  const manifests: [string, Lies][] = [
    ['the name', { manifest: (m) => ({ ...m, name: EVIL }) }],
    ['the time of its making', { manifest: (m) => ({ ...m, created: EVIL }) }],
    ['the version', { manifest: (m) => ({ ...m, version: EVIL }) }],
    ['the encoding', { table: (t) => ({ ...t, encoding: EVIL }) }],
    ['a hash', { table: (t) => ({ ...t, sha256: EVIL }) }],
    ['what is no member', { manifest: (m) => ({ ...m, [EVIL]: EVIL }) }],
    ['what is no JSON', { payload: () => `{"${EVIL}` }],
    ['the type', { type: EVIL }],
    ['a keyid', { envelope: (e) => ({ ...e, signatures: [{ keyid: EVIL, sig: EVIL }] }) }],
    ['the envelope', { file: () => EVIL }],
    ['a row', { text: Buffer.from(`${EVIL}@example.org\n`) }],
  ];
  test.each(manifests)('%s', async (_name, lies) => {
    scene.publish(LONGER, lies);
    await everybodySpeaks();
  });

  test('a row that may be: history, lookup, the log', async () => {
    const { version } = scene.publish([...LIST, EVIL_ROW]);
    expect((await relaymap('fetch')).status).toBe(0);
    const diff = await relaymap('history', '--diff', '1', String(version));
    expect(diff.said).toContain('+eve\\u{202e}\\u{2066}turned@example.org');
    expect((await relaymap('lookup', '--delimiter', '', '--history', EVIL_ROW)).status).toBe(0);
    await everybodySpeaks();
  });
});

describe('by a server', () => {
  // Node's own server refuses to send these: they are written to the bare connection.
  const raw =
    (head: string): Misbehaviour =>
    ({ response }) =>
      void response.socket?.end(Buffer.from(`HTTP/1.1 ${head}\r\nconnection: close\r\n\r\n`, 'latin1'));
  const bytes = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u00c2\u009b';
  const answers: [string, Misbehaviour][] = [
    ['the reason', raw(`500 ${bytes}`)],
    ['where it is now', raw(`302 Found\r\nlocation: https://localhost/${bytes}`)],
    [
      'where it is now, in UTF-8',
      raw(`302 Found\r\nlocation: https://localhost/${Buffer.from(EVIL.replace(/[\r\n]/g, '')).toString('latin1')}`),
    ],
    ['the length', raw(`200 OK\r\ncontent-length: ${bytes}`)],
    ['the name of a header', raw(`200 OK\r\n${bytes}: x`)],
    ['the version of HTTP', ({ response }) => void response.socket?.end(`HTTP/${bytes} 200 OK\r\n\r\n`)],
  ];
  test.each(answers)('%s', async (_name, misbehaviour) => {
    scene.endpoint.misbehaviour = misbehaviour;
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    await everybodySpeaks();
  });

  test('the name in its certificate', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-evil-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${dir}/key`];
    const names = ['-subj', `/CN=${EVIL.replace(/[/\n]/g, '')}`, '-addext', 'subjectAltName=DNS:x\u001b[2J.example'];
    execFileSync('openssl', ['req', '-x509', '-utf8', ...request, '-out', `${dir}/pem`, ...names], { stdio: 'pipe' });
    const { createServer } = await import('node:https');
    const server = createServer({ key: readFileSync(`${dir}/key`), cert: readFileSync(`${dir}/pem`) });
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    writeFileSync(scene.gateway.at('ca.pem'), readFileSync(`${dir}/pem`)); // so that it comes to the name
    scene.configure({ urls: [`https://localhost:${(server.address() as { port: number }).port}/`] });
    onTestFinished(() => {
      writeFileSync(scene.gateway.at('ca.pem'), authority().cert);
      scene.configure();
    });
    expect((await relaymap('fetch')).said).toContain('TLS');
    await everybodySpeaks();
  });
});

describe('on a stick', () => {
  test('the name of its folder, and of the list in it', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-stick-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const folder = path.join(dir, EVIL.replaceAll('/', ''));
    mkdirSync(folder);
    for (const lies of [{ manifest: (m: object) => ({ ...m, name: EVIL }) }, { file: () => EVIL }]) {
      scene.publish(LONGER, lies);
      writeFileSync(path.join(folder, 'manifest.json'), scene.forger.files.get('manifest.json') ?? '');
      for (const place of [folder, dir]) {
        expect((await relaymap('import', place)).status).not.toBe(0);
        expect((await relaymap('import', place, '--json')).status).not.toBe(0);
        expect((await publish('inspect', place)).status).not.toBe(0);
        expect((await publish('inspect', place, '--keys', scene.gateway.keyDir())).status).not.toBe(0);
      }
    }
  });
});

describe('in the configuration and on the command line', () => {
  const toml = JSON.stringify(EVIL).replace('\u007f', '\\u007f');
  test.each([
    ['is not TOML', EVIL],
    ['has a key that nobody knows', `${toml} = 1`],
    ['has such a folder', `state_dir = ${toml}`],
    [
      'has such a place',
      `state_dir = "/nonexistent/\\u001b[2J\\u009b31m\\u202e"\n[[bundle]]\nname = "x"\nurls = ["https://localhost/"]\nkeys = "/nonexistent/\\u001b[2J\\u009b31m"`,
    ],
    ['has such a name', `[[bundle]]\nname = ${toml}`],
    ['has such a URL', `[[bundle]]\nname = "x"\nkeys = "/k"\nurls = [${toml}]`],
    [
      'has such a schedule',
      `[[bundle]]\nname = "x"\nkeys = "/k"\nurls = ["https://localhost/"]\n[schedule]\ncron = ${toml}`,
    ],
  ])('the configuration %s', async (_name, text) => {
    const file = scene.gateway.at('evil.toml');
    writeFileSync(file, text);
    const ours = ['fetch', 'fetch --json', 'run', 'health', 'health --json', 'check', 'history'];
    const theirs = ['publish', 'watch', 'serve', 'explain x@example.org'];
    const runs = [...ours.map((line) => [command, line] as const), ...theirs.map((line) => [COMMAND, line] as const)];
    await Promise.all(
      runs.map(async ([which, line]) =>
        expect((await started(which, [...line.split(' '), '--config', file])).status, line).not.toBe(0),
      ),
    );
  });

  test('an address, a file, an option, a command', async () => {
    expect((await publish('keygen', '--out', scene.gateway.at(EVIL.replaceAll('/', '')))).status).toBe(0);
    for (const args of [
      ['lookup', '--delimiter', '', EVIL, `${EVIL}@example.org`],
      ['fetch', '--bundle', EVIL],
      ['rollback', '--to', EVIL],
      ['history', '--diff', EVIL, '1'],
      [`--${EVIL}`],
      [EVIL],
    ]) {
      expect((await relaymap(...args)).status, JSON.stringify(args)).not.toBe(0);
    }
    for (const args of [['inspect', EVIL], [EVIL], ['publish', '--config', EVIL]]) {
      expect((await publish(...args)).status, JSON.stringify(args)).not.toBe(0);
    }
  });
});

test('in a source: publish, explain and the difference', async () => {
  const central = new Central({ policy: 'skip_invalid = true' });
  const run = (...args: string[]) => publish(...args, '--config', central.config);
  central.list(
    `${EVIL.replaceAll('\n', '')}\nalice@example.org\n${EVIL_ROW}\n"\u001b[2J"@example.org\nx@\u009b31m.org\n`,
  );
  expect((await run('publish', '--dry-run')).said).toContain('alice@example.org');
  await run('publish');
  await run('publish', '--json');
  for (const address of [EVIL_ROW, EVIL, `${EVIL}@example.org`]) await run('explain', address);
  central.configure({});
  expect((await run('publish')).status).not.toBe(0);
});

test('to the daemon: its log', async () => {
  scene.publish(LONGER, { type: EVIL });
  const daemon = new Daemon(scene.gateway);
  await daemon.says(/WRONG_TYPE/);
  scene.endpoint.misbehaviour = ({ response }) =>
    void response.socket?.end('HTTP/1.1 302 Found\r\nlocation: \u009b31m\u001b[2J\r\n\r\n');
  onTestFinished(() => void (scene.endpoint.misbehaviour = null));
  daemon.signal('SIGUSR2');
  await daemon.says(/REDIRECT|NETWORK/);
  await daemon.stop();
  requireTame(daemon.log);
});

test('a key with such a name, and one that is none', async () => {
  writeFileSync(path.join(scene.gateway.keyDir(), '\u001b[2J\u009b31m.pub'), 'no key');
  expect((await relaymap('fetch')).said).toContain('CONFIG');
  expect((await relaymap('check')).status).toBe(1);
  rmSync(path.join(scene.gateway.keyDir(), '\u001b[2J\u009b31m.pub'));
  writeFileSync(path.join(scene.gateway.keyDir(), 'evil.pub'), `${EVIL}${new SigningKey().publicPem}${EVIL}`);
  await relaymap('fetch', '--json');
});
