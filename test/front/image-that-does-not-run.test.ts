// The images of `npm run image`, run by podman: a whole backup MX beside a volume, and the client alone beside a
// Postfix that is elsewhere. Mail first: without a list it waits, with the volume's list it is answered at once.
// Covers packaging/image.mjs
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { run } from '../support/finished.ts';
import { blocksOf, commandsOf } from '../support/pages.ts';
import { startPostfix, until, type Postfix } from '../support/postfix.ts';
import { relayAttempts, relaySenders } from '../support/relay-attempts.ts';
import { createSite, type Site } from '../support/site.ts';
import { SmtpClient } from '../support/smtp.ts';
import { Containers, OUTSIDE } from './containers.ts';
import { hostMirror } from '../../packaging/image/rootfs.mjs';
import { QUEUE } from '../../src/gateway/init/backup-mx.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let own: Containers;
let site: Site;
let port25: string;
let postfix: Postfix | undefined;

const at = (...names: string[]): string => path.join(own.folder, ...names);
const images = (): string[] => readdirSync(at('image')).map((name) => at('image', name));
/** A folder with both images, for whoever works on this file: in place of minutes of building. */
const BUILT = process.env['RELAYMAP_IMAGES'];

async function build(out: string, only: string, mirror: string): Promise<string> {
  if (BUILT !== undefined) {
    cpSync(BUILT, at(out), { recursive: true });
    return 'sha256:given';
  }
  const script = path.join(root, 'packaging/image.mjs');
  const built = await run([process.execPath, script, '--only', only, '--out', at(out), '--mirror', mirror]);
  if (built.status !== 0) throw new Error(`no image ${only}: ${built.stderr}`);
  return /sha256:[0-9a-f]{64}/.exec(built.stdout)?.[0] ?? '';
}
let digest: string;
/** Built while the first one is tried. */
let again: Promise<string>;
/** Of this host. */
const listsOfApt = (): string[] => readdirSync('/var/lib/apt/lists');
let lists: string[];

beforeAll(async () => {
  own = await Containers.start();
  const mirror = (hostMirror() ?? '').replace(/\/$/, '');
  lists = listsOfApt();
  digest = await build('image', 'backup-mx', mirror);
  await build('image', 'client', mirror);
  // Where the packages come from is no part of it.
  again = build('again', 'backup-mx', `${mirror}/`);
  again.catch(() => undefined); // told by the test that waits for it
  for (const image of images()) await own.ok('load', '--input', image);
  site = await createSite();
  await site.publish(['alice@example.org', 'bob@sub.example.org']);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '3', '-subj', '/CN=central', '-addext', `subjectAltName=IP:${OUTSIDE},DNS:mx-central.example.org`, '-keyout', at('key.pem'), '-out', at('ca.pem')], { stdio: 'ignore' }); // prettier-ignore
  writeFileSync(at('token'), '0123456789abcdef0123456789abcdef\n', { mode: 0o600 });
  appendFileSync(
    site.publisherConfig,
    `[serve]\nlisten = "${OUTSIDE}:8443"\ncert = "${at('ca.pem')}"\nkey = "${at('key.pem')}"\ntoken_file = "${at('token')}"\n`,
  );
  // As container runtimes mount secrets: readable for everybody.
  mkdirSync(at('secrets'));
  for (const [name, file] of [
    ['relaymap_key', `${site.dir}/signing/example-org.pub`],
    ['relaymap_ca', at('ca.pem')],
    ['relaymap_token', at('token')],
  ] as const)
    // prettier-ignore
    writeFileSync(at('secrets', name), readFileSync(file), { mode: 0o444 });
  port25 = await own.port25();
});
afterAll(async () => {
  await Promise.all([postfix?.stop(), own?.stop(), site?.stop()]);
});

/** The central side, until it is stopped. */
async function serve(): Promise<() => Promise<void>> {
  const child = own.outside([process.execPath, path.join(BIN_FOLDER, 'relaymap-publish.js'), 'serve', '--config', site.publisherConfig]); // prettier-ignore
  return async () => {
    if (child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
}

const ENVIRONMENT = ['RELAYMAP_NAME=example-org', `RELAYMAP_URL=https://${OUTSIDE}:8443/`, 'RELAYMAP_DOMAINS=example.org,*.example.org']; // prettier-ignore
const told = (more: readonly string[] = []): readonly string[] =>
  [...ENVIRONMENT, ...more].flatMap((each) => ['--env', each]);

const mx = (name: string, more: readonly string[] = []): Promise<string> =>
  own.ok('run', '--detach', '--name', name, ...own.network, '--hostname', 'mx2.example.org', ...told(['RELAYMAP_PRIMARY=192.0.2.1:2525']), '--volume', `${at('secrets')}:/run/secrets:ro`, '--volume', 'state:/var/lib/relaymap', '--volume', 'queue:/var/spool/postfix', ...more, 'localhost/relaymap-backup-mx'); // prettier-ignore

/**
 * The lines of the README, in a folder as it says. What is given to podman beside them is the store of this test
 * and its network, in which there is no nameserver. @returns the new container's id
 */
async function byTheReadme(): Promise<string> {
  const here = at('newcomer');
  mkdirSync(path.join(here, 'packaging/out'), { recursive: true });
  symlinkSync(at('image'), path.join(here, 'packaging/out/image'));
  mkdirSync(path.join(here, 'secrets'));
  for (const [name, file] of [
    ['example-org.pub', `${site.dir}/signing/example-org.pub`],
    ['token', at('token')],
    ['tls.pem', at('ca.pem')],
  ] as const)
    copyFileSync(file, path.join(here, 'secrets', name));
  const words = (all: readonly string[]): string => all.map((word) => `'${word}'`).join(' ');
  const more = [...own.network, '--add-host', `mx-central.example.org:${OUTSIDE}`];
  const shim = `podman() { case $1 in run) shift; set -- run ${words(more)} "$@" ;; esac; command podman ${words(own.global)} "$@"; }`;
  const [[build = '', load = ''] = [], start = ''] = blocksOf('README.md')
    .filter(({ marks }) => marks[0] === 'image')
    .flatMap(({ text }) => commandsOf(text))
    .map((command, i) => (i === 0 ? command.split(' && ') : command));
  expect(build).toBe('npm run image -- --only backup-mx'); // what beforeAll does
  let said = '';
  for (const command of [load, start].flat()) {
    const typed = await run(['bash', '-ec', `cd '${here}'\n${shim}\n${command}`], { env: { TMPDIR: own.folder } });
    expect(typed.status, command + typed.stderr).toBe(0);
    said = typed.stdout;
  }
  return said.trim();
}

const tagged = async (name: string): Promise<void> => {
  const listed = await own.ok('images', '--format', '{{.Repository}}:{{.Tag}}');
  const image = listed.split('\n').find((line) => line.startsWith(`localhost/${name}:`)) ?? '';
  await own.ok('tag', image, `localhost/${name}:latest`);
};

async function answer(recipient: string): Promise<number> {
  const client = await SmtpClient.connect(port25);
  const { code } = await client.ask(recipient);
  await client.quit();
  return code;
}
const answers = (recipient: string, code: number) =>
  until(`${code} for ${recipient}`, async () => (await answer(recipient).catch(() => 0)) === code);

test('a backup MX as the README starts it: mail waits for the first list, then the list decides, and nobody relays', async () => {
  await tagged('relaymap-backup-mx');
  const one = await byTheReadme();
  await answers('alice@example.org', 451);
  const stop = await serve();
  await until('the list is there', async () => (await own.podman('exec', one, 'relaymap', 'fetch')).status === 0);
  await answers('alice@example.org', 250);
  await answers('alice+tag@example.org', 250);
  await answers('nobody@example.org', 550);
  await answers('postmaster@sub.example.org', 250);
  // After twenty errors Postfix hangs up (smtpd_hard_error_limit), and it slows down before: one in each connection.
  const tried = relaySenders('example.org').flatMap((sender) => relayAttempts('example.org').map((to) => [sender, to] as const)); // prettier-ignore
  const refused = async ([sender, to]: readonly [string, string]): Promise<void> => {
    const client = await SmtpClient.connect(port25);
    await client.mail(sender);
    const { code, text } = await client.rcpt(to);
    expect([sender, to, Math.floor(code / 100)], text).toEqual([sender, to, 5]);
    await client.quit();
  };
  for (let i = 0; i < tried.length; i += 12) await Promise.all(tried.slice(i, i + 12).map(refused));
  await until('it is healthy', async () => (await own.podman('exec', one, '/usr/lib/relaymap/container/health')).status === 0); // prettier-ignore
  for (const { name, value } of QUEUE)
    expect([name, (await own.ok('exec', one, 'postconf', '-xh', name)).trim()]).toEqual([name, value]);
  expect(await own.ok('exec', one, 'stat', '-c', '%U %a', '/etc/relaymap/token')).toBe('root 640\n');
  expect(await own.ok('exec', one, 'stat', '-c', '%G %a', '/var/lib/relaymap/maps/relay_recipients.cdb')).toBe('postfix 640\n'); // prettier-ignore
  expect((await own.podman('logs', one)).stdout).toMatch(
    /postfix\/smtpd\[\d+\]: NOQUEUE: reject: RCPT from .*192\.0\.2\.1/,
  );

  // Mail that waits, and the list, outlast the container; the next one needs no central side.
  const sent = await SmtpClient.connect(port25);
  await sent.mail('a@stranger.invalid');
  await sent.rcpt('alice@example.org');
  expect((await sent.data('Subject: x\r\n\r\nx')).code).toBe(250);
  await sent.quit();
  await stop();
  await own.ok('stop', '--time', '30', one);
  expect((await own.ok('inspect', one, '--format', '{{.State.ExitCode}}')).trim()).toBe('0');
  await own.ok('rm', one);
  await mx('two');
  await answers('alice@example.org', 250);
  await answers('nobody@example.org', 550);
  expect(await own.ok('exec', 'two', 'postqueue', '-j')).toContain('alice@example.org');
  await own.ok('rm', '--force', '--time', '20', 'two');
});

test('without a key, or with a value that would end a string, it does not start, and says why', async () => {
  for (const [more, why] of [
    [['--env', 'RELAYMAP_KEY_FILE=/nowhere'], 'there is no public key'],
    [['--env', 'RELAYMAP_NAME='], 'RELAYMAP_NAME is missing'],
    [['--env', 'RELAYMAP_DOMAINS=x"]\nkeys = "/tmp'], 'RELAYMAP_DOMAINS has a character'],
  ] as const) {
    const ended = await own.podman('run', '--rm', ...own.network, ...told(), '--volume', `${at('secrets')}:/run/secrets:ro`, ...more, 'localhost/relaymap-backup-mx'); // prettier-ignore
    expect([ended.status, ended.stdout + ended.stderr]).toEqual([2, expect.stringContaining(why)]);
  }
});

test('the client alone, without rights: a Postfix elsewhere sees the first map and each change by itself', async () => {
  await tagged('relaymap-client');
  const stop = await serve();
  const maps = at('maps');
  mkdirSync(maps);
  const owner = (await own.ok('run', '--rm', ...own.network, '--entrypoint', '/usr/bin/id', 'localhost/relaymap-client', '-u')).trim(); // prettier-ignore
  expect(Number(owner)).toBeGreaterThan(0);
  execFileSync('chown', [`${owner}:postfix`, maps]);
  chmodSync(maps, 0o2755);
  chmodSync(own.folder, 0o755);
  const table = (name: string) => `cdb:${maps}/${name}`;
  postfix = await startPostfix({
    mainCf: { relay_domains: table('relay_domains'), relay_recipient_maps: table('relay_recipients'), relay_transport: 'discard:', max_idle: '2s' }, // prettier-ignore
  });
  const here = async (recipient: string): Promise<number> => {
    const client = await SmtpClient.connect(postfix?.port ?? 0);
    const { code } = await client.ask(recipient);
    await client.quit();
    return code;
  };
  expect(await here('alice@example.org')).toBe(451);
  await own.ok('run', '--detach', '--name', 'client', ...own.network, ...told(), '--volume', `${at('secrets')}:/run/secrets:ro`, '--volume', `${maps}:/var/lib/relaymap/maps`, '--read-only-tmpfs', 'localhost/relaymap-client'); // prettier-ignore
  const fetched = () => own.podman('exec', 'client', 'relaymap', 'fetch');
  await until('the list is there', async () => (await fetched()).status === 0);
  await until('Postfix sees the first map', async () => (await here('alice@example.org')) === 250);
  expect(await here('carol@example.org')).toBe(550);
  await site.publish(['alice@example.org', 'bob@sub.example.org', 'carol@example.org']);
  await fetched();
  await until('Postfix sees the change', async () => (await here('carol@example.org')) === 250);
  await until('it is healthy', async () => (await own.podman('exec', 'client', '/usr/lib/relaymap/container/health')).status === 0); // prettier-ignore
  await own.ok('stop', '--time', '20', 'client');
  expect((await own.ok('inspect', 'client', '--format', '{{.State.ExitCode}}')).trim()).toBe('0');
  await stop();
});

test('a second build has the same digest, and neither the image nor this host a trace of the first', async () => {
  expect(digest).toMatch(/^sha256:/);
  expect(await again).toBe(digest);
  expect(listsOfApt()).toEqual(lists);
  const top = at('layout');
  mkdirSync(top);
  const [image = ''] = images().filter((file) => file.includes('backup-mx'));
  execFileSync('tar', ['-xf', image, '-C', top]);
  const [{ Layers: [layer = ''] = [] } = {}] = JSON.parse(readFileSync(path.join(top, 'manifest.json'), 'utf8')) as { Layers?: string[] }[]; // prettier-ignore
  const names = execFileSync('tar', ['-tzf', path.join(top, layer)], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n'); // prettier-ignore
  expect(names.filter((name) => /machine-id|^\.\/var\/(log|cache)\/.|dpkg\/.*-old$|\.\/tmp\/./.test(name))).toEqual([]);
  rmSync(top, { recursive: true });
});
