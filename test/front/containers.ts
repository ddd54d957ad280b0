// Containers for tests: podman with a store of its own in a temporary folder, and runc; no registry, no network but a
// namespace of the test's own, in which 192.0.2.1 is the outside. Needs root.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run, type Finished } from '../support/finished.ts';

/** An address that is no loopback: whoever comes from it is a stranger. */
export const OUTSIDE = '192.0.2.1';

const MORTAL = ['--pdeathsig', 'KILL', '--'];

export class Containers {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-containers-'));
  readonly #children: ChildProcess[] = [];
  #wire: ChildProcess | null = null;

  static async start(): Promise<Containers> {
    const own = new Containers();
    const script = `ip link set lo up; ip link add br0 type bridge; ip address add ${OUTSIDE}/24 dev br0; ip link set br0 up
      echo ready; exec sleep infinity`;
    own.#wire = spawn('setpriv', [...MORTAL, 'unshare', '--net', 'sh', '-ec', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (own.#wire.stdout !== null) await once(own.#wire.stdout, 'data');
    return own;
  }

  get #pid(): string {
    return String(this.#wire?.pid ?? 0);
  }

  /** What podman is told before each of its commands. */
  get global(): readonly string[] {
    const [store, state] = ['store', 'state'].map((name) => path.join(this.folder, name));
    const how = ['--storage-driver', 'vfs', '--root', store ?? '', '--runroot', state ?? '', '--runtime', 'runc'];
    return [...how, '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
  }

  podman(...args: readonly string[]): Promise<Finished> {
    return run(['podman', ...this.global, ...args], { env: { TMPDIR: this.folder } });
  }

  async ok(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.podman(...args);
    if (status !== 0) throw new Error(`podman ${args.join(' ')}: ${status}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** What every container of the tests is run with: few limits may be raised in a machine that is one itself. */
  get network(): readonly string[] {
    return ['--network', `ns:/proc/${this.#pid}/ns/net`, '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  }

  /** A process outside all containers, on their network. */
  outside(argv: readonly string[]): ChildProcess {
    const child = spawn('setpriv', [...MORTAL, 'nsenter', '-t', this.#pid, '-n', '--', ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  /** A socket whose other end is port 25 of the containers, as a stranger reaches it. */
  async port25(): Promise<string> {
    const socket = path.join(this.folder, 'smtp');
    const script = `const { createServer, connect } = require('node:net');
      createServer((one) => {
        const other = connect(25, '${OUTSIDE}');
        one.pipe(other).pipe(one);
        for (const each of [one, other]) each.on('error', () => { one.destroy(); other.destroy(); });
      }).listen(process.argv[1], () => console.log('ready'));`;
    const child = this.outside([process.execPath, '-e', script, socket]);
    if (child.stdout !== null) await once(child.stdout, 'data');
    return socket;
  }

  async stop(): Promise<void> {
    await this.podman('rm', '--all', '--force', '--time', '5');
    for (const child of [...this.#children, this.#wire]) {
      if (child === null || child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    spawnSync('umount', ['--recursive', path.join(this.folder, 'store')], { stdio: 'ignore' });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
