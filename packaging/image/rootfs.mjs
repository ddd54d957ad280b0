// The root file system of an image, as one tar: Debian's packages by mmdebstrap and our .deb, without what a container
// has no use for. The same packages give the same bytes: mmdebstrap sorts the names and takes SOURCE_DATE_EPOCH as the
// time of what is younger.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const files = fileURLToPath(new URL('files', import.meta.url));

/** The mirror that this host's own apt uses: of the index that it has, else of its sources. */
export function hostMirror() {
  const targets = ['indextargets', '--format', '$(CREATED_BY)|$(LABEL)|$(COMPONENT)|$(REPO_URI)'];
  const listed = execFileSync('apt-get', targets, { encoding: 'utf8' });
  const known = /^Packages\|Debian\|main\|(.+)$/m.exec(listed)?.[1];
  if (known !== undefined) return known;
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => /\.(list|sources)$/.test(name)) : [];
  const texts = ['/etc/apt/sources.list', ...files.map((name) => path.join(folder, name))]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'));
  const found = texts.flatMap((text) => [...text.matchAll(/^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(https?:\/\/\S+)/gm)]);
  return found.map(([, address]) => address).find((address) => /\/debian\/?$/.test(address));
}

/** Not unpacked: what a person reads, and what nothing in the image runs. */
const LEFT_OUT = [
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/lintian/*',
  'path-exclude=/usr/share/bash-completion/*',
  'path-exclude=/usr/share/zsh/*',
  'path-exclude=/usr/share/fish/*',
  'path-exclude=/usr/share/nodejs/corepack/*',
  'path-exclude=/usr/lib/systemd/*',
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
];

/** What remains of the installation: logs, caches, backups, who was here when, and the mirror (there is no apt). */
const CLEAN = `
  rm -f "$1"/etc/apt/sources.list
  chroot "$1" rm -f /tmp/relaymap.deb /etc/machine-id /var/lib/dbus/machine-id
  rm -rf "$1"/var/cache/* "$1"/var/log/* "$1"/var/lib/apt "$1"/var/lib/dpkg/*-old "$1"/etc/*- "$1"/run/*
  rm -rf "$1"/usr/lib/*/gconv "$1"/usr/share/perl5 "$1"/usr/share/debconf "$1"/var/cache/debconf "$1"/var/lib/systemd "$1"/etc/hostname "$1"/etc/resolv.conf
  sed -i "s/^\\([^:]*:[^:]*\\):[0-9]*:/\\1:1:/" "$1"/etc/shadow
`;

/**
 * @param image its packages and the files of ours
 * @param target the tar
 */
export function rootfs(image, { suite, mirror, deb, seconds, target }) {
  const hooks = [
    [
      'essential',
      `echo 'postfix postfix/main_mailer_type select No configuration' | chroot "$1" debconf-set-selections`,
    ],
    ['customize', `cp '${deb}' "$1"/tmp/relaymap.deb && chroot "$1" dpkg --install /tmp/relaymap.deb`],
    ['customize', `mkdir -p "$1"/usr/lib/relaymap/container`],
    ...image.files.map(([name, mode]) => [
      'customize',
      `install -m ${mode} '${path.join(files, name)}' "$1"/usr/lib/relaymap/container/${name}`,
    ]),
    ...image.more.map((line) => ['customize', line]),
    ['customize', CLEAN],
  ];
  const options = [
    '--mode=root',
    '--variant=essential',
    // CLEAN has removed apt's lists. apt-get, told to empty them all the same, would empty those of this host.
    '--skip=cleanup/apt',
    '--format=tar',
    '--aptopt=Apt::Install-Recommends "false"',
    ...LEFT_OUT.map((each) => `--dpkgopt=${each}`),
    `--include=${image.packages.join(',')}`,
    ...hooks.map(([stage, script]) => `--${stage}-hook=${script}`),
  ];
  const { status, stderr, error } = spawnSync(
    'mmdebstrap',
    [...options, suite, target, `deb ${mirror} ${suite} main`],
    {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds), LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  if (error !== undefined) throw new Error(`mmdebstrap cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`mmdebstrap ended with ${status}:\n${stderr.split('\n').slice(-30).join('\n')}`);
}
