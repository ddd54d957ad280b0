// A publisher's desk in a temporary folder: a key, a list, an output; publishes in this process, at any time of
// day. What it reads back it reads with node:crypto and node:zlib, not with the code under test.
import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import type { PublishOptions } from '../../src/publisher/publish-options.ts';
import { publish, type PublishResult } from '../../src/publisher/publish.ts';
import { openKeys } from '../../src/publisher/keys/publisher-keys.ts';
import { makeKey } from '../../src/publisher/keys/signing-key.ts';
import type { DeltaEntry, Manifest } from './central.ts';

export const START = new Date('2026-11-24T07:00:00Z');
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const later = (ms: number): Date => new Date(START.getTime() + ms);

export type DeltaJson = DeltaEntry;
/** What publish writes always names its deltas. */
export type ManifestJson = Manifest & { tables: { recipients: { deltas: readonly DeltaEntry[] } } };

export class Desk {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-desk-'));
  readonly output: string;
  readonly stateDir = this.at('state');
  toml: Record<'top' | 'policy' | 'rest', string>;

  /** @param output null: a folder of its own */
  constructor(toml: Partial<Desk['toml']> = {}, output: string | null = null) {
    this.output = output ?? this.at('out');
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true }));
    this.toml = { top: '', policy: 'postmaster = false', rest: '', ...toml };
    makeKey(this.at('keys'), 'site', Buffer.alloc(32, 7));
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  list(content: string | Uint8Array, name = 'list'): void {
    writeFileSync(this.at(name), content);
  }

  /** Writes the configuration and reads it as the command does. */
  config() {
    const keys = /^keys/m.test(this.toml.top) ? '' : `keys = ["${this.at('keys', 'site.key')}"]`;
    const text = `name = "example-org"
output = "${this.output}"
state_dir = "${this.stateDir}"
${keys}
${this.toml.top}
[[source]]
type = "file"
name = "staff"
path = "${this.at('list')}"
[policy]
${this.toml.policy}
${this.toml.rest}
`;
    writeFileSync(this.at('publish.toml'), text);
    return readPublisherConfig(this.at('publish.toml'));
  }

  async publish(now: Date, options: Partial<PublishOptions> = {}): Promise<PublishResult> {
    const config = this.config();
    const all = { dryRun: false, allowShrink: false, nextVersion: null, ...options };
    return await publish(config, openKeys(config), all, now);
  }

  /** Publishes a list; fails unless a new table went out. */
  async publishes(content: string, now: Date, options: Partial<PublishOptions> = {}): Promise<PublishResult> {
    this.list(content);
    return await this.publish(now, options);
  }

  /** The refusal that publishing ends in; fails if it does not. */
  async refusal(now: Date, options: Partial<PublishOptions> = {}): Promise<PublishError> {
    const before = this.snapshot();
    const refusal = await this.publish(now, options).then(
      (result) => result,
      (error: unknown) => error,
    );
    if (!(refusal instanceof PublishError))
      throw new Error(`not refused: ${JSON.stringify(refusal)}`, { cause: refusal });
    if (this.snapshot() !== before) throw new Error(`refused, and yet something was written:\n${this.snapshot()}`);
    return refusal;
  }

  /** Every file of output and state with size, inode and time; the lock is no content. */
  snapshot(): string {
    return [this.output, this.stateDir]
      .flatMap((folder) => tree(folder))
      .filter((file) => file !== path.join(this.stateDir, 'lock'))
      .map((file) => {
        const { ino, size, mtimeMs } = statSync(file);
        return `${file} ${ino} ${size} ${mtimeMs}\n`;
      })
      .join('');
  }

  blobs(): string[] {
    return tree(path.join(this.output, 'recipients')).map((file) => path.basename(file));
  }

  manifest(): ManifestJson {
    const envelope = JSON.parse(readFileSync(path.join(this.output, 'manifest.json'), 'utf8')) as {
      payload: string;
      payloadType: string;
      signatures: { keyid: string; sig: string }[];
    };
    const payload = Buffer.from(envelope.payload, 'base64');
    const type = envelope.payloadType;
    const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    const key = createPublicKey(readFileSync(this.at('keys', 'site.pub')));
    const sig = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64');
    if (!verify(null, signed, key, sig)) throw new Error('the signature is wrong');
    return JSON.parse(payload.toString()) as ManifestJson;
  }

  /** Signs another manifest in the place of the newest, as if this desk had published it. */
  resigns(change: (manifest: ManifestJson) => void): void {
    const file = path.join(this.output, 'manifest.json');
    const manifest = this.manifest();
    change(manifest);
    const payload = Buffer.from(JSON.stringify(manifest));
    const envelope = JSON.parse(readFileSync(file, 'utf8')) as {
      payloadType: string;
      signatures: { keyid: string; sig: string }[];
    };
    const { payloadType: type, signatures } = envelope;
    const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    const sig = sign(null, signed, createPrivateKey(readFileSync(this.at('keys', 'site.key')))).toString('base64');
    const keyid = signatures[0]?.keyid ?? '';
    writeFileSync(
      file,
      JSON.stringify({ payloadType: type, payload: payload.toString('base64'), signatures: [{ keyid, sig }] }),
    );
    const state = path.join(this.stateDir, 'state.json');
    const record = JSON.parse(readFileSync(state, 'utf8')) as Record<string, unknown>;
    const digest = createHash('sha256').update(payload).digest('hex');
    writeFileSync(state, JSON.stringify({ ...record, digest }));
  }

  /** The rows of the published table, its sizes and hash checked. */
  rows(): string[] {
    const { sha256, wireBytes, bytes } = this.manifest().tables.recipients;
    return checked(path.join(this.output, 'recipients', `${sha256}.gz`), { sha256, wireBytes, bytes });
  }

  /** The rows of a published delta. */
  delta(entry: DeltaJson): string[] {
    const { sha256 } = this.manifest().tables.recipients;
    return checked(path.join(this.output, 'recipients', `${entry.from}-${sha256}.delta.gz`), entry);
  }
}

function checked(file: string, declared: { sha256: string; wireBytes: number; bytes: number }): string[] {
  const wire = readFileSync(file);
  const text = gunzipSync(wire);
  const found = [createHash('sha256').update(text).digest('hex'), wire.length, text.length].join();
  const wanted = [declared.sha256, declared.wireBytes, declared.bytes].join();
  if (found !== wanted) throw new Error(`${file} is ${found}, the manifest says ${wanted}`);
  return text.toString().split('\n').slice(0, -1);
}

function tree(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((e) => (e.isDirectory() ? tree(path.join(folder, e.name)) : [path.join(folder, e.name)]))
    .sort();
}

/** `count` addresses of one domain, one a line. */
export const people = (count: number, domain = 'example.org', from = 0): string =>
  Array.from({ length: count }, (_, i) => `user${from + i}@${domain}\n`).join('');
