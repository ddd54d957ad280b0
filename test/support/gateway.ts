// Drives the built `relaymap` command in temporary folders of its own, and tells what is in the map folder
// afterwards. Whatever the command prints is searched for stacks, tokens and addresses of the lists.
// RELAYMAP_BIN_DIR names another build than dist/bin.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { BIN_FOLDER } from './bin-folder.ts';
import { authority } from './endpoint.ts';
import { sha256, type SigningKey } from './forger.ts';
import { whenFinished, type Finished } from './finished.ts';

/** The built command. */
export const command = path.join(BIN_FOLDER, 'relaymap.cjs');

export interface BundleSetup {
  readonly name: string;
  readonly urls: readonly string[];
  readonly keys: readonly SigningKey[];
  /** Of `root/` in the key directory. */
  readonly roots?: readonly SigningKey[];
  /** Further lines of its `[[bundle]]`. */
  readonly lines?: string;
}

export interface Timed extends Finished {
  readonly ms: number;
}

/** docs/commands.md section 2.5 */
export interface BundleReport {
  readonly name: string;
  readonly outcome: string;
  readonly code: string | null;
  readonly message: string | null;
  readonly version: number | null;
  readonly rows: number | null;
  readonly via: string;
  readonly wireBytes: number;
  readonly ms: number;
}

export interface Fetched extends Timed {
  readonly outcome: string;
  readonly code?: string;
  readonly message?: string;
  readonly bundles: readonly BundleReport[];
  /** The one bundle. */
  readonly bundle: BundleReport;
}

export interface HealthReport {
  readonly status: string;
  readonly bundles: readonly {
    readonly name: string;
    readonly status: string;
    readonly version: number | null;
    readonly rows: number | null;
    readonly expires: string | null;
    readonly checkedAt: string | null;
    readonly outcome: string | null;
    readonly code: string | null;
    readonly reasons: readonly string[];
  }[];
}

/** Name -> what is there: two equal snapshots mean the very same files. */
export type Snapshot = Readonly<Record<string, { readonly sha256: string; readonly inode: number }>>;

const MAPS = ['relay_domains', 'relay_recipients', 'stale_domains', 'transport'].flatMap((map) => [map, `${map}.cdb`]);

export interface RunOptions {
  /** A command that runs the command, such as setpriv. */
  readonly under?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Addresses may stand in the answer. */
  readonly mayName?: boolean;
}

export class Gateway {
  readonly dir: string;
  readonly stateDir: string;
  readonly mapDir: string;
  readonly config: string;
  /** No output may hold one of these. */
  readonly unspeakable = new Set<string>();

  /** @param parent where its folder is made. */
  constructor(parent = os.tmpdir()) {
    this.dir = mkdtempSync(path.join(parent, 'relaymap-gw-'));
    this.stateDir = this.at('state');
    this.mapDir = this.at('maps');
    this.config = this.at('relaymap.toml');
    chmodSync(this.dir, 0o755);
    for (const folder of [this.stateDir, this.mapDir]) mkdirSync(folder);
    writeFileSync(path.join(this.dir, 'ca.pem'), authority().cert);
    mkdirSync(this.at('bin'));
  }

  /**
   * Puts a stand-in for `postfix` into the path, which says that it runs or not, and writes down what it was told.
   * The host has a main.cf from then on; until then it has no Postfix, whatever this machine has.
   */
  postfix(running: boolean): void {
    this.mailConfig();
    const script = `#!/bin/sh\necho "$*" >>'${this.at('postfix.log')}'\n${running ? 'exit 0' : 'exit 1'}\n`;
    writeFileSync(this.at('bin', 'postfix'), script, { mode: 0o755 });
  }

  mailConfig(): void {
    mkdirSync(this.at('postfix'), { recursive: true });
    writeFileSync(this.at('postfix', 'main.cf'), '');
    // Without this file postconf sleeps for a second before it says so.
    writeFileSync(this.at('postfix', 'master.cf'), 'smtp inet n - n - - smtpd\n');
  }

  /**
   * Puts the host's own postmap and postconf into the path, with a configuration of their own: a host need not have
   * one.
   */
  postmap(): void {
    this.mailConfig();
    for (const name of ['postmap', 'postconf']) {
      const script = `#!/bin/sh\nMAIL_CONFIG='${this.at('postfix')}' exec /usr/sbin/${name} "$@"\n`;
      writeFileSync(this.at('bin', name), script, { mode: 0o755 });
    }
  }

  /** What `postfix` was told since the last call. */
  postfixTold(): string[] {
    if (!existsSync(this.at('postfix.log'))) return [];
    const told = readFileSync(this.at('postfix.log'), 'utf8').trim().split('\n');
    rmSync(this.at('postfix.log'));
    return told;
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  /** What the host's commands find: its own `bin` first, and its own Postfix. */
  get env(): Record<string, string> {
    return {
      NO_COLOR: '1',
      PATH: `${this.at('bin')}:${process.env['PATH'] ?? ''}`,
      MAIL_CONFIG: this.at('postfix'),
    };
  }

  keyDir(bundle = 'example-org'): string {
    return this.at('keys', bundle);
  }

  /** Writes the configuration and the key directories anew. */
  configure(bundles: readonly BundleSetup[], further = ''): void {
    const parts = bundles.map(({ name, urls, keys, roots = [], lines }) => {
      rmSync(this.keyDir(name), { recursive: true, force: true });
      mkdirSync(this.keyDir(name), { recursive: true });
      for (const [i, key] of keys.entries()) writeFileSync(path.join(this.keyDir(name), `${i}.pub`), key.publicPem);
      if (roots.length > 0) mkdirSync(path.join(this.keyDir(name), 'root'));
      for (const [i, key] of roots.entries())
        writeFileSync(path.join(this.keyDir(name), 'root', `${i}.pub`), key.publicPem);
      const settings = { name, urls, keys: this.keyDir(name), ca_file: this.at('ca.pem') };
      // A line of a test's own takes the place of the same key here.
      const own = Object.entries(settings).filter(([key]) => !new RegExp(`^${key} = `, 'm').test(lines ?? ''));
      return ['[[bundle]]', ...own.map(([key, value]) => `${key} = ${JSON.stringify(value)}`), lines ?? '', ''].join(
        '\n',
      );
    });
    const top = `state_dir = ${JSON.stringify(this.stateDir)}\nmap_dir = ${JSON.stringify(this.mapDir)}\n\n`;
    writeFileSync(this.config, `${top}${parts.join('\n')}\n${further}\n`);
  }

  /** Runs `relaymap`; whatever it prints is checked for what must never be printed. */
  async run(args: readonly string[], { under = [], env = {}, mayName = false }: RunOptions = {}): Promise<Timed> {
    const [file, ...rest] = [...under, process.execPath, command, ...args, '--config', this.config];
    const started = performance.now();
    const child = spawn(file ?? process.execPath, rest, {
      env: { ...process.env, ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const done = await whenFinished(child);
    this.requireClean(done.stdout + done.stderr, mayName ? [] : this.unspeakable);
    return { ...done, ms: performance.now() - started };
  }

  async fetch(args: readonly string[] = [], options: RunOptions = {}): Promise<Fetched> {
    const finished = await this.run(['fetch', '--json', ...args], options);
    expect(finished.stdout, finished.stderr).toMatch(/^\{.*\}\n$/);
    const json = JSON.parse(finished.stdout) as Pick<Fetched, 'outcome' | 'code' | 'message' | 'bundles'>;
    return {
      ...finished,
      ...json,
      get bundle() {
        expect(json.bundles, finished.stdout).toHaveLength(1);
        return json.bundles[0] as BundleReport;
      },
    };
  }

  async health(
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<{ status: number | null; json: HealthReport; text: string }> {
    const json = await this.run(['health', '--json', ...args], options);
    const text = await this.run(['health', ...args], options);
    expect(text.status).toBe(json.status);
    return { status: json.status, json: JSON.parse(json.stdout) as HealthReport, text: text.stdout };
  }

  async lookup(...addresses: string[]): Promise<Finished> {
    return await this.run(['lookup', '--delimiter', '', ...addresses], { mayName: true });
  }

  /** The maps, as they are; an unfinished file that a run takes away meanwhile is looked for once more. */
  maps(): Snapshot {
    const names = existsSync(this.mapDir) ? readdirSync(this.mapDir).sort() : [];
    try {
      return Object.fromEntries(
        names.map((name) => {
          const file = path.join(this.mapDir, name);
          const found = lstatSync(file);
          return [name, { sha256: found.isFile() ? sha256(readFileSync(file)) : 'no file', inode: found.ino }];
        }),
      );
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return this.maps();
    }
  }

  /** Files that have no business where they are: in the map folder, or unfinished ones of the state. */
  strays(): string[] {
    const unfinished = readdirSync(this.stateDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
      path.basename(name).startsWith('.'),
    );
    return [...Object.keys(this.maps()).filter((name) => !MAPS.includes(name)), ...unfinished];
  }

  text(map = 'relay_recipients'): string {
    return readFileSync(path.join(this.mapDir, map), 'utf8');
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); // a killed process may still write
  }

  /** No output holds a stack, a key or an address of the lists. */
  requireClean(output: string, unspeakable: Iterable<string> = this.unspeakable): void {
    expect(output).not.toMatch(/^\s+at .*:\d+:\d+|node:internal|chunk-[0-9A-Z]{8}/m);
    expect(output).not.toMatch(/BEGIN PRIVATE|MC4CAQAwBQYDK2VwBCIEI/);
    for (const word of unspeakable) expect(output.includes(word), `prints ${word}:\n${output}`).toBe(false);
  }
}
