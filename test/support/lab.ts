// A network of whole Debian hosts for tests: each is an overlay over a shared tree (debian-tree.ts), started with
// its own systemd by systemd-nspawn, on a bridge in a network namespace of the lab's own. Nothing of the host is
// touched but a temporary folder and cgroups named after this process; every process dies with this one. Needs
// root, systemd-container, debootstrap and iproute2.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianTree, type DebianTree } from './debian-tree.ts';
import { run, type Finished } from './finished.ts';

/** Relaymap's packages as `npm run package` left them. */
export const OUT = fileURLToPath(new URL('../../packaging/out', import.meta.url));

/** What a host has before a test does anything, with what that depends on. */
const PACKAGES = 'adduser dbus init iproute2 nodejs openssl postfix postfix-cdb procps'.split(' ');
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export type Suite = 'trixie' | 'bookworm';

export function labTree(suite: Suite, more: readonly string[] = []): Promise<DebianTree> {
  const debconf = ['postfix postfix/main_mailer_type select No configuration'];
  const plain = { suite, name: `lab-${suite}`, packages: PACKAGES, debconf };
  return debianTree(more.length === 0 ? plain : { suite, name: `lab-${suite}`, packages: more, from: plain });
}

/** Dies when this process dies, however that ends. */
const MORTAL = ['setpriv', '--pdeathsig', 'KILL'];

/** Mounts and processes that end with this one: of nspawn alone the host would outlive a killed test. */
const ALONE = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];

const finished = (argv: readonly string[], input: string | Uint8Array = ''): Promise<Finished> =>
  run([...MORTAL, ...argv], { input });

async function must(argv: readonly string[], input: string | Uint8Array = ''): Promise<string> {
  const { status, stdout, stderr } = await finished(argv, input);
  if (status === 0) return stdout;
  throw new Error(`exit status ${status} of: ${argv.join(' ').slice(0, 2000)}\n${stdout}\n${stderr}`);
}

/** Asks again and again until it is so; the last answer is part of the complaint. */
export async function until<T>(what: string, seconds: number, ask: () => Promise<T>, good: (answer: T) => boolean) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}; last seen: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** What /proc says of a process; nothing of one that has ended. */
function processFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it has just ended
  }
}
const commandOf = (pid: number): string => processFile(pid, 'cmdline');
const childrenOf = (pid: number): number[] =>
  processFile(pid, `task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);

/**
 * A cgroup and those below it, which the kernel lets go only as empty folders, the innermost first. @returns false
 * while one is in use.
 */
function removed(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !removed(path.join(folder, entry.name))) return false;
    }
    rmdirSync(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EBUSY') return false;
    throw error;
  }
}

export class LabHost {
  readonly name: string;
  readonly address: string;
  readonly #lab: Lab;
  readonly #tree: string;
  readonly #folder: string;
  #nspawn: ChildProcess | null = null;
  #leader = 0;

  constructor(lab: Lab, name: string, address: string, tree: string, folder: string) {
    this.#lab = lab;
    this.name = name;
    this.address = address;
    this.#tree = tree;
    this.#folder = folder;
    for (const part of ['upper', 'work', 'root']) mkdirSync(path.join(folder, part), { recursive: true });
  }

  /** Starts the host and waits until all that starts with it has started. */
  async boot(): Promise<void> {
    // A cgroup of its own: systemd takes what it finds beside itself for its own processes.
    const script = `set -eu
      folder=$1 tree=$2 name=$3 group=$4
      mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
      for hierarchy in systemd unified .; do
        procs=/sys/fs/cgroup/$hierarchy/cgroup.procs
        [ -e "$procs" ] || continue
        mkdir -p "/sys/fs/cgroup/$hierarchy/$group"
        echo 0 >"/sys/fs/cgroup/$hierarchy/$group/cgroup.procs"
      done
      mount -t proc proc /proc
      exec systemd-nspawn --directory="$folder/root" --register=no --keep-unit --boot --quiet \\
        --private-network --machine="$name" --hostname="$name" --resolv-conf=off --timezone=off --link-journal=no`;
    const log = openSync(path.join(this.#folder, 'boot.log'), 'a');
    const nspawn = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', ...ALONE, 'sh', '-c', script, 'sh'].concat([
        this.#folder,
        this.#tree,
        `${this.name}-${process.pid}`.slice(0, 60),
        this.#group,
      ]),
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    this.#nspawn = nspawn;
    const leader = await until(
      `${this.name} starts (${this.#folder}/boot.log)`,
      180,
      () => Promise.resolve(nspawn.exitCode === null ? this.#findLeader(nspawn.pid ?? 0) : -1),
      (pid) => pid !== 0,
    );
    if (leader < 0) throw new Error(`${this.name} does not start:\n${this.log().slice(-2000)}`);
    this.#leader = leader;
    await this.#lab.connect(this.name, this.address, leader);
    await until(
      `all services of ${this.name} have started`,
      300,
      () => this.run('systemctl is-system-running --wait'),
      ({ stdout }) => /^(running|degraded)/.test(stdout),
    );
  }

  get #group(): string {
    return `relaymap-lab-${process.pid}-${this.name}`;
  }

  /**
   * PID 1 of the host: the child of nspawn, itself a child of unshare, that has become systemd; 0 as long as there
   * is none.
   */
  #findLeader(nspawn: number): number {
    const isSystemd = (pid: number) => /\/systemd\0|^\/sbin\/init\0|^\/usr\/lib\/systemd\/systemd/.test(commandOf(pid));
    return childrenOf(nspawn).flatMap(childrenOf).find(isSystemd) ?? 0;
  }

  /** What the host said on its console. */
  log(): string {
    return readFileSync(path.join(this.#folder, 'boot.log'), 'utf8');
  }

  #within(argv: readonly string[]): string[] {
    const environment = ['env', '-i', `PATH=${PATH}`, 'LC_ALL=C.UTF-8', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive'];
    return ['nsenter', '-t', String(this.#leader), '-a', '--', ...environment, ...argv];
  }

  /** A shell script on the host, as root, with its arguments from $0 on; a status other than 0 is a value. */
  run(script: string, input?: string | Uint8Array, ...args: string[]): Promise<Finished> {
    return finished(this.#within(['sh', '-ec', script, ...args]), input);
  }

  /** The same where anything but success is an error. @returns stdout */
  async ok(script: string, input?: string | Uint8Array): Promise<string> {
    const { status, stdout, stderr } = await this.run(script, input);
    if (status === 0) return stdout;
    throw new Error(`${this.name}: exit status ${status} of: ${script}\n${stdout}\n${stderr}`);
  }

  /** A process that goes on beside the test. */
  start(script: string): ChildProcess {
    const [command = '', ...args] = [...MORTAL, ...this.#within(['sh', '-ec', script])];
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  async write(file: string, text: string | Uint8Array, mode = '0644', owner = 'root:root'): Promise<void> {
    await this.ok(`cat >'${file}' && chown ${owner} '${file}' && chmod ${mode} '${file}'`, text);
  }

  /** `apt-get install ./PACKAGE`, as a postmaster types it. */
  async install(deb: string): Promise<string> {
    const name = path.basename(deb);
    await this.write(`/root/${name}`, readFileSync(deb));
    return await this.ok(`cd /root && apt-get install -y --no-install-recommends ./${name} 2>&1`);
  }

  async stop(): Promise<void> {
    const nspawn = this.#nspawn;
    if (nspawn === null || nspawn.exitCode !== null || nspawn.signalCode !== null) return;
    const closed = once(nspawn, 'exit');
    // systemd's own poweroff
    if (this.#leader > 0) await finished(['kill', '-s', 'RTMIN+4', String(this.#leader)]);
    else nspawn.kill('SIGKILL');
    const patience = setTimeout(() => nspawn.kill('SIGKILL'), 120_000);
    await closed;
    clearTimeout(patience);
    this.#nspawn = null;
    for (const hierarchy of ['systemd', 'unified', '.']) {
      const group = path.join('/sys/fs/cgroup', hierarchy, this.#group);
      // A process that was killed is there for a moment yet.
      if (existsSync(group)) await until(`${group} is empty`, 60, () => Promise.resolve(removed(group)), Boolean);
    }
  }

  async reboot(): Promise<void> {
    await this.stop();
    await this.boot();
  }
}

export class Lab {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-lab-'));
  readonly hosts = new Map<string, LabHost>();
  #wire: ChildProcess | null = null;

  /** The bridge that all hosts are on; the lab's own clients are there too, as 10.77.0.1. */
  async #start(): Promise<void> {
    const script = `set -e; ip link set lo up; ip link add br0 type bridge; ip address add 10.77.0.1/24 dev br0; ip link set br0 up
      echo ready; exec sleep infinity`;
    const wire = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#wire = wire;
    await once(wire.stdout, 'data');
  }

  static async start(): Promise<Lab> {
    const lab = new Lab();
    await lab.#start();
    return lab;
  }

  async host(name: string, address: string, suite: Suite = 'trixie', more: readonly string[] = []): Promise<LabHost> {
    const { root } = await labTree(suite, more);
    const host = new LabHost(this, name, address, root, path.join(this.folder, name));
    this.hosts.set(name, host);
    await host.boot();
    await host.ok('rm -f /usr/sbin/policy-rc.d'); // from the making of the tree: here packages do start their services
    return host;
  }

  get #net(): string[] {
    return ['nsenter', '-t', String(this.#wire?.pid ?? 0), '-n', '--'];
  }

  async connect(name: string, address: string, leader: number): Promise<void> {
    const script = `ip link add "v-$1" type veth peer name "h-$1"; ip link set "v-$1" master br0 up; ip link set "h-$1" netns "$2"`;
    await must([...this.#net, 'sh', '-ec', script, 'sh', name, String(leader)]);
    const inside = `ip link set lo up; ip link set "h-$1" name eth0; ip address add "$2/24" dev eth0; ip link set eth0 up`;
    await must(['nsenter', '-t', String(leader), '-n', '--', 'sh', '-ec', inside, 'sh', name, address]);
  }

  /** A process of the test on the lab's wire, fed a script: for clients that are no host. */
  onWire(argv: readonly string[], input = ''): Promise<Finished> {
    return finished([...this.#net, ...argv], input);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.hosts.values()].map((host) => host.stop()));
    const wire = this.#wire;
    if (wire !== null && wire.exitCode === null && wire.signalCode === null) {
      const gone = once(wire, 'exit');
      wire.kill('SIGKILL');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
