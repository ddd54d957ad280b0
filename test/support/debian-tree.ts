// Root file systems of other Debian releases for tests: made once by debootstrap from the mirror that this host's
// apt uses, kept in $XDG_CACHE_HOME or the folder for temporary files, and used by chroot. Nothing of the host is
// changed; no service is started in a tree, and whatever a package starts all the same ends with the build. Needs
// root and the package debootstrap.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { hostProxies } from './environment.ts';
import { run, type Finished } from './finished.ts';

/** Part of the key of the cache: to be raised when the recipe below changes. */
const RECIPE = 1;
const BUILD_MINUTES = 20;

export interface TreeOptions {
  /** The release's code name: `trixie`. */
  readonly suite: string;
  /** What is installed beyond a minimal system, with what it depends on and nothing that is merely recommended. */
  readonly packages: readonly string[];
  /** Answers to packages' questions, as `debconf-set-selections` takes them. */
  readonly debconf?: readonly string[];
  /** Part of the folder's name, for whoever looks at the cache. */
  readonly name?: string;
  /** A tree that this one begins with, a copy of it, in place of a minimal system: minutes less. */
  readonly from?: TreeOptions;
}

export interface TreeRun {
  readonly input?: string | Uint8Array;
  /** Folders of the host that the command sees: NAME -> folder, to be found as `/tmp/NAME`. */
  readonly shown?: Readonly<Record<string, string>>;
}

export interface DebianTree {
  /**
   * The folder that is the tree's root. It is shared by all tests: whoever writes into it takes a copy or an
   * overlay.
   */
  readonly root: string;
  /**
   * Runs a command in the tree, as root, with a `/proc`, an empty `/tmp` and a loopback interface of its own, and
   * no other.
   */
  run(argv: readonly string[], options?: TreeRun): Promise<Finished>;
}

/**
 * The tree of these packages, built if it is not there: a minute or two and a download of some 100 MB. Two that ask
 * at once get the same one; a build that was killed leaves nothing that is taken for a tree.
 */
export async function debianTree(options: TreeOptions): Promise<DebianTree> {
  if (process.getuid?.() !== 0) throw new Error('a tree of another Debian release needs root: it is used by chroot');
  const { suite, packages, debconf = [], name = suite, from } = options;
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? os.tmpdir(), 'relaymap-trees');
  const root = path.join(cache, `${name}-${keyOf(options)}`);
  if (!existsSync(root)) {
    const base = from === undefined ? '' : (await debianTree(from)).root;
    await build(cache, root, base, suite, packages, debconf);
  }
  return { root, run: (argv, how = {}) => runIn(root, argv, how) };
}

function keyOf({ suite, packages, debconf = [], from }: TreeOptions): string {
  const base = from === undefined ? [] : [keyOf(from)];
  return createHash('sha256')
    .update(JSON.stringify([RECIPE, suite, [...packages].sort(), debconf, process.arch, ...base]))
    .digest('hex')
    .slice(0, 16);
}

async function runIn(root: string, argv: readonly string[], { input = '', shown = {} }: TreeRun): Promise<Finished> {
  const script = `set -e
    root=$1 count=$2; shift 2
    mount -t tmpfs -o mode=1777 none "$root/tmp"
    while [ "$count" -gt 0 ]; do
      mkdir "$root/tmp/$1"; mount --bind "$2" "$root/tmp/$1"
      shift 2; count=$((count - 1))
    done
    mount -t proc none "$root/proc"; mount --rbind /dev "$root/dev"
    ip link set lo up
    exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"`;
  const folders = Object.entries(shown);
  return await finished(
    ['unshare', ...ALONE, '--net', 'sh', '-c', script, 'sh', root, String(folders.length), ...folders.flat(), ...argv],
    input,
  );
}

/** Mounts and processes that end with the command, however it ends. */
const ALONE = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];

async function build(
  cache: string,
  root: string,
  base: string,
  suite: string,
  packages: readonly string[],
  debconf: readonly string[],
): Promise<void> {
  // One builder at a time and one name for what is unfinished: the next builder removes what a killed one left.
  const script = `set -eu
    root=$1 suite=$2 mirror=$3 answers=$4 settings=$5 base=$6; shift 6
    [ ! -d "$root" ] || exit 0
    rm -rf --one-file-system -- "$root.unfinished"
    mkdir "$root.unfinished"
    # debootstrap fails in a folder with a space in its path: it sees another one, as nobody else does.
    new=/mnt
    mount --bind "$root.unfinished" "$new"
    if [ -n "$base" ]; then cp -a "$base/." "$new"; else debootstrap --variant=minbase "$suite" "$new" "$mirror"; fi
    printf '#!/bin/sh\\nexit 101\\n' >"$new/usr/sbin/policy-rc.d"
    chmod 0755 "$new/usr/sbin/policy-rc.d"
    printf '%s' "$settings" >"$new/etc/apt/apt.conf.d/90host"
    mount -t proc none "$new/proc"
    in_tree() { chroot "$new" /usr/bin/env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" </dev/null; }
    printf '%s\\n' "$answers" | chroot "$new" debconf-set-selections
    if [ $# -gt 0 ]; then
      in_tree apt-get -q update
      in_tree apt-get -q -y --no-install-recommends install "$@"
    fi
    in_tree apt-get -q clean
    umount "$new/proc" "$new"
    mv -T -- "$root.unfinished" "$root"`;
  const answers = ['debconf debconf/frontend select Noninteractive', ...debconf].join('\n');
  await promisify(execFile)('mkdir', ['-p', cache]);
  const { mirror, settings } = await hostApt();
  const { status, stdout, stderr } = await finished(
    [
      'flock',
      path.join(cache, 'lock'),
      'timeout',
      '--kill-after=10',
      `${BUILD_MINUTES}m`,
      'unshare',
      ...ALONE,
      'sh',
      '-c',
    ].concat([script, 'sh', root, suite, mirror, answers, settings, base, ...packages]),
    '',
  );
  if (status !== 0)
    throw new Error(
      `no tree of ${suite}: exit status ${status}; the end of what was said:\n${tail(stdout)}\n${tail(stderr)}`,
    );
}

const tail = (text: string): string => text.trimEnd().split('\n').slice(-20).join('\n');

/**
 * The mirror of the host's own Debian release, and how its apt reaches it. Neither is the business of a committed
 * file.
 */
async function hostApt(): Promise<{ mirror: string; settings: string }> {
  const run = promisify(execFile);
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(CREATED_BY)|$(LABEL)|$(COMPONENT)|$(REPO_URI)',
  ]);
  const mirror = /^Packages\|Debian\|main\|(.+)$/m.exec(stdout)?.[1];
  if (mirror === undefined) throw new Error("this host's apt knows no mirror of Debian; try: apt-get update");
  const kept = ['Acquire::Check-Valid-Until', 'Acquire::Check-Date', 'Acquire::http', 'Acquire::https'];
  const { stdout: settings } = await run('apt-config', ['dump', '--format', '%f "%v";%n', ...kept]);
  return { mirror, settings };
}

const finished = (argv: readonly string[], input: string | Uint8Array): Promise<Finished> =>
  run(argv, { input, env: hostProxies() });
