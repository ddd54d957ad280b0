// Runs `relaymap run` for a gateway: its log as it comes, its signals, its end. Whatever happens it ends with the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { command, type Gateway } from './gateway.ts';

/** Lines of the configuration for a daemon that asks every second, or only when it is told. */
export const EVERY_SECOND = '[schedule]\ncron = "* * * * * *"\njitter = "0s"\n';
export const WHEN_TOLD = '[schedule]\ncron = "0 0 1 1 *"\njitter = "0s"\n';

export interface DaemonOptions {
  /** A command that runs the command, such as faketime. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Another build of the command. */
  readonly command?: string;
  /** Options of node itself. */
  readonly node?: readonly string[];
}

/** SIGUSR2, the last one that a handler is set for but SIGUSR1, in the mask of /proc. */
const USR2 = 1n << 11n;

interface Counted {
  readonly bundle: string | null;
  readonly outcome: string;
  readonly code: string | null;
  readonly count: number;
}

export class Daemon {
  readonly #child: ChildProcess;
  readonly #gateway: Gateway;
  readonly #ended: Promise<number | null>;
  log = '';

  constructor(gateway: Gateway, { under = [], env = {}, node = [], command: built = command }: DaemonOptions = {}) {
    this.#gateway = gateway;
    const argv = [...under, process.execPath, ...node, built, 'run', '--config', gateway.config];
    this.#child = spawn(argv[0] ?? '', argv.slice(1), {
      env: { ...process.env, ...gateway.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    }
    this.#ended = once(this.#child, 'close').then(([status]) => status as number | null);
    onTestFinished(async () => {
      this.#child.kill('SIGKILL'); // nothing, where it has ended
      await this.#ended;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    expect(this.#child.exitCode, this.log).toBeNull();
    this.#child.kill(name);
  }

  /** Waits until the log says so. */
  async says(what: RegExp, times = 1): Promise<void> {
    await this.until(() => this.log.split('\n').filter((line) => what.test(line)).length >= times, String(what));
  }

  /** Waits until it is so. @param what for the message. */
  async until(so: () => boolean, what: string): Promise<void> {
    for (const end = performance.now() + 120_000; !so();) {
      if (performance.now() > end) throw new Error(`never ${what}:\n${this.log}`);
      const { exitCode, signalCode } = this.#child;
      if (exitCode !== null || signalCode !== null)
        throw new Error(`ended with ${exitCode ?? signalCode}:\n${this.log}`);
      await sleep(10);
    }
  }

  /**
   * Ends it by a signal; what it said is searched as every command's output is. @returns exit status and
   * milliseconds.
   */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<{ status: number | null; ms: number }> {
    const started = performance.now();
    this.signal(name);
    return { ...(await this.ended()), ms: performance.now() - started };
  }

  async ended(): Promise<{ status: number | null }> {
    const status = await this.#ended;
    this.#gateway.requireClean(this.log);
    return { status };
  }

  /** How many cycles have ended so, by the counters of the report. */
  cycles(outcome?: string, bundle?: string): number {
    const file = path.join(this.#gateway.stateDir, 'status.json');
    if (!existsSync(file)) return 0;
    const { counters } = JSON.parse(readFileSync(file, 'utf8')) as { counters: { cycles: Counted[] } };
    return counters.cycles
      .filter((c) => (outcome === undefined || c.outcome === outcome) && (bundle === undefined || c.bundle === bundle))
      .reduce((sum, c) => sum + c.count, 0);
  }

  /** Waits until it can be told something: the signals of before have an end of their own. */
  async listens(): Promise<void> {
    const caught = () => /^SigCgt:\s+([0-9a-f]+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1] ?? '0';
    await this.until(() => (BigInt(`0x${caught()}`) & USR2) !== 0n, 'takes SIGUSR2');
  }

  /**
   * Waits for so many more cycles to end than had when it was called: where a cycle is already under way, call it
   * first and wait later.
   */
  async moreCycles(count: number, outcome?: string, bundle?: string): Promise<void> {
    const before = this.cycles(outcome, bundle);
    await this.until(() => this.cycles(outcome, bundle) >= before + count, `${count} cycles ${outcome ?? ''}`);
  }
}

/** Another process that holds the lock, until `release` or the end of the test. */
export async function holdLock(file: string): Promise<{ release(): void }> {
  const child = spawn('flock', ['-o', file, 'sh', '-c', 'echo held; read -r _'], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void child.stdin.end());
  await once(child.stdout, 'data');
  return { release: () => void child.stdin.end() };
}
