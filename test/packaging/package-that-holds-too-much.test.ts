// What is in the packages: the same bytes at every build, the gateway's files and nothing of the publisher's, the
// keys that were there and no secret, scripts and units that their own checkers take; and the command runs on every
// Node that the gateway promises.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
let gateway: string;
let publisher: string;

/** A checkout's last commit says when; a copy of the sources without one has to be told. */
const hasHistory = spawnSync('git', ['-C', root, '-c', `safe.directory=${root}`, 'rev-parse', 'HEAD']).status === 0;
const env = { ...process.env, ...(hasHistory ? {} : { SOURCE_DATE_EPOCH: '1790000000' }) };

const build = (out: string, ...more: string[]) =>
  run('node', [path.join(root, 'packaging/package.mjs'), '--version', '1.2.3', '--out', out, ...more], { env });
const unpacked = (out: string, name: string): string => {
  const target = path.join(out, name);
  execFileSync('dpkg-deb', ['-R', path.join(out, `${name}_1.2.3_all.deb`), target]);
  return target;
};
const filesOf = (tree: string): string[] =>
  readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(tree, path.join(entry.parentPath, entry.name)));

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap package-'));
  await build(path.join(folder, 'once'));
  [gateway, publisher] = [
    unpacked(path.join(folder, 'once'), 'relaymap'),
    unpacked(path.join(folder, 'once'), 'relaymap-publisher'),
  ];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('two builds give the same bytes, whatever the hour, the umask and the zone', async () => {
  const again = path.join(folder, 'again');
  const line = 'umask 077; exec node "$1" --version 1.2.3 --out "$2"';
  await run('sh', ['-c', line, 'sh', path.join(root, 'packaging/package.mjs'), again], {
    env: { ...env, TZ: 'Asia/Tokyo' },
  });
  const sums = (out: string) =>
    readdirSync(out)
      .filter((name) => name.endsWith('.deb'))
      .map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(path.join(out, name)))
          .digest('hex'),
      ]);
  expect(sums(again)).toEqual(sums(path.join(folder, 'once')));
  expect(sums(again)).toHaveLength(2);
});

test('the gateway has its own files and nothing of the publisher, in less than 5 MiB', () => {
  const files = filesOf(path.join(gateway, 'usr/lib/relaymap'));
  for (const needed of [
    'bin/cycle-child.cjs',
    'bin/relaymap.cjs',
    'bin/all-commands.js',
    'gateway/health/live-copy-trust.js',
    'bundle/ed25519.js',
    'package.json',
  ])
    expect(files).toContain(needed);
  const named = files.map((file) => file.replace(/-[0-9A-Z]{8}\.js$/, '.js')); // the hash of a chunk may spell anything
  expect(named.filter((file) => /publish|serve|sql|ldap|source-/i.test(file))).toEqual([]);
  const control = readFileSync(path.join(gateway, 'DEBIAN/control'), 'utf8');
  expect(Number(/^Installed-Size: (\d+)$/m.exec(control)?.[1])).toBeLessThan(5 * 1024);
  expect(control).toMatch(/^Depends: .*nodejs \(>= 18\.17\)/m);
  const text = files.map((file) => readFileSync(path.join(gateway, 'usr/lib/relaymap', file), 'latin1')).join('\n');
  expect(text).not.toContain('relaymap-publish.toml');
});

test.each(['relaymap', 'relaymap-publisher'])(
  '%s names each bundled library with its licence, from the lock file',
  (name) => {
    const doc = path.join(name === 'relaymap' ? gateway : publisher, 'usr/share/doc', name);
    const sbom = JSON.parse(readFileSync(path.join(doc, 'sbom.cdx.json'), 'utf8')) as {
      components: {
        name: string;
        version: string;
        licenses: { license: { id: string } }[];
        hashes: { content: string }[];
      }[];
    };
    const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string; dev?: boolean; integrity: string }>;
    };
    const copyright = readFileSync(path.join(doc, 'copyright'), 'utf8');
    expect(sbom.components.length).toBeGreaterThan(3);
    for (const { name: library, version, licenses, hashes } of sbom.components) {
      const locked = lock.packages[`node_modules/${library}`];
      expect([library, locked?.version]).toEqual([library, version]);
      // Drivers are bundled and so no dependency of the npm package; a gateway holds nothing that is not one.
      if (name === 'relaymap') expect([library, locked?.dev]).toEqual([library, undefined]);
      expect(hashes[0]?.content).toBe(Buffer.from(locked?.integrity.slice(7) ?? '', 'base64').toString('hex'));
      expect(licenses[0]?.license.id).toMatch(/^[A-Za-z0-9.-]+$/);
      expect(copyright).toContain(`Files: ${library}-${version}\n`);
    }
  },
);

test('keys that are there at the build are baked in as conffiles; a private key ends the build', async () => {
  const keys = path.join(folder, 'keys');
  mkdirSync(path.join(keys, 'example-com/root'), { recursive: true });
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  for (const name of ['example-org.pub', 'example-com/2026.pub', 'example-com/root/root.pub'])
    writeFileSync(path.join(keys, name), pem);
  const out = path.join(folder, 'keyed');
  await build(out, '--keys', keys);
  const tree = unpacked(out, 'relaymap');
  const baked = ['example-com/2026.pub', 'example-com/root/root.pub', 'example-org/example-org.pub'];
  expect(readFileSync(path.join(tree, 'DEBIAN/conffiles'), 'utf8')).toBe(
    baked.map((name) => `/etc/relaymap/keys/${name}\n`).join(''),
  );
  for (const name of baked) expect(readFileSync(path.join(tree, 'etc/relaymap/keys', name), 'utf8')).toBe(pem);

  writeFileSync(path.join(keys, 'example-org.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const none = path.join(folder, 'none');
  await expect(build(none, '--keys', keys)).rejects.toThrow(/holds a PRIVATE key/);
  expect(readdirSync(none).filter((name) => name.endsWith('.deb'))).toEqual([]);
});

test('scripts pass shellcheck; services are exposed less than 2.0', async () => {
  const scripts = [gateway, publisher].flatMap((tree) =>
    ['postinst', 'prerm', 'postrm'].map((name) => path.join(tree, 'DEBIAN', name)),
  );
  await run('shellcheck', [...scripts, path.join(gateway, 'usr/lib/relaymap/reload-postfix')]);
  for (const [tree, unit] of [
    [gateway, 'relaymap.service'],
    [publisher, 'relaymap-publish.service'],
    [publisher, 'relaymap-publish-serve.service'],
    [publisher, 'relaymap-publish-watch.service'],
    [publisher, 'relaymap-publish-cosign.service'],
  ] as const) {
    // Exit 1 over the threshold, which is in tenths.
    await run('systemd-analyze', [
      'security',
      '--offline=true',
      '--threshold=20',
      path.join(tree, 'usr/lib/systemd/system', unit),
    ]);
  }
});
