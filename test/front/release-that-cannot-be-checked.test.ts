// `npm run release`: the same bytes at every run; apt, gpg, sha256sum and an auditor can check all of it, and a byte
// that was changed is seen.
// Covers packaging/release.mjs
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap release-'));
const gnupg = path.join(folder, 'gnupg');
const hasHistory = spawnSync('git', ['-C', root, '-c', `safe.directory=${root}`, 'rev-parse', 'HEAD']).status === 0;
const env = { ...process.env, GNUPGHOME: gnupg, ...(hasHistory ? {} : { SOURCE_DATE_EPOCH: '1790000000' }) };
const run = (command: string, args: readonly string[], cwd = folder) =>
  execFileSync(command, args, { env, cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const at = (...names: string[]): string => path.join(folder, ...names);
const filesOf = (top: string): string[] =>
  readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(top, path.join(entry.parentPath, entry.name)))
    .sort();
const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Its agent ends with the folder. */
function key(name: string): string {
  run('gpg', [
    '--batch',
    '--passphrase',
    '',
    '--quick-gen-key',
    `${name} <test@example.org>`,
    'ed25519',
    'sign',
    'never',
  ]);
  const listed = run('gpg', ['--with-colons', '--list-secret-keys', name]);
  return /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? '';
}

const release = (out: string, ...more: string[]) =>
  spawnSync(process.execPath, [path.join(root, 'packaging/release.mjs'), '--out', at(out), ...more], {
    env,
    encoding: 'utf8',
  });

const version = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }).version;

/** As `npm run image` packs one, around a layer of one file: with Debian in it the same takes a minute. */
function image(of: string): string {
  const target = at(`image of ${of}.tar`);
  run('tar', ['--format=ustar', '-cf', 'layer.tar', '--files-from=/dev/null']);
  const script = `const { layout } = await import(process.argv[1]);
    await layout({ name: 'relaymap-client', description: 'x', config: {} }, JSON.parse(process.argv[2]));`;
  const how = { layer: at('layer.tar'), target, version: of, seconds: 1, architecture: 'amd64' };
  run(process.execPath, ['--input-type=module', '-e', script, path.join(root, 'packaging/image/layout.mjs'), JSON.stringify(how)]); // prettier-ignore
  return target;
}

let own: string;
beforeAll(() => {
  mkdirSync(gnupg, { mode: 0o700 });
  own = key('builder');
  const client = image(version);
  run(process.execPath, [path.join(root, 'packaging/package.mjs'), '--version', '0.0.9', '--out', at('last')]);
  for (const out of ['once', 'twice']) {
    const { status, stderr } = release(out, '--key', own, '--previous', at('last'), '--image', client);
    expect(status, stderr).toBe(0);
  }
});
afterAll(() => {
  spawnSync('gpgconf', ['--kill', 'all'], { env });
  rmSync(folder, { recursive: true, force: true });
});

test('two runs give the same files, byte for byte, signatures as well', () => {
  const files = filesOf(at('once'));
  expect(filesOf(at('twice'))).toEqual(files);
  expect(files.filter((file) => sha256(at('once', file)) !== sha256(at('twice', file)))).toEqual([]);
  for (const part of [
    /^deb\/relaymap_.*\.deb$/,
    /^deb\/relaymap-publisher_.*\.deb$/,
    /^npm\/relaymap-.*\.tgz$/,
    /^npm\/haraka-plugin-relaymap-.*\.tgz$/,
    /^CHANGELOG\.md$/,
    /^image\/image of .*\.tar$/,
  ])
    expect(files.filter((file) => part.test(file))).toHaveLength(1);
});

test('each file is in the signed checksums, and a changed byte is seen', () => {
  cpSync(at('once'), at('copy'), { recursive: true });
  expect(run('gpg', ['--batch', '--verify', 'SHA256SUMS.asc', 'SHA256SUMS'], at('copy'))).toBe('');
  run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], at('copy'));
  const named = readFileSync(at('once/SHA256SUMS'), 'utf8').split('\n').slice(0, -1).map((line) => line.slice(66)); // prettier-ignore
  expect([...named, 'SHA256SUMS', 'SHA256SUMS.asc'].sort()).toEqual(filesOf(at('once')));
  writeFileSync(at('copy/CHANGELOG.md'), 'nothing happened\n');
  expect(() => run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], at('copy'))).toThrow('did NOT match');
  writeFileSync(at('copy/SHA256SUMS'), `${'0'.repeat(64)}  CHANGELOG.md\n`);
  expect(() => run('gpg', ['--batch', '--verify', 'SHA256SUMS.asc', 'SHA256SUMS'], at('copy'))).toThrow(
    'BAD signature',
  );
});

/** A host's apt, which knows this repository alone. @returns what it says */
function apt(repository: string, ring: string, ...args: string[]) {
  const own = at('apt-of-a-host');
  rmSync(own, { recursive: true, force: true });
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'etc/preferences.d'])
    mkdirSync(path.join(own, name), { recursive: true });
  const line = (suite: string) => `deb [signed-by=${ring}] file:${repository} ${suite} main\n`;
  writeFileSync(path.join(own, 'etc/sources.list'), line('stable') + line('previous'));
  const options = {
    'Dir::Etc::sourcelist': path.join(own, 'etc/sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': path.join(own, 'state/lists'),
    'Dir::Cache': path.join(own, 'cache'),
    'APT::Sandbox::User': 'root',
  };
  const told = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const update = spawnSync('apt-get', [...told, 'update'], { encoding: 'utf8', env: { ...env, LC_ALL: 'C.UTF-8' } });
  const asked = spawnSync('apt-cache', [...told, ...args], { encoding: 'utf8', env: { ...env, LC_ALL: 'C.UTF-8' } });
  return { status: update.status, said: update.stdout + update.stderr, answer: asked.stdout };
}

test('apt takes the repository by the key that is in it, has both versions, and refuses what is not of it', () => {
  // apt does not take a path with a space.
  const place = mkdtempSync(path.join(os.tmpdir(), 'relaymap-repository-'));
  try {
    cpSync(at('once/apt'), place, { recursive: true });
    const ring = path.join(place, 'relaymap-archive-keyring.asc');
    const good = apt(place, ring, 'madison', 'relaymap');
    expect([good.status, good.said]).toEqual([0, expect.not.stringMatching(/^[WE]:/m)]);
    expect(
      good.answer
        .split('\n')
        .map((line) => line.split('|')[1]?.trim())
        .filter(Boolean),
    ).toEqual([version, '0.0.9']);
    const packages = path.join(place, 'dists/stable/main/binary-amd64/Packages');
    writeFileSync(packages, readFileSync(packages, 'utf8').replace('Section: mail', 'Section: evil'));
    rmSync(`${packages}.gz`);
    const changed = apt(place, ring, 'madison', 'relaymap');
    expect([changed.status, changed.said]).toEqual([100, expect.stringMatching(/Hash Sum mismatch|unexpected size/)]);
    key('somebody else');
    writeFileSync(ring, run('gpg', ['--armor', '--export', 'somebody else']));
    const foreign = apt(place, ring, 'madison', 'relaymap');
    expect([foreign.status, foreign.said]).toEqual([100, expect.stringContaining('NO_PUBKEY')]);
    expect(foreign.answer).toBe('');
  } finally {
    rmSync(place, { recursive: true });
  }
});

interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicate: {
    readonly buildDefinition: {
      readonly resolvedDependencies: readonly {
        readonly name: string;
        readonly digest: Readonly<Record<string, string>>;
      }[];
    };
  };
}

test('the statement of provenance names each file made, the commit and the lock file, and is signed', () => {
  const name = readdirSync(at('once')).find((file) => file.endsWith('.intoto.json')) ?? '';
  run('gpg', ['--batch', '--verify', `${name}.asc`, name], at('once'));
  const { subject, predicate } = JSON.parse(readFileSync(at('once', name), 'utf8')) as Statement;
  for (const { name: file, digest } of subject) expect([file, sha256(at('once', file))]).toEqual([file, digest.sha256]);
  const rest = filesOf(at('once')).filter((file) => !subject.some(({ name: known }) => known === file));
  expect(rest.sort()).toEqual(['SHA256SUMS', 'SHA256SUMS.asc', name, `${name}.asc`].sort());
  const inputs = new Map(predicate.buildDefinition.resolvedDependencies.map((each) => [each.name, each.digest]));
  expect(inputs.get('package-lock.json')?.['sha256']).toBe(sha256(path.join(root, 'package-lock.json')));
  if (hasHistory) expect(inputs.get('source')?.['gitCommit']).toMatch(/^[0-9a-f]{40}$/);
});

test('the bill of materials has every package of the lock file, and nothing of this machine', () => {
  const name = readdirSync(at('once')).find((file) => file.endsWith('.cdx.json')) ?? '';
  const text = readFileSync(at('once', name), 'utf8');
  const { components } = JSON.parse(text) as { components: { name: string; group?: string; version: string }[] };
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as { packages: object };
  const locked = Object.keys(lock.packages).filter((where) => where !== '').map((where) => where.replace(/^.*node_modules\//, '')); // prettier-ignore
  expect(new Set(components.map((each) => each.name))).toEqual(new Set(locked));
  for (const file of filesOf(at('once')).filter((each) => /\.(json|md|asc)$|SUMS$|Release$/.test(each)))
    expect([file, readFileSync(at('once', file), 'utf8').includes(os.tmpdir())]).toEqual([file, false]);
  expect(text).not.toMatch(/https?:\/\/(?!cyclonedx\.org)/);
});

test('without a key of the builder nothing is made, and what is there stays', () => {
  const before = sha256(at('twice/SHA256SUMS'));
  for (const [args, why] of [
    [[], '--key is missing'],
    [['--key', '0'.repeat(40)], 'no secret key'],
  ] as const) {
    const { status, stderr } = release('twice', ...args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(new RegExp(`${why}|ended with 2`))]);
  }
  expect(sha256(at('twice/SHA256SUMS'))).toBe(before);
});

test('an image of another version, or a file that is none, ends it, and what is there stays', () => {
  const before = sha256(at('twice/SHA256SUMS'));
  const [good, old] = [image(version), image('0.0.9')];
  for (const [files, why] of [
    [[old], `is of version 0.0.9, the release of version ${version}`],
    [[at('gnupg/pubring.kbx')], 'is no image that npm run image has made'],
    [[at('nowhere')], 'is no image'],
    [[good, good], 'two files are called'],
  ] as const) {
    const { status, stderr } = release('twice', '--key', own, ...files.flatMap((file) => ['--image', file]));
    expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
  }
  expect(sha256(at('twice/SHA256SUMS'))).toBe(before);
});
