// npm run image: two container images, without any registry: Debian's packages by mmdebstrap and our .deb, each as one
// tar (an OCI image layout) in packaging/out/image. Two runs with the same packages give the same digest.
//
//   npm run image [-- --only backup-mx|client] [--suite trixie] [--mirror URL] [--deb FILE] [--out DIR]
//
// Needs root, and from Debian mmdebstrap. Loaded by `podman load -i FILE` or `docker load -i FILE`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './deb/bundled.mjs';
import { layout } from './image/layout.mjs';
import { hostMirror, rootfs } from './image/rootfs.mjs';
import { seconds } from './release/commit.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    suite: { type: 'string', default: 'trixie' },
    mirror: { type: 'string' },
    deb: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'packaging/out/image') },
  },
});

const CONTAINER = '/usr/lib/relaymap/container';
/** Times are in nanoseconds. */
const HEALTH = {
  Test: ['CMD', `${CONTAINER}/health`],
  Interval: 60e9,
  Timeout: 30e9,
  StartPeriod: 60e9,
  Retries: 3,
};
const PATH = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin';

const IMAGES = [
  {
    name: 'relaymap-backup-mx',
    description: 'A backup MX with Postfix that knows its recipients by a signed list',
    packages: ['adduser', 'ca-certificates', 'nodejs', 'postfix', 'postfix-cdb'],
    files: [
      ['configure', '755'],
      ['health', '755'],
      ['main.cf', '644'],
      ['backup-mx', '755'],
    ],
    more: [],
    config: {
      Entrypoint: [`${CONTAINER}/backup-mx`],
      Env: [PATH, 'TZ=UTC', 'NODE_ENV=production'],
      ExposedPorts: { '25/tcp': {} },
      Volumes: { '/var/lib/relaymap': {}, '/var/spool/postfix': {} },
      StopSignal: 'SIGTERM',
      Healthcheck: HEALTH,
    },
  },
  {
    name: 'relaymap-client',
    description: 'The client of relaymap alone, beside a mail server in another container',
    packages: ['adduser', 'ca-certificates', 'nodejs'],
    files: [
      ['configure', '755'],
      ['health', '755'],
      ['client', '755'],
    ],
    // Everything that it writes is its own.
    more: [
      'chroot "$1" chown -R relaymap:relaymap /etc/relaymap && rm -rf "$1"/usr/lib/tmpfiles.d/relaymap.conf',
      'chroot "$1" install -d -o relaymap -g relaymap -m 2755 /var/lib/relaymap/maps',
    ],
    config: {
      User: 'relaymap',
      Entrypoint: [`${CONTAINER}/client`],
      Env: [PATH, 'TZ=UTC', 'NODE_ENV=production'],
      Volumes: { '/var/lib/relaymap': {}, '/var/lib/relaymap/maps': {} },
      StopSignal: 'SIGTERM',
      Healthcheck: HEALTH,
    },
  },
];

function fail(message) {
  console.error(`image: ${message}`);
  process.exit(2);
}

/** The package of the gateway: the one that is given, else one that is built now. */
function gatewayPackage(work) {
  if (values.deb !== undefined) return path.resolve(values.deb);
  execFileSync(process.execPath, [path.join(root, 'packaging/package.mjs'), '--out', work], {
    stdio: ['ignore', 2, 2],
  });
  return path.join(
    work,
    readdirSync(work).find((name) => name.startsWith('relaymap_')),
  );
}

if (process.getuid() !== 0) fail('mmdebstrap needs root here');
const wanted = IMAGES.filter(({ name }) => values.only === undefined || name === `relaymap-${values.only}`);
if (wanted.length === 0) fail(`--only ${values.only} is none of backup-mx, client`);
const mirror = values.mirror ?? hostMirror() ?? fail("this host's apt knows no mirror of Debian: --mirror URL");
const out = path.resolve(values.out);
mkdirSync(out, { recursive: true });
const work = mkdtempSync(path.join(os.tmpdir(), 'relaymap-image-'));
try {
  const deb = gatewayPackage(work);
  const field = (name) => execFileSync('dpkg-deb', ['-f', deb, name], { encoding: 'utf8' }).trim();
  const architecture = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  for (const image of wanted) {
    const layer = path.join(work, 'layer.tar');
    rootfs(image, { suite: values.suite, mirror, deb, seconds, target: layer });
    const version = field('Version');
    const target = path.join(out, `${image.name}_${version}_${architecture}.tar`);
    const { digest, tag, bytes } = await layout(image, { layer, target, version, seconds, architecture });
    console.log(`${target}  ${tag}  ${digest}  ${Math.round(bytes / 1e6)} MB`);
  }
} catch (error) {
  rmSync(work, { recursive: true, force: true });
  fail(error instanceof Error ? error.message : String(error));
}
rmSync(work, { recursive: true, force: true });
