// Tokens, keys and passwords of both sides, in every command and in every way in which it can fail: none is in its
// output, in what it writes, in a metric, or in the command line or environment of any program that it starts.
// Covers src/publisher/sources/secret.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central, COMMAND } from '../publisher/central.ts';
import { configure, serving, stop } from '../publisher/serving.ts';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { certificate } from '../support/endpoint.ts';
import { command } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const TOKEN = 'cAnary-t0ken-of-a-gateway';
const PASSWORD = 'cAnary-passw0rd-of-a-source';
const PROXY = 'cAnary-passw0rd-of-a-proxy';
/** The longest line of a PEM file's body: what a part of the key would be recognised by. */
const body = (pem: string): string =>
  pem.split('\n').reduce((best, line) => (line.length > best.length && !line.startsWith('-') ? line : best), '');

const secrets = new Set([TOKEN, PASSWORD, PROXY, ...[TOKEN, PASSWORD].map((s) => Buffer.from(s).toString('base64'))]);
const found = (text: string): string[] => [...secrets].filter((secret) => text.includes(secret));

/**
 * Runs a command, which stays our child, so that every program that it starts, with its words and environment, is
 * written to `log`.
 */
const watched = (log: string): readonly string[] => [
  ...'strace -D -f -qq --seccomp-bpf -v -s 65536 -e trace=execve -e signal=none -o'.split(' '),
  log,
];
/**
 * What any user of the machine could see of it, but for the environment in which it was started itself: that is its
 * caller's.
 */
const shown = (log: string): string[] =>
  found(
    readFileSync(log, 'latin1')
      .split('\n')
      .map((line, i) => (i === 0 ? line.replace(/\], \[.*$/, '') : line.replaceAll(PROXY, '')))
      .join('\n'),
  );

const logs = mkdtempSync(path.join(os.tmpdir(), 'relaymap-execs-'));
afterAll(() => rmSync(logs, { recursive: true, force: true }));
let runs = 0;

interface Ran {
  readonly status: number | null;
  readonly said: string;
}

async function run(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const log = path.join(logs, String(runs++));
  const [strace, ...line] = [...watched(log), process.execPath, file, ...args] as const;
  const child = spawn(strace ?? '', line, {
    env: { ...process.env, NO_COLOR: '1', MAIL_CONFIG: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  const [status] = (await once(child, 'close')) as [number | null];
  expect([found(said), shown(log)], `${args.join(' ')}: ${said}`).toEqual([[], []]);
  return { status, said };
}

/** Processes that this one has started, and those in turn. */
function descendants(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'),
  );
  const children = threads.flatMap((text) => text.split(' ').filter(Boolean).map(Number));
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Every file below a folder, but for those in which the secrets are kept. */
function requireUnwritten(folder: string, ...kept: string[]): void {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !kept.includes(name));
  const files = names.map((name) => path.join(folder, name)).filter((file) => lstatSync(file).isFile());
  expect(files.filter((file) => found(readFileSync(file, 'latin1')).length > 0)).toEqual([]);
}

describe('a gateway', () => {
  let scene: Scene;
  const at = (name: string) => scene.gateway.at(name);
  const relaymap = (args: readonly string[], env?: Record<string, string>) =>
    run(command, [...args, '--config', scene.gateway.config], env);
  const keep = (name: string, text: string, mode = 0o600) => {
    writeFileSync(at(name), text);
    chmodSync(at(name), mode);
  };
  const KEPT = ['token', 'client.key'];

  beforeAll(async () => {
    scene = await Scene.open({ installed: false });
    const { key, cert } = certificate('good');
    secrets.add(body(key));
    keep('token', `${TOKEN}\n`);
    keep('client.key', key);
    keep('client.pem', cert, 0o644);
    const files = { token_file: 'token', client_key: 'client.key', client_cert: 'client.pem' };
    scene.configure({
      config: `${WHEN_TOLD}[health]\nlisten = "127.0.0.1:0"\ntextfile = ${JSON.stringify(at('relaymap.prom'))}\n`,
      bundle: Object.entries(files)
        .map(([option, name]) => `${option} = ${JSON.stringify(at(name))}\n`)
        .join(''),
    });
    scene.publish(LIST);
  });
  afterAll(() => scene.close());

  test('every command, when all is well', async () => {
    expect((await relaymap(['fetch', '--json'])).status).toBe(0);
    expect(scene.endpoint.asked[0]?.headers.authorization).toBe(`Bearer ${TOKEN}`);
    scene.publish(LONGER);
    expect((await relaymap(['fetch'])).status).toBe(0);
    const lines = ['fetch --force --dry-run', 'import /nonexistent', 'health', 'health --json --deep', 'history'];
    const more = ['history --diff 1 2', 'lookup alice@example.org', 'check', 'hold', 'resume', 'rollback', '--version'];
    await Promise.all([...lines, ...more, '--help'].map((line) => relaymap(line.split(' '))));
    await relaymap(['resume']);
    requireUnwritten(scene.gateway.dir, ...KEPT);
  });

  test('a server that sends the token back, wherever it can', async () => {
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    const answers = [
      (token: string) => `302 Found\r\nlocation: https://localhost/login?token=${token}`,
      (token: string) => `302 Found\r\nlocation: https://localhost/${token}/`,
      (token: string) => `401 ${token}\r\nwww-authenticate: ${token}`,
      (token: string) => `200 OK\r\ncontent-length: ${token}`,
      (token: string) => `200 OK\r\n${token}`,
      (token: string) => `200 OK\r\netag: "${token}"\r\ncontent-length: 2\r\n\r\n{}`,
    ];
    for (const answer of answers) {
      scene.endpoint.misbehaviour = ({ request, response }) =>
        void response.socket?.end(`HTTP/1.1 ${answer(request.headers.authorization?.slice(7) ?? '')}\r\n\r\n`);
      await relaymap(['fetch']);
    }
    for (const args of [['fetch', '--json'], ['health']]) await relaymap(args);
    requireUnwritten(scene.gateway.dir, ...KEPT);
  });

  /** A longer list is there, and its table is not sent before the process that installs it has been looked into. */
  async function ofTheCycle(daemon: Daemon): Promise<[string, string]> {
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    scene.publish([...LONGER, 'dora@example.org']);
    const [held, asked]: [(() => void)[], unknown[]] = [[], []];
    scene.endpoint.misbehaviour = ({ request, response, file, path: name }) => {
      if (name === 'manifest.json') return false;
      asked.push(request.headers.authorization);
      held.push(() => response.writeHead(200, { 'content-length': file.length }).end(file));
      return true;
    };
    const installed = daemon.cycles('installed');
    daemon.signal('SIGUSR2');
    await daemon.until(() => held.length === 1, 'the table is asked for');
    const cycle = descendants(daemon.pid).find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('cycle-child'),
    );
    const seen = ['cmdline', 'environ'].map((what) => readFileSync(`/proc/${cycle}/${what}`, 'latin1'));
    held[0]?.();
    await daemon.until(() => daemon.cycles('installed') > installed, 'the list is installed');
    expect(asked).toEqual([`Bearer ${TOKEN}`]); // it has the token all the same
    return [seen[0] ?? '', seen[1] ?? ''];
  }

  test('a daemon: log, /metrics, /healthz, textfile, what it starts', async () => {
    const log = path.join(logs, 'daemon');
    const daemon = new Daemon(scene.gateway, { under: watched(log) });
    await daemon.moreCycles(1);
    daemon.signal('SIGHUP');
    await daemon.says(/read again/);
    const url = /http:\/\/\S+(?=\/healthz)/.exec(daemon.log)?.[0] ?? '';
    const pages = await Promise.all(['/metrics', '/healthz'].map(async (page) => (await fetch(url + page)).text()));
    expect(pages.join('').length).toBeGreaterThan(1000);
    const [words, environment] = await ofTheCycle(daemon);
    expect(words).toContain('cycle-child');
    expect([found(words), found(environment.replaceAll(PROXY, ''))]).toEqual([[], []]);
    keep('token', `${TOKEN} and more\n`);
    daemon.signal('SIGHUP');
    await daemon.says(/does not hold one bearer token/);
    await daemon.stop();
    expect([found(daemon.log), found(pages.join('')), shown(log)]).toEqual([[], [], []]);
    keep('token', `${TOKEN}\n`);
    requireUnwritten(scene.gateway.dir, ...KEPT);
  });

  test.each([
    ['a token of two lines', 'token', `${TOKEN}\n${TOKEN}\n`, 0o600],
    ['a token with a header’s name', 'token', `Authorization: ${TOKEN}`, 0o600],
    ['a token that everybody can read', 'token', TOKEN, 0o644],
    ['a key that everybody can read', 'client.key', certificate('good').key, 0o644],
    ['a key that its group can write', 'client.key', certificate('good').key, 0o660],
    ['a key without its end', 'client.key', certificate('good').key.slice(0, -30), 0o600],
    ['a key without its beginning', 'client.key', certificate('good').key.slice(30), 0o600],
    ['a key that is a token', 'client.key', TOKEN, 0o600],
    ['another’s key', 'client.key', certificate('expired').key, 0o600],
  ])('%s is refused, and not shown', async (_name, file, text, mode) => {
    const before = readFileSync(at(file), 'utf8');
    keep(file, text, mode);
    onTestFinished(() => keep(file, before));
    for (const args of [['fetch', '--json'], ['run']]) {
      const { status, said } = await relaymap(args);
      expect([status, /CONFIG/.test(said)], said).toEqual([2, true]);
    }
    await Promise.all([['health', '--json'], ['check']].map((args) => relaymap(args)));
    requireUnwritten(scene.gateway.dir, ...KEPT);
  });

  test('a proxy’s password, and one in a URL', async () => {
    const env = { HTTPS_PROXY: `http://relay:${PROXY}@127.0.0.1:1`, NO_PROXY: '' };
    for (const args of [['fetch'], ['fetch', '--json']]) expect((await relaymap(args, env)).status).toBe(2);
    expect((await relaymap(['fetch'], { HTTPS_PROXY: `relay:${PROXY}@:x` })).status).toBe(2);
    scene.configure({ urls: [`https://relay:${PASSWORD}@localhost/`] });
    onTestFinished(() => scene.configure());
    for (const args of [['fetch'], ['fetch', '--json'], ['run'], ['health'], ['check']]) await relaymap(args);
    requireUnwritten(scene.gateway.dir, ...KEPT, 'relaymap.toml');
  });
});

describe('a central side', () => {
  const source = (keys: Record<string, unknown>): string =>
    `[[source]]\n${Object.entries(keys)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
      .join('')}`;

  function central(): Central {
    const made = new Central();
    made.rows(['alice@example.org']);
    for (const key of made.keys) secrets.add(body(key.privatePem));
    for (const [name, text] of [
      ['password', `${PASSWORD}\n`],
      ['two lines', `${PASSWORD}\n${PASSWORD}\n`],
      ['header', `X-API-Key: ${PASSWORD}\n`],
      ['basic', `reader:${PASSWORD}\n`],
      ['no url', `postgres://reader:${PASSWORD}@127.0.0.1:no-port/mail\n`],
      ['postgres', `postgres://reader:${PASSWORD}@127.0.0.1:1/mail\n`],
      ['mysql', `mysql://reader:${PASSWORD}@127.0.0.1:1/mail\n`],
    ] as const)
      writeFileSync(made.at(name), text, { mode: 0o600 });
    return made;
  }
  const KEPT = ['0.key', 'password', 'two lines', 'header', 'basic', 'no url', 'postgres', 'mysql', 'publish.toml'];
  const sql = { type: 'sql', query: 'SELECT a FROM b' };

  const SOURCES: [string, (at: (name: string) => string) => Record<string, unknown>][] = [
    ['a database that does not answer', (at) => ({ ...sql, url_file: at('postgres') })],
    ['another one', (at) => ({ ...sql, url_file: at('mysql') })],
    ['a database’s URL that is none', (at) => ({ ...sql, url_file: at('no url') })],
    [
      'a database’s URL with its password in the configuration',
      () => ({ ...sql, url: `postgres://r:${PASSWORD}@127.0.0.1:1/m` }),
    ],
    [
      'a directory that does not answer',
      (at) => ({
        type: 'ldap',
        url: 'ldaps://127.0.0.1:1',
        bind_dn: 'cn=r',
        password_file: at('password'),
        base_dn: 'dc=x',
        preset: 'active-directory',
      }),
    ],
    [
      'a password of two lines',
      (at) => ({
        type: 'ldap',
        url: 'ldaps://127.0.0.1:1',
        bind_dn: 'cn=r',
        password_file: at('two lines'),
        base_dn: 'dc=x',
        preset: 'active-directory',
      }),
    ],
    ['a URL that does not answer', (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', token_file: at('password') })],
    ['a URL with a password', () => ({ type: 'http', url: `https://r:${PASSWORD}@127.0.0.1:1/` })],
    [
      'a user and a password of two lines',
      (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', basic_file: at('two lines') }),
    ],
    [
      'a password that is no header',
      (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', header_file: at('password') }),
    ],
    ['a header, and no answer', (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', header_file: at('header') })],
    [
      'a user and a password, and no answer',
      (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', basic_file: at('basic') }),
    ],
    ['a token of two lines', (at) => ({ type: 'http', url: 'https://127.0.0.1:1/', token_file: at('two lines') })],
  ];
  test.each(SOURCES)('%s: publish and explain', async (_name, of) => {
    const site = central();
    site.configure({ further: source(of((name) => site.at(name))) });
    for (const args of [['publish'], ['publish', '--json', '--dry-run'], ['explain', 'alice@example.org']]) {
      expect((await run(COMMAND, [...args, '--config', site.config])).status).not.toBe(0);
    }
    requireUnwritten(site.dir, ...KEPT);
  });

  /** Exports with a password in them, each with a fault: none of them can be published. */
  const EXPORTS: [string, string, Record<string, unknown>][] = [
    ['a passwd-file as a plain list', `alice@example.org:{PLAIN}${PASSWORD}:5000::\n`, { format: 'text' }],
    ['the password first', `${PASSWORD}:alice@example.org\n`, { format: 'text' }],
    ['a password alone', `alice@example.org\n${PASSWORD}\n`, {}],
    ['a passwd-file with a mistyped name', `al ice@example.org:{PLAIN}${PASSWORD}:5000::\n`, { format: 'passwd' }],
    ['a passwd-file without a domain', `alice:{PLAIN}${PASSWORD}\n`, {}],
    ['docker-mailserver, cut', `alice@|{PLAIN}${PASSWORD}\n`, { format: 'passwd' }],
    ['a CSV with a password', `mail,password\nalice,${PASSWORD}\n`, {}],
    ['a CSV in which it stands for the address', `name,mail\nalice@example.org,${PASSWORD}\n`, {}],
    ['a CSV in which it holds an @', `mail,secret\nalice@example.org,x@${PASSWORD}\n`, {}],
    ['a CSV without a header', `alice,${PASSWORD}\n`, { format: 'csv' }],
    ['a CSV with a quote left open', `mail,password\nalice@example.org,"${PASSWORD}\n`, {}],
    ['JSON', JSON.stringify([{ mail: 'alice', password: PASSWORD }]), {}],
    ['JSON, with its key', JSON.stringify([{ mail: 'alice@example.org', [`x@${PASSWORD}`]: 1 }]), {}],
    ['JSON that is cut', `[{"mail": "alice@example.org", "password": "${PASSWORD}`, {}],
    ['JSON that is none', `[{"mail": "alice@example.org", "password": ${PASSWORD}}]`, {}],
    ['LDIF', `dn: cn=a\nuserPassword: ${PASSWORD}\nmail: alice\n`, {}],
    ['LDIF that is none', `dn: cn=a\nmail: alice@example.org\n${PASSWORD}\n`, {}],
    ['a map', `alice ${PASSWORD}\n${PASSWORD}@ x\n`, { format: 'postfix' }],
    ['aliases', `alice: ${PASSWORD}\n${PASSWORD}\n`, { format: 'aliases' }],
    ['a table of PowerShell', `Name  mail\n----  ----\nalice ${PASSWORD}\n`, {}],
    ['a list of PowerShell', `mail     : alice\nPassword : ${PASSWORD}\n`, {}],
  ];
  test.each(EXPORTS)('an export with a fault: %s', async (_name, text, keys) => {
    const site = central();
    writeFileSync(site.at('export'), text, { mode: 0o600 });
    site.configure({ further: source({ type: 'file', path: site.at('export'), ...keys }) });
    const config = ['--config', site.config];
    const { status, said } = await run(COMMAND, ['publish', ...config]);
    expect([status === 1 || status === 2, /SOURCE|INVALID_ENTRY/.test(said)], said).toEqual([true, true]);
    requireUnwritten(site.dir, ...KEPT, 'export');
  });

  test('publish, keygen, inspect and serve, when all is well', async () => {
    const site = central();
    const config = ['--config', site.config];
    for (const args of [
      ['publish', '--dry-run'],
      ['publish', '--json'],
      ['publish'],
      ['explain', 'alice@example.org'],
    ]) {
      expect((await run(COMMAND, [...args, ...config])).status).toBe(0);
    }
    expect((await run(COMMAND, ['keygen', '--out', site.dir, '--name', 'new'])).status).toBe(0);
    secrets.add(body(readFileSync(site.at('new.key'), 'utf8')));
    expect((await run(COMMAND, ['keygen', '--out', site.dir, '--name', 'new'])).status).not.toBe(0);
    configure(site, 'token_file = @token');
    writeFileSync(site.at('token'), `${PASSWORD}\n`, { mode: 0o600 });
    const served = await serving(site);
    const place = ['inspect', served.url, '--ca-file', site.at('ca.pem')];
    for (const more of [[], ['--token-file', site.at('token')], ['--token-file', site.at('two lines')]]) {
      await run(COMMAND, [...place, ...more]);
    }
    expect(found(JSON.stringify(await stop(served)))).toEqual([]);
    requireUnwritten(site.dir, ...KEPT, 'new.key', 'token', 'tls.key');
  });

  test.each([
    ['without its end', (pem: string) => pem.slice(0, -40), 0o600],
    ['without its lines', (pem: string) => pem.replaceAll('\n', ''), 0o600],
    ['that everybody can read', (pem: string) => pem, 0o644],
    ['that its group can write', (pem: string) => pem, 0o660],
  ])('a signing key %s', async (_name, change, mode) => {
    const site = central();
    writeFileSync(site.keyFile(0), change(site.keys[0]?.privatePem ?? ''));
    chmodSync(site.keyFile(0), mode);
    for (const args of [['publish'], ['publish', '--json'], ['watch']]) {
      const { status, said } = await run(COMMAND, [...args, '--config', site.config]);
      expect([status, existsSync(site.output)], said).toEqual([2, false]);
    }
    requireUnwritten(site.dir, ...KEPT);
  });
});
