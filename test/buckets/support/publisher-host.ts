// One of several publishers of a list: a folder with a key, a state, a source and a configuration of its own, and the
// built `relaymap-publish watch`, which is killed, paused and begun again.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SigningKey } from '../../support/forger.ts';
import { whenFinished } from '../../support/finished.ts';
import { underClock } from '../../support/clock.ts';
import { BIN_FOLDER } from '../../support/bin-folder.ts';

const COMMAND = path.join(BIN_FOLDER, 'relaymap-publish.js');

export interface HostSetup {
  /** `output`, and what else stands at the top of the configuration, below it `[s3]` and the like. */
  readonly top: string;
  readonly tables: string;
  /** How far its clock is from ours: `+120s`. */
  readonly clock: string;
  /** `valid_for`; the usual one if it is not named. */
  readonly validity?: string;
  /** Its `state_dir`; the usual one if it is not named. */
  readonly state?: string;
}

export class PublisherHost {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-publisher-'));
  readonly key = new SigningKey();
  readonly name: string;
  /** All that it has said. */
  said = '';
  #clock = '+0s';
  #child: ChildProcess | null = null;
  #isPaused = false;

  constructor(name: string) {
    this.name = name;
    chmodSync(this.dir, 0o755);
    writeFileSync(this.at('own.key'), this.key.privatePem, { mode: 0o600 });
    writeFileSync(this.at('own.pub'), this.key.publicPem);
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  configure({ top, tables, clock, validity = '7d', state = this.at('state') }: HostSetup, other: PublisherHost): void {
    this.#clock = clock;
    const text = `name = "example-org"
state_dir = "${state}"
keys = ["${this.at('own.key')}", { public = "${other.at('own.pub')}" }]
threshold = 1
valid_for = "${validity}"
${top}
[watch]
interval = "1s"
debounce = "100ms"
[policy]
max_shrink_percent = 90
postmaster = false
[[source]]
type = "file"
path = "${this.at('recipients')}"
${tables}
`;
    writeFileSync(this.at('publish.toml'), text);
  }

  /** Replaces the source in one step, as an export does. */
  list(rows: Iterable<string>): void {
    writeFileSync(this.at('recipients.new'), Array.from(rows, (row) => `${row}\n`).join(''));
    renameSync(this.at('recipients.new'), this.at('recipients'));
  }

  /** Counts from its next start on. */
  set clock(clock: string) {
    this.#clock = clock;
  }

  get isUp(): boolean {
    return this.#child !== null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  start(): void {
    const [under, ...argv] = [...underClock(this.#clock), process.execPath, COMMAND, 'watch'];
    const child = spawn(under ?? 'env', [...argv, '--config', this.at('publish.toml')], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.said += text));
    this.#child = child;
  }

  /** One run, which must work. */
  async publish(): Promise<void> {
    const child = spawn(process.execPath, [COMMAND, 'publish', '--config', this.at('publish.toml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { status, stderr } = await whenFinished(child);
    if (status !== 0) throw new Error(`publish ended with ${status}: ${stderr}`);
  }

  /** As if the power went. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    this.#isPaused = false;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
    this.#isPaused = true;
  }

  goOn(): void {
    this.#child?.kill('SIGCONT');
    this.#isPaused = false;
  }

  /** What the last run came to; null before the first. */
  status(): { readonly outcome: string; readonly code: string | null; readonly version: number | null } | null {
    try {
      return JSON.parse(readFileSync(this.at('state', 'status.json'), 'utf8')) as ReturnType<PublisherHost['status']>;
    } catch {
      return null;
    }
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
