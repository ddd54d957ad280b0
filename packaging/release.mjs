// npm run release: everything that goes out for one version, below packaging/out/release/, without the network: both
// Debian packages, an apt repository of them, the npm packages, checksums with their signature, a bill of materials,
// the changelog and a statement of what was built from what. Two runs of one commit with one key give the same bytes.
//
//   GNUPGHOME=... npm run release -- --key FINGERPRINT [--version V] [--previous DIR] [--out DIR] [--image FILE]...
//
// --previous is a folder with the packages of the last version: they stay in the repository, in the suite `previous`,
// so that a host can go back. Needs from Debian: reprepro, gnupg, faketime.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './deb/bundled.mjs';
import { bom } from './release/bom.mjs';
import { commit, seconds } from './release/commit.mjs';
import { provenance } from './release/provenance.mjs';
import { filesBelow, sha256Of } from './release/sums.mjs';

const { values } = parseArgs({
  options: {
    key: { type: 'string' },
    version: { type: 'string' },
    previous: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'packaging/out/release') },
    image: { type: 'string', multiple: true, default: [] },
    builder: { type: 'string' },
  },
});
const version = values.version ?? JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version;
const out = path.resolve(values.out);

function fail(message) {
  console.error(`release: ${message}`);
  process.exit(2);
}

/** Runs a program to its end. What it says goes to stderr, unless it is asked for. */
function run(command, args, { cwd = root, env = {}, asked = false, input } = {}) {
  const { status, stdout, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', SOURCE_DATE_EPOCH: String(seconds), ...env },
    input,
    maxBuffer: 1 << 28,
    stdio: [input === undefined ? 'ignore' : 'pipe', asked ? 'pipe' : 2, 'inherit'],
  });
  if (error !== undefined) fail(`${command} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${command} ${args[0] ?? ''} ended with ${status}`);
  return asked ? stdout.toString() : '';
}

/** When the key was made: it cannot have signed before. */
let keyMade = 0;

/**
 * At the time of the commit, or of the key if that is younger: signatures and the repository's index hold the time. Not
 * by the command `faketime`, which fails where a process of the same number once left its semaphore.
 */
const atCommit = (command, args, options = {}) => {
  const time = new Date(Math.max(seconds, keyMade) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const clock = { LD_PRELOAD: '/usr/$LIB/faketime/libfaketime.so.1', FAKETIME: `@${time}` };
  return run(command, args, { ...options, env: { ...options.env, ...clock } });
};

function fingerprint() {
  run('faketime', ['--version'], { asked: true }); // its library is needed; without it nothing would say so
  if (values.key === undefined)
    fail('--key is missing: the fingerprint of a key of yours that signs the repository, in $GNUPGHOME');
  const listed = run('gpg', ['--batch', '--with-colons', '--list-secret-keys', values.key], { asked: true });
  const found = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1];
  if (found === undefined) fail(`gpg has no secret key ${values.key}`);
  keyMade = Number(/^sec:(?:[^:]*:){4}(\d+):/m.exec(listed)?.[1] ?? 0);
  return found;
}

/** The changelog must say what this version is; nobody adds it afterwards. */
function changelog() {
  const text = readFileSync(path.join(root, 'docs/CHANGELOG.md'), 'utf8');
  const own = version.replace(/[+~].*$/, '');
  if (values.version === undefined && !new RegExp(`^## ${own.replaceAll('.', '\\.')}( |$)`, 'm').test(text))
    fail(`docs/CHANGELOG.md has no section ${own}`);
  writeFileSync(path.join(out, 'CHANGELOG.md'), text);
}

function debianPackages() {
  const folder = path.join(out, 'deb');
  const told = values.version === undefined ? [] : ['--version', version];
  run(process.execPath, ['packaging/package.mjs', '--out', folder, ...told]);
  return readdirSync(folder).map((name) => path.join(folder, name));
}

function npmPackages() {
  mkdirSync(path.join(out, 'npm'));
  for (const folder of ['.', './packaging/haraka'])
    run('npm', [
      'pack',
      '--ignore-scripts',
      '--offline',
      '--silent',
      '--pack-destination',
      path.join(out, 'npm'),
      folder,
    ]);
}

/** An image of another version, or a file that is none, is seen before anything of the last release is removed. */
function judgeImages() {
  const names = new Set();
  for (const file of values.image) {
    const name = path.basename(file);
    if (names.has(name)) fail(`--image: two files are called ${name}`);
    names.add(name);
    const { status, stdout } = spawnSync('tar', ['-xOf', file, 'index.json'], { stdio: ['ignore', 'pipe', 'ignore'] });
    if (status !== 0) fail(`--image ${file} is no image that npm run image has made`);
    const found = JSON.parse(stdout.toString()).manifests[0].annotations['org.opencontainers.image.ref.name'];
    if (found !== version) fail(`--image ${file} is of version ${found}, the release of version ${version}`);
  }
}

/** Of every architecture, since the packages are of none. */
const ARCHITECTURES = 'amd64 arm64 armhf i386 ppc64el riscv64 s390x';

function repository(packages, key) {
  const work = path.join(out, '.reprepro');
  const suite = (codename, description) =>
    `Origin: relaymap\nLabel: relaymap\nSuite: ${codename}\nCodename: ${codename}\nArchitectures: ${ARCHITECTURES}\nComponents: main\nDescription: ${description}\nSignWith: ${key}\n`;
  mkdirSync(path.join(work, 'conf'), { recursive: true });
  const suites = [suite('stable', 'the newest version of relaymap')];
  if (values.previous !== undefined) suites.push(suite('previous', 'the version before, to go back to'));
  writeFileSync(path.join(work, 'conf/distributions'), suites.join('\n'));
  const include = (codename, deb) =>
    atCommit('reprepro', [
      '--silent',
      '--basedir',
      work,
      '--outdir',
      path.join(out, 'apt'),
      'includedeb',
      codename,
      deb,
    ]);
  for (const deb of packages) include('stable', deb);
  if (values.previous !== undefined) {
    const debs = readdirSync(values.previous).filter((name) => /^relaymap(-publisher)?_.*\.deb$/.test(name));
    if (debs.length === 0) fail(`--previous ${values.previous} has no package of relaymap`);
    for (const name of debs.sort()) include('previous', path.join(values.previous, name));
  }
  rmSync(work, { recursive: true });
  const ring = run('gpg', ['--batch', '--armor', '--export-options', 'export-minimal', '--export', key], {
    asked: true,
  });
  writeFileSync(path.join(out, 'apt/relaymap-archive-keyring.asc'), ring);
}

function sign(file, key) {
  const options = ['--batch', '--yes', '--armor', '--local-user', key, '--detach-sign', '--output', `${file}.asc`];
  atCommit('gpg', [...options, file]);
}

const key = fingerprint();
judgeImages();
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
changelog();
repository(debianPackages(), key);
npmPackages();
for (const image of values.image) {
  mkdirSync(path.join(out, 'image'), { recursive: true });
  copyFileSync(image, path.join(out, 'image', path.basename(image)));
}
writeFileSync(path.join(out, `relaymap-${version}.cdx.json`), bom(version, seconds, run));
const tools = ['node --version', 'npm --version', 'dpkg-deb --version', 'gzip --version'].map((line) => {
  const [command, ...args] = line.split(' ');
  return [command, run(command, args, { asked: true }).split('\n')[0]];
});
const subjects = filesBelow(out).map((name) => ({ name, digest: { sha256: sha256Of(path.join(out, name)) } }));
const statement = provenance({
  version,
  seconds,
  commit: commit(),
  builder: values.builder ?? `urn:relaymap:key:${key.toLowerCase()}`,
  tools: Object.fromEntries(tools),
  subjects,
});
writeFileSync(path.join(out, `relaymap-${version}.intoto.json`), statement);
sign(path.join(out, `relaymap-${version}.intoto.json`), key);
const sums = filesBelow(out).map((name) => `${sha256Of(path.join(out, name))}  ${name}\n`);
writeFileSync(path.join(out, 'SHA256SUMS'), sums.join(''));
sign(path.join(out, 'SHA256SUMS'), key);
console.log(`${out}: version ${version}, ${sums.length} files, signed by ${key}`);
