// «Keys that change» of docs/operations.md: each line typed as it stands there, while a gateway that nobody touches
// does nothing but fetch. Only the paths are those of a temporary site.
import { execFile, type ExecFileException } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { authority } from '../support/endpoint.ts';
import { digestOf } from '../support/ceremony.ts';
import { KEYRING_TYPE, MANIFEST_TYPE, sha256, SigningKey, timestamp } from '../support/forger.ts';
import type { Finished } from '../support/finished.ts';
import { blocksOf, commandsOf } from '../support/pages.ts';
import { createSite, type Site } from '../support/site.ts';
import { ServedFolder, signedManifest } from '../support/two-hosts.ts';

const PEOPLE = Array.from({ length: 30 }, (_, i) => `user${i}@example.org`);

function linesFor(what: string): string[] {
  const blocks = blocksOf('docs/operations.md').filter(({ marks }) => marks[0] === 'drill');
  const lines = blocks.filter(({ heading }) => heading.startsWith(what)).flatMap(({ text }) => commandsOf(text));
  if (lines.length === 0) throw new Error(`no lines for ${what}`);
  return lines;
}

class Drill {
  readonly site: Site;
  /** What else is elsewhere than on the page. */
  readonly more: [string, string][] = [];

  private constructor(site: Site) {
    this.site = site;
  }

  /** A site with root keys, as the page makes them. */
  static async start(): Promise<Drill> {
    const site = await createSite();
    onTestFinished(() => site.stop());
    await site.publish(PEOPLE);
    const drill = new Drill(site);
    for (const folder of ['bin', 'media']) await mkdir(drill.at(folder));
    for (const [name, file, config] of [
      ['relaymap', 'relaymap.cjs', site.gatewayConfig],
      ['relaymap-publish', 'relaymap-publish.js', site.publisherConfig],
    ] as const) {
      const words = [process.execPath, path.join(BIN_FOLDER, file)].map((word) => `'${word}'`).join(' ');
      const options = `case $1 in keygen|sign) ;; keyring) [ "$2" != publish ] || set -- "$@" --config '${config}' ;; *) set -- "$@" --config '${config}' ;; esac`;
      await writeFile(drill.at('bin', name), `#!/bin/sh\n${options}\nexec ${words} "$@"\n`);
      await chmod(drill.at('bin', name), 0o755);
    }
    for (const line of linesFor('Root keys')) await drill.types(line);
    await cp(drill.at('signing', 'gateway', 'root'), drill.at('keys', 'root'), { recursive: true });
    await site.fetch();
    return drill;
  }

  at = (...names: string[]): string => path.join(this.site.dir, ...names);

  /** Types a line; a signature is asked for by the first characters of the digest. */
  async types(line: string): Promise<string> {
    const places: [string, string][] = [
      ['/etc/relaymap-publish/relaymap-publish.toml', this.site.publisherConfig],
      ...this.more,
      ['/etc/relaymap-publish', this.at('signing')],
      ['/srv/relaymap/example-org', this.site.output],
      ['/media', this.at('media')],
    ];
    const here = places.reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), line);
    const input = line.startsWith('relaymap-publish sign')
      ? `${digestOf(this.at('media', 'step.json')).slice(0, 16)}\n`
      : '';
    const PATH = `${this.at('bin')}:${process.env['PATH'] ?? ''}`;
    const done = await new Promise<Finished>((resolve) => {
      const child = execFile(
        'sh',
        ['-c', here],
        { env: { ...process.env, ...this.site.env, PATH } },
        (error: ExecFileException | null, stdout, stderr) =>
          resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
      );
      child.stdin?.on('error', () => undefined).end(input); // most commands end without reading it
    });
    expect(done.status, `${line}\n${done.stdout}${done.stderr}`).toBe(0);
    return done.stdout;
  }

  async typesAll(what: string): Promise<void> {
    for (const line of linesFor(what)) await this.types(line);
  }

  /** The gateway takes the list of today, with one more address; the old key signs in vain. */
  async goesOn(who: string): Promise<void> {
    await this.site.publish([...PEOPLE, who]);
    const report = await this.site.fetch();
    expect(report.bundles[0]).toMatchObject({ code: null });
    expect(await readFile(path.join(this.site.mapDir, 'relay_recipients'), 'utf8')).toContain(who);
  }

  /** What whoever has the old key signs is refused. */
  async refuses(old: SigningKey | null): Promise<void> {
    if (old === null) return;
    const file = path.join(this.site.output, 'manifest.json');
    const kept = await readFile(file);
    const payload = Buffer.from((JSON.parse(kept.toString()) as { payload: string }).payload, 'base64').toString();
    const manifest = { ...(JSON.parse(payload) as { version: number }), version: 9_007_199_254_740_991 };
    await writeFile(file, signedManifest(manifest, [old]));
    const done = await this.site.relaymap('fetch');
    expect([done.status, done.stderr]).toEqual([1, expect.stringMatching(/BAD_SIGNATURE/)]);
    await writeFile(file, kept);
  }
}

/**
 * A second host beside the site's, with a stand-in for systemctl: its one service is `cosign`. It ends with the test.
 * @returns what the page's sample of a configuration becomes here.
 */
async function secondHost(drill: Drill): Promise<(sample: string) => string> {
  const [config, output] = [drill.at('signing', 'cosign.toml'), drill.at('second')];
  await mkdir(output, { mode: 0o750 });
  const served = new ServedFolder(output);
  await served.up();
  await writeFile(drill.at('second-ca.pem'), authority().cert);
  const [pid, log] = [drill.at('cosign.pid'), drill.at('cosign.log')];
  const words = `'${process.execPath}' '${path.join(BIN_FOLDER, 'relaymap-publish.js')}' cosign --config '${config}'`;
  const start = `${words} >'${log}' 2>&1 & echo $! >'${pid}'`;
  await writeFile(
    drill.at('bin', 'systemctl'),
    `#!/bin/sh\ncase $1 in enable) ${start} ;; reload) kill -HUP "$(cat '${pid}')" ;; *) exit 1 ;; esac\n`,
    { mode: 0o755 },
  );
  onTestFinished(async () => {
    process.kill(Number(await readFile(pid, 'utf8')));
  });
  const ours = `${served.url}", ca_file = "${drill.at('second-ca.pem')}"`;
  const samples = fileURLToPath(new URL('../../packaging/debian/relaymap-publisher', import.meta.url));
  drill.more.push(
    ['https://second.example.org/example-org/", token_file = "/etc/relaymap-publish/token"', ours],
    ['/usr/share/doc/relaymap-publisher/examples', samples.replaceAll(' ', '\\ ')],
  );
  return (sample) =>
    [
      ['/srv/relaymap/example-org', output],
      ['/var/lib/relaymap-publish-cosign', drill.at('second-state')],
      ['/etc/relaymap-publish/second.key', drill.at('signing', 'second.key')],
      ['/etc/relaymap-publish/recipients', drill.at('recipients')],
      ['https://mx-central.example.org/example-org/', drill.site.url],
      ['token_file = "/etc/relaymap-publish/token"', `ca_file = "${drill.at('tls.pem')}"`],
    ].reduce((text, [theirs = '', here = '']) => {
      expect(text).toContain(theirs);
      return text.replaceAll(theirs, here);
    }, sample);
}

/** The thief's copy of the key in a file. */
async function copyOf(file: string): Promise<SigningKey> {
  const { createPrivateKey, createPublicKey, sign } = await import('node:crypto');
  const privateKey = createPrivateKey(await readFile(file));
  const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32);
  const key = new SigningKey();
  return Object.assign(key, { raw, keyid: sha256(raw), sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) });
}

test('a yearly rotation: the gateway takes lists of the new key, and none of the old one', async () => {
  const drill = await Drill.start();
  const old = await copyOf(drill.at('signing', 'example-org.key'));
  await drill.typesAll('A new signing key each year');
  await drill.goesOn('after@example.org');
  const config = drill.site.publisherConfig;
  await writeFile(config, (await readFile(config, 'utf8')).replace(/, "[^"]*example-org\.key"/, ''));
  await drill.goesOn('later@example.org');
  await drill.refuses(old);
});

test('the key is stolen, and the thief has signed version 2^53-1: the floor brings the gateway back', async () => {
  const drill = await Drill.start();
  const old = await copyOf(drill.at('signing', 'example-org.key'));
  const file = path.join(drill.site.output, 'manifest.json');
  const kept = await readFile(file);
  const payload = Buffer.from((JSON.parse(kept.toString()) as { payload: string }).payload, 'base64').toString();
  await writeFile(
    file,
    signedManifest({ ...(JSON.parse(payload) as object), version: 9_007_199_254_740_991 }, [old], MANIFEST_TYPE),
  );
  expect((await drill.site.fetch()).bundles[0]?.version).toBe(9_007_199_254_740_991);
  await writeFile(file, kept);
  await drill.typesAll('The signing key is stolen, with root keys');
  await drill.goesOn('after@example.org');
  await drill.refuses(old);
});

test('the key is lost: the step goes out first, and the gateway goes on', async () => {
  const drill = await Drill.start();
  await rename(drill.at('signing', 'example-org.key'), drill.at('lost.key'));
  const old = await copyOf(drill.at('lost.key'));
  await drill.typesAll('The signing key is lost, with root keys');
  await drill.goesOn('after@example.org');
  await drill.refuses(old);
});

test('the publishing host burns down: a new one goes on with a new key, by two root keys', async () => {
  const drill = await Drill.start();
  for (const gone of ['publisher', 'output']) {
    await rm(drill.at(gone), { recursive: true });
    await mkdir(drill.at(gone));
  }
  await rm(drill.at('signing', 'example-org.key'));
  await drill.typesAll('The publishing host burns down');
  await drill.goesOn('after@example.org');
});

test('a root key is lost: another takes its place, and signs the next step', async () => {
  const drill = await Drill.start();
  await rm(drill.at('media', 'roots', 'root-3.key'));
  await drill.typesAll('A root key is lost');
  await drill.goesOn('after@example.org');
  await rename(drill.at('media', 'step.json'), drill.at('media', 'step-1.json'));
  await rename(drill.at('media', 'new', 'root-1.key'), drill.at('media', 'roots', 'root-2.key'));
  await drill.typesAll('A new signing key each year');
  await drill.goesOn('later@example.org');
});

test('a gateway that was off for a year walks 32 steps, and one from an old backup walks them again', async () => {
  const drill = await Drill.start();
  const roots = await Promise.all([1, 2].map((i) => copyOf(drill.at('media', 'roots', `root-${i}.key`))));
  const third = await copyOf(drill.at('media', 'roots', 'root-3.key'));
  const backup = drill.at('backup');
  await cp(drill.site.stateDir, backup, { recursive: true });
  const own = await copyOf(drill.at('signing', 'example-org.key'));
  await mkdir(path.join(drill.site.output, 'keyring'));
  const base64 = (keys: readonly SigningKey[]) => keys.map(({ raw }) => raw.toString('base64'));
  for (let n = 1; n <= 32; n++) {
    const keys = n === 32 ? [own] : [new SigningKey()];
    const step = {
      format: 1,
      name: 'example-org',
      version: n,
      created: timestamp(Date.now()),
      keys: base64(keys),
      threshold: 1,
      rootKeys: base64([...roots, third]),
      rootThreshold: 2,
    };
    await writeFile(path.join(drill.site.output, 'keyring', `${n}.json`), signedManifest(step, roots, KEYRING_TYPE));
  }
  const file = path.join(drill.site.output, 'manifest.json');
  const payload = Buffer.from(
    (JSON.parse(await readFile(file, 'utf8')) as { payload: string }).payload,
    'base64',
  ).toString();
  const manifest = { ...(JSON.parse(payload) as object), version: 2, keyring: 32 };
  await writeFile(file, signedManifest(manifest, [own]));
  for (let i = 0; i < 2; i++) {
    await drill.typesAll('A gateway was off for a year');
    expect((await drill.site.relaymap('keys')).stdout).toMatch(/step 32/);
    await rm(drill.site.stateDir, { recursive: true });
    await cp(backup, drill.site.stateDir, { recursive: true });
  }
});

test('two of two: gateways take lists that both hosts have signed, and none of the first one alone', async () => {
  const drill = await Drill.start();
  const own = await copyOf(drill.at('signing', 'example-org.key'));
  const filledIn = await secondHost(drill);
  for (const line of linesFor('Two of two')) {
    await drill.types(line);
    const config = drill.at('signing', 'cosign.toml');
    if (line.startsWith('cp ')) await writeFile(config, filledIn(await readFile(config, 'utf8')));
  }
  await drill.goesOn('after@example.org');
  expect((await drill.site.relaymap('keys')).stdout).toMatch(/step 1/);
  await drill.goesOn('later@example.org');
  await drill.refuses(own);
});
