// A publisher whose output is a bucket: a key, a list, a configuration; publishes in this process, at any time of day.
// What lies in the bucket is read by the tests' own client.
import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { readPublisherConfig } from '../../../src/publisher/config.ts';
import { openKeys } from '../../../src/publisher/keys/publisher-keys.ts';
import { makeKey } from '../../../src/publisher/keys/signing-key.ts';
import type { PublishOptions } from '../../../src/publisher/publish-options.ts';
import { publish, type PublishResult } from '../../../src/publisher/publish.ts';
import type { ManifestJson } from '../../publisher/desk.ts';
import { credentialsFile, newBucket, type Bucket } from './bucket.ts';

const PREFIX = 'lists/example-org';

interface Envelope {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

export class BucketDesk {
  readonly dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bucket-'));
  readonly bucket: Bucket;
  /** As `[s3] endpoint` names it. */
  endpoint: string;
  toml: Record<'top' | 's3' | 'rest', string> = { top: '', s3: '', rest: '' };

  private constructor(bucket: Bucket) {
    this.bucket = bucket;
    this.endpoint = bucket.store.url;
    makeKey(this.at('keys'), 'site', Buffer.alloc(32, 7));
    onTestFinished(() => rmSync(this.dir, { recursive: true, force: true }));
  }

  /** @param bucket another publisher's; else a new one. */
  static async open(bucket?: Bucket): Promise<BucketDesk> {
    return new BucketDesk(bucket ?? (await newBucket()));
  }

  at(...names: string[]): string {
    return path.join(this.dir, ...names);
  }

  get output(): string {
    return `s3://${this.bucket.name}/${PREFIX}`;
  }

  list(content: string): void {
    writeFileSync(this.at('list'), content);
  }

  /** Writes the configuration. @returns its file */
  configFile(): string {
    const credentials = /credentials|metadata/.test(this.toml.s3)
      ? ''
      : `credentials_file = "${credentialsFile(this.dir, this.bucket.store)}"`;
    const keys = /^keys/m.test(this.toml.top) ? '' : `keys = ["${this.at('keys', 'site.key')}"]`;
    const text = `name = "example-org"
output = "${this.output}"
state_dir = "${this.at('state')}"
${keys}
${this.toml.top}
[s3]
endpoint = "${this.endpoint}"
${credentials}
${this.toml.s3}
[[source]]
type = "file"
name = "staff"
path = "${this.at('list')}"
[policy]
postmaster = false
${this.toml.rest}
`;
    writeFileSync(this.at('publish.toml'), text);
    return this.at('publish.toml');
  }

  async publish(now: Date, options: Partial<PublishOptions> = {}): Promise<PublishResult> {
    const config = readPublisherConfig(this.configFile());
    const all = { dryRun: false, allowShrink: false, nextVersion: null, ...options };
    return await publish(config, openKeys(config), all, now);
  }

  async publishes(content: string, now: Date, options: Partial<PublishOptions> = {}): Promise<PublishResult> {
    this.list(content);
    return await this.publish(now, options);
  }

  /** What publishing ends in, if it does not publish. */
  async refusal(now: Date, options: Partial<PublishOptions> = {}): Promise<unknown> {
    return await this.publish(now, options).then(
      (result) => Promise.reject(new Error(`not refused: ${JSON.stringify(result)}`)),
      (error: unknown) => error,
    );
  }

  key(name: string): string {
    return `${PREFIX}/${name}`;
  }

  /** Below the prefix. */
  async keys(folder = ''): Promise<string[]> {
    const found = await this.bucket.client.keys(this.bucket.name, this.key(folder));
    return found.map((key) => key.slice(PREFIX.length + 1));
  }

  async object(name: string): Promise<Buffer | null> {
    return await this.bucket.client.get(this.bucket.name, this.key(name));
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.bucket.client.put(this.bucket.name, this.key(name), bytes);
  }

  async remove(name: string): Promise<void> {
    await this.bucket.client.remove(this.bucket.name, this.key(name));
  }

  async manifest(): Promise<ManifestJson> {
    const envelope = JSON.parse(((await this.object('manifest.json')) ?? '').toString()) as Envelope;
    const payload = Buffer.from(envelope.payload, 'base64');
    const type = envelope.payloadType;
    const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    const key = createPublicKey(readFileSync(this.at('keys', 'site.pub')));
    const isGood = envelope.signatures.some(({ sig }) => verify(null, signed, key, Buffer.from(sig, 'base64')));
    if (!isGood) throw new Error('the signature is wrong');
    return JSON.parse(payload.toString()) as ManifestJson;
  }

  /** The rows of the published table, its size checked. */
  async rows(): Promise<string[]> {
    const { sha256, wireBytes } = (await this.manifest()).tables.recipients;
    const wire = await this.object(`recipients/${sha256}.gz`);
    if (wire?.length !== wireBytes) throw new Error(`${wire?.length} bytes, the manifest says ${wireBytes}`);
    return gunzipSync(wire).toString().split('\n').slice(0, -1);
  }
}
