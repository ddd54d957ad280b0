// A mail server of Debian in a tree of its own (support/debian-tree.ts), over which an overlay takes what is written,
// with mounts, processes and a network of its own; relaymap's built commands run beside it. Nothing of the host is
// touched, and all of it ends with the test process. Needs root.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import type { DebianTree } from '../support/debian-tree.ts';
import { authority, Endpoint } from '../support/endpoint.ts';
import { run, type Finished } from '../support/finished.ts';
import { Forger } from '../support/forger.ts';

const ALONE = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--net', '--uts'];
const MORTAL = ['setpriv', '--pdeathsig', 'KILL'];

export const MAPS = '/var/lib/relaymap/maps';
export const COMMAND = ['node', '/shared/dist/bin/relaymap.cjs'];
export const CONFIG = '/etc/relaymap/relaymap.toml';

export class MailHost {
  readonly #target: ChildProcess;
  readonly #pid: number;
  #bridge: ChildProcess | null = null;
  readonly #helpers: ChildProcess[] = [];
  #https: Server | null = null;

  readonly dir: string;
  readonly forger: Forger;
  readonly endpoint: Endpoint;

  private constructor(dir: string, forger: Forger, endpoint: Endpoint, target: ChildProcess) {
    this.dir = dir;
    this.forger = forger;
    this.endpoint = endpoint;
    this.#target = target;
    this.#pid = innermost(target.pid ?? 0);
  }

  /** @param stranger an address of its own, from which mail comes, for a server that trusts 127.0.0.1 in any case */
  static async open(tree: DebianTree, stranger: string | null = null): Promise<MailHost> {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-mta-'));
    chmodSync(dir, 0o755);
    for (const name of ['root', 'shared', 'over']) mkdirSync(path.join(dir, name), { mode: 0o755 });
    cpSync(path.dirname(BIN_FOLDER), path.join(dir, 'shared', 'dist'), { recursive: true });
    writeFileSync(path.join(dir, 'shared', 'package.json'), '{ "type": "module" }');
    const script = `set -e
      tree=$1 dir=$2 stranger=$3
      mount -t tmpfs none "$dir/over"; mkdir "$dir/over/up" "$dir/over/work"
      mount -t overlay -o "lowerdir=$tree,upperdir=$dir/over/up,workdir=$dir/over/work" none "$dir/root"
      mount -t proc none "$dir/root/proc"; mount --rbind /dev "$dir/root/dev"; mount -t tmpfs none "$dir/root/run"
      mkdir -p "$dir/root/shared"; mount --bind "$dir/shared" "$dir/root/shared"
      hostname mx.test.invalid; ip link set lo up
      [ -z "$stranger" ] || ip address add "$stranger/32" dev lo
      printf '127.0.0.1 localhost mx.test.invalid\\n' >"$dir/root/etc/hosts"
      echo ready
      exec chroot "$dir/root" sleep infinity`;
    const target = spawn(
      'setpriv',
      [...MORTAL.slice(1), ...ALONE, 'sh', '-c', script, 'sh', tree.root, dir, stranger ?? ''],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(target.stdout ?? target, 'data');
    const forger = new Forger();
    const endpoint = await Endpoint.start(forger.files);
    const host = new MailHost(dir, forger, endpoint, target);
    await host.#join(stranger);
    await host.write('/etc/relaymap/pub.pem', forger.signers[0]?.publicPem ?? '');
    await host.write('/etc/relaymap/ca.pem', authority().cert);
    return host;
  }

  /** The endpoint's port on loopback here is the same there; its server on port 25 is a socket in the folder. */
  async #join(stranger: string | null): Promise<void> {
    const port = Number(new URL(this.endpoint.url).port);
    const shared = path.join(this.dir, 'shared');
    this.#https = createServer((socket) => {
      const to = connect(port, '127.0.0.1');
      socket.on('error', () => to.destroy()).on('close', () => to.destroy());
      to.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.pipe(to).pipe(socket);
    }).listen(path.join(shared, 'https.sock'));
    await once(this.#https, 'listening');
    const argv = ['nsenter', '--net', '-t', String(this.#pid), process.execPath, BRIDGE, shared, String(port)];
    if (stranger !== null) argv.push(stranger);
    this.#bridge = spawn(MORTAL[0] ?? '', [...MORTAL.slice(1), ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(this.#bridge.stdout ?? this.#bridge, 'data');
  }

  /** Where its port 25 can be reached. */
  get smtp(): string {
    return path.join(this.dir, 'shared', 'smtp.sock');
  }

  #inside(argv: readonly string[]): string[] {
    const enter = ['nsenter', '--net', '--mount', '--pid', '--uts', '--root', '-t', String(this.#pid)];
    const env = [
      '/usr/bin/env',
      '-i',
      '-C',
      '/',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'LC_ALL=C.UTF-8',
      'HOME=/root',
      'NO_COLOR=1',
    ];
    return [...MORTAL, ...enter, ...env, ...argv];
  }

  run(argv: readonly string[], input: string | Uint8Array = ''): Promise<Finished> {
    return run(this.#inside(argv), { input });
  }

  async must(argv: readonly string[], input: string | Uint8Array = ''): Promise<string> {
    const { status, stdout, stderr } = await this.run(argv, input);
    if (status !== 0) throw new Error(`exit status ${status} of ${argv.join(' ')}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** A process that stays; what it says goes to a file. */
  async start(argv: readonly string[], log: string): Promise<void> {
    await this.must(['sh', '-c', 'log=$1; shift; setsid "$@" >"$log" 2>&1 </dev/null & echo $!', 'sh', log, ...argv]);
  }

  at(file: string): string {
    return path.join(this.dir, 'root', file);
  }

  /** What a file of the host holds, as seen from inside. */
  async read(file: string): Promise<string> {
    return this.must(['cat', file]);
  }

  async write(file: string, text: string | Uint8Array): Promise<void> {
    await this.must(['sh', '-c', 'mkdir -p "$(dirname "$1")" && cat >"$1"', 'sh', file], text);
  }

  relaymap(...args: string[]): Promise<Finished> {
    const [command = '', ...rest] = args;
    return this.run([...COMMAND, command, '--config', CONFIG, ...rest]);
  }

  /** The same with a wall clock that is so many milliseconds ahead. */
  relaymapIn(ms: number, command: string): Promise<Finished> {
    copyFileSync(SHIFT, path.join(this.dir, 'shared', 'shift.cjs'));
    const clock = ['env', `SHIFT_MS=${ms}`, 'NODE_OPTIONS=--require /shared/shift.cjs'];
    return this.run([...clock, ...COMMAND, command, '--config', CONFIG]);
  }

  /** More lines for the bundle of relaymap.toml. */
  async inBundle(lines: string): Promise<void> {
    const text = await this.read(CONFIG);
    const at = /^\[\[bundle\]\]\n/m.exec(text);
    if (at === null) throw new Error('relaymap.toml has no bundle');
    const end = at.index + at[0].length;
    await this.write(CONFIG, `${text.slice(0, end)}${lines}\n${text.slice(end)}`);
  }

  /** SMTP servers on its loopback that take all mail: `127.0.0.1:2525`. What one gets is in `shared/sink-PLACE`. */
  async sinks(places: readonly string[]): Promise<void> {
    const shared = path.join(this.dir, 'shared');
    await this.#beside([process.execPath, SINK, shared, ...places], /ready/);
  }

  /**
   * A DNS server on its loopback that knows these names and no other, as options of dnsmasq(8):
   * `host-record=mx.example.org,127.0.0.2`, `mx-host=example.org,mx.example.org,10`.
   */
  async names(records: readonly string[]): Promise<void> {
    // Some resolvers ask nothing on a host whose only addresses are of loopback.
    const link = 'ip link add net0 type bridge; ip address add 198.51.100.1/32 dev net0; ip link set net0 up';
    await run(['nsenter', '--net', '-t', String(this.#pid), 'sh', '-ec', link]);
    const alone = ['--no-daemon', '--conf-file=/dev/null', '--no-hosts', '--no-resolv', '--user=root', '--pid-file'];
    const where = ['--listen-address=127.0.0.1', '--bind-interfaces', '--local=/#/'];
    await this.#beside(['dnsmasq', ...alone, ...where, ...records.map((record) => `--${record}`)], /started/);
    await this.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
  }

  /** A process of this host in the other's network, until it says that it is ready. */
  async #beside(argv: readonly string[], ready: RegExp): Promise<void> {
    const enter = ['nsenter', '--net', '-t', String(this.#pid), 'sh', '-c', 'exec "$@" 2>&1', 'sh'];
    const helper = spawn(MORTAL[0] ?? '', [...MORTAL.slice(1), ...enter, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#helpers.push(helper);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      helper.stdout.on('data', (chunk) => {
        said += String(chunk);
        if (ready.test(said)) resolve();
      });
      helper.once('exit', () => reject(new Error(`${argv[0]} has ended: ${said}`)));
    });
  }

  /** The line that a person types, with what it needs here. */
  init(kind: string, ...more: string[]): Promise<Finished> {
    const { url } = this.endpoint;
    const list = ['--name', this.forger.name, '--url', url, '--key', '/etc/relaymap/pub.pem'];
    return this.relaymap('init', ...list, '--ca-file', '/etc/relaymap/ca.pem', '--mta', kind, ...more);
  }

  /** Publishes, and has it installed. */
  async update(rows: readonly string[], ...args: string[]): Promise<Finished> {
    this.forger.publish(rows);
    return this.relaymap('fetch', ...args);
  }

  async close(): Promise<void> {
    this.#bridge?.kill('SIGKILL');
    for (const helper of this.#helpers) helper.kill('SIGKILL');
    this.#https?.close();
    await this.endpoint.stop();
    const ended = once(this.#target, 'exit');
    this.#target.kill('SIGKILL');
    await ended;
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

const [BRIDGE, SINK, SHIFT] = ['bridge.mjs', 'sink.mjs', 'shift.cjs'].map((name) =>
  path.join(import.meta.dirname, name),
) as [string, string, string];

/** The process in the new namespaces: the child of a child of what was started. */
function innermost(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean);
  return children[0] === undefined ? pid : innermost(Number(children[0]));
}
