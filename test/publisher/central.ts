// A publisher's folder of its own for each test: configuration, signing keys, source and the built
// `relaymap-publish`. What was published is read with node:crypto and zlib alone, from docs/bundle-format.md.
// RELAYMAP_BIN_DIR names another build than dist/bin.
import { spawn, type ChildProcess } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { expect, onTestFinished } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { MANIFEST_TYPE, sha256, signedBytes, SigningKey } from '../support/forger.ts';
import { whenFinished, type Finished } from '../support/finished.ts';

export const COMMAND = path.join(BIN_FOLDER, 'relaymap-publish.js');
const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export interface DeltaEntry {
  readonly from: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly wireBytes: number;
}

export interface Manifest {
  readonly format: number;
  readonly name: string;
  readonly version: number;
  readonly created: string;
  readonly expires: string;
  readonly shrinkApproved?: { readonly until: string; readonly rows: number; readonly domains: number };
  readonly tables: {
    readonly recipients: {
      readonly rows: number;
      readonly bytes: number;
      readonly sha256: string;
      readonly encoding: string;
      readonly wireBytes: number;
      readonly deltas?: readonly DeltaEntry[];
    };
  };
}

export interface Published {
  readonly manifest: Manifest;
  readonly payload: Buffer;
  readonly rows: readonly string[];
  readonly sha256: string;
  readonly deltas: readonly DeltaEntry[];
}

export interface Setup {
  /** True: outlives the test; `remove` is the caller's. */
  readonly kept?: boolean;
  readonly keys?: number;
  /** Lines at the top of the configuration; one of the same key takes the place of the usual one. */
  readonly top?: string;
  readonly policy?: string;
  readonly further?: string;
}

/** Path -> mtime, inode and content: two equal snapshots mean that nothing was written between them. */
export type Snapshot = Readonly<Record<string, string>>;

export class Central {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-central-'));
  readonly output = path.join(this.dir, 'output');
  readonly stateDir = path.join(this.dir, 'state');
  readonly source = path.join(this.dir, 'recipients');
  readonly config = path.join(this.dir, 'publish.toml');
  readonly keys: readonly SigningKey[];
  /** The text of every table seen, by its hash: what deltas start from. */
  readonly #texts = new Map<string, Buffer>();

  constructor(setup: Setup = {}) {
    chmodSync(this.dir, 0o755);
    this.keys = Array.from({ length: setup.keys ?? 1 }, () => new SigningKey());
    for (const [i, key] of this.keys.entries()) writeFileSync(this.keyFile(i), key.privatePem, { mode: 0o600 });
    this.configure(setup);
    if (setup.kept !== true) onTestFinished(() => this.remove());
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }); // a killed process may still write
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  keyFile(i: number): string {
    return this.at(`${i}.key`);
  }

  configure({ top = '', policy = '', further = '' }: Setup): void {
    const usual = {
      name: 'example-org',
      output: this.output,
      state_dir: this.stateDir,
      keys: this.keys.map((_, i) => this.keyFile(i)),
    };
    const own = Object.entries(usual).filter(([key]) => !new RegExp(`^${key} = `, 'm').test(top));
    const lines = own.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join('');
    const source = `[[source]]\ntype = "file"\nname = "the list"\npath = ${JSON.stringify(this.source)}\n`;
    writeFileSync(this.config, `${lines}${top}\n\n${source}\n[policy]\n${policy}\n\n${further}\n`);
  }

  /** Writes the source as it is. */
  list(text: string | Uint8Array): void {
    writeFileSync(this.source, text);
  }

  rows(rows: Iterable<string>): void {
    this.list(Array.from(rows, (row) => `${row}\n`).join(''));
  }

  /** The command under way. */
  start(args: readonly string[], under: readonly string[] = []): ChildProcess {
    const [file, ...rest] = [...under, process.execPath, COMMAND, ...args, '--config', this.config] as const;
    return spawn(file ?? '', rest, { env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  async run(args: readonly string[], under: readonly string[] = []): Promise<Finished> {
    return await finished(this.start(args, under));
  }

  /** A publish that must work, and whose result must verify. */
  async publish(...args: string[]): Promise<Published> {
    const run = await this.run(['publish', ...args]);
    expect(run.status, run.stdout + run.stderr).toBe(0);
    return this.published();
  }

  /** A publish that must fail with this status and say this, having written nothing. */
  async refused(status: number, words: RegExp, ...args: string[]): Promise<Finished> {
    const before = this.snapshot();
    const run = await this.run(['publish', ...args]);
    expect([run.status, run.stdout], run.stderr).toEqual([status, '']);
    expect(run.stderr).toMatch(words);
    expect(this.snapshot()).toEqual(before);
    return run;
  }

  /**
   * Everything in the output and the state, but for the lock, which taking makes, and status.json, which tells of
   * each run.
   */
  snapshot(): Snapshot {
    const found: Record<string, string> = {};
    for (const root of [this.output, this.stateDir]) {
      if (!existsSync(root)) continue;
      for (const name of ['.', ...readdirSync(root, { recursive: true, encoding: 'utf8' })]) {
        const file = path.join(root, name);
        if (['lock', 'status.json', ''].some((each) => file === path.join(this.stateDir, each))) continue;
        const { mtimeNs, ino, mode } = lstatSync(file, { bigint: true });
        const content = (mode & 0o170000n) === 0o100000n ? sha256(readFileSync(file)) : 'folder';
        found[path.relative(this.dir, file)] = [mtimeNs, ino, mode, content].join(' ');
      }
    }
    return found;
  }

  /** Names of the published files. */
  files(): string[] {
    const all = readdirSync(this.output, { recursive: true, encoding: 'utf8' });
    return all.filter((name) => lstatSync(path.join(this.output, name)).isFile()).sort();
  }

  blobs(): string[] {
    return this.files().filter((name) => name.startsWith('recipients/'));
  }

  state(): Record<string, unknown> {
    return JSON.parse(readFileSync(path.join(this.stateDir, 'state.json'), 'utf8')) as Record<string, unknown>;
  }

  /**
   * What is published, having verified all of it: signatures of all keys, sizes, hashes, order of rows, deltas from
   * every table known.
   */
  published(keys: readonly SigningKey[] = this.keys): Published {
    const payload = verifiedPayload(readFileSync(path.join(this.output, 'manifest.json')), keys);
    const manifest = JSON.parse(payload.toString()) as Manifest;
    expect([manifest.format, manifest.name]).toEqual([1, 'example-org']);
    for (const time of [manifest.created, manifest.expires]) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const validFor = Date.parse(manifest.expires) - Date.parse(manifest.created);
    expect([validFor > 0, validFor <= 90 * DAY]).toEqual([true, true]);
    const table = manifest.tables.recipients;
    expect(table.encoding).toBe('gzip');
    const text = this.#plain(`${table.sha256}.gz`, table);
    this.#texts.set(table.sha256, text);
    const rows = text.toString().split('\n').slice(0, -1);
    expect([table.rows, text.at(-1)]).toEqual([rows.length, 0x0a]);
    const sorted = [...new Set(rows)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(rows).toEqual(sorted);
    for (const delta of table.deltas ?? []) {
      expect(delta.wireBytes).toBeLessThan(table.wireBytes);
      const plain = this.#plain(`${delta.from}-${table.sha256}.delta.gz`, delta).toString();
      const base = this.#texts.get(delta.from);
      expect(base, 'a delta from a table that was never published').toBeDefined();
      expect(sha256(applied(base ?? Buffer.alloc(0), plain))).toBe(table.sha256);
    }
    return { manifest, payload, rows, sha256: table.sha256, deltas: table.deltas ?? [] };
  }

  #plain(
    name: string,
    declared: { readonly bytes: number; readonly sha256: string; readonly wireBytes: number },
  ): Buffer {
    const body = readFileSync(path.join(this.output, 'recipients', name));
    expect(body.length, name).toBe(declared.wireBytes);
    const text = oneMember(body);
    expect([text.length, sha256(text)], name).toEqual([declared.bytes, declared.sha256]);
    return text;
  }
}

/** Waits for a command's end; no failure may show a stack or a key. */
export async function finished(child: ChildProcess): Promise<Finished> {
  const done = await whenFinished(child);
  expect(done.stdout + done.stderr).not.toMatch(/^\s+at .*:\d+:\d+|node:internal|chunk-[0-9A-Z]{8}|PRIVATE KEY/m);
  return done;
}

/** Format section 2. Every key must have signed, and no other. */
export function verifiedPayload(bytes: Buffer, keys: readonly SigningKey[]): Buffer {
  expect(bytes.length).toBeLessThanOrEqual(128 * 1024);
  const envelope = JSON.parse(bytes.toString()) as {
    payload: string;
    payloadType: string;
    signatures: { keyid: string; sig: string }[];
  };
  expect(envelope.payloadType).toBe(MANIFEST_TYPE);
  const payload = Buffer.from(envelope.payload, 'base64');
  expect(envelope.signatures.map((s) => s.keyid).sort()).toEqual(keys.map((k) => k.keyid).sort());
  for (const { keyid, sig } of envelope.signatures) {
    const key = createPublicKey(keys.find((k) => k.keyid === keyid)?.publicPem ?? '');
    expect(verify(null, signedBytes(MANIFEST_TYPE, payload), key, Buffer.from(sig, 'base64'))).toBe(true);
  }
  return payload;
}

/** The plain bytes of a body that must be exactly one gzip member. */
function oneMember(body: Buffer): Buffer {
  expect(body.subarray(0, 4).toString('hex')).toBe('1f8b0800');
  const { buffer, engine } = inflateRawSync(body.subarray(10), { info: true }) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  expect(10 + engine.bytesWritten + 8).toBe(body.length);
  return buffer;
}

/** Format section 5, in the plainest way. */
function applied(base: Buffer, delta: string): Buffer {
  const rows = new Set(base.toString().split('\n').slice(0, -1));
  const lines = delta.split('\n').slice(0, -1);
  const named = lines.map((line) => line.slice(1));
  expect(named).toEqual([...new Set(named)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  for (const line of lines) {
    const row = line.slice(1);
    expect([line[0], rows.has(row)]).toEqual(line.startsWith('+') ? ['+', false] : ['-', true]);
    if (line.startsWith('+')) rows.add(row);
    else rows.delete(row);
  }
  const sorted = [...rows].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Buffer.from(sorted.map((row) => `${row}\n`).join(''));
}

/** So many mailboxes that do not compress to nothing: a delta of a few of them is smaller than the table. */
export const people = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `${sha256(`person ${from + i}`).slice(0, 12)}@example.org`);
