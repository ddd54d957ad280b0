/**
 * Published files in a bucket (docs/commands.md section 3.1). Each write depends on what is there. A write whose
 * answer is lost is sent again byte for byte, and what lies there afterwards says whether it was done.
 */
import { createHash } from 'node:crypto';
import { HostError } from '../../../errors.ts';
import { PublishError } from '../../errors.ts';
import { wholeOf, type Content } from '../content.ts';
import { afterWriting } from '../several-publishers.ts';
import { MANIFEST, type Listed, type Looked, type Store, type Stored } from '../store.ts';
import { parseListing } from './answers.ts';
import type { Answer, Request, S3Client } from './client.ts';
import { IF_ABSENT, ifMatch, probe, requireConditions, type Conditions, type Probed } from './conditions.ts';
import type { Location } from './location.ts';

const HOUR = 3_600_000;
/** Signed documents are small; a blob is in memory when it is written, too. */
const [MOST_DOCUMENT, MOST_BLOB] = [1024 * 1024, 2 ** 31 - 1];
/** Bytes of blobs that one run remembers, to put one back that another publisher has deleted. */
const REMEMBERED = 2 ** 29;
/** The most parts of a listing: a store has a thousand keys in each. */
const PARTS = 1000;
/** How often a write that is said to be done, but does not show, is sent. */
const TRIES = 3;

/** What a store needs, by its label, and until when this process believes it (by the store's time). */
const known = new Map<string, Probed & { readonly until: number }>();

export interface S3Options {
  /** The store may ignore conditions. */
  readonly isSingle: boolean;
  /** Names this publisher's scratch key. */
  readonly owner: string;
}

export class S3Store implements Store {
  readonly label: string;
  readonly isShared: boolean;
  readonly leastAge = 48 * HOUR;
  readonly #client: S3Client;
  readonly #location: Location;
  readonly #options: S3Options;
  readonly #seen = new Map<string, Uint8Array>();
  #seenBytes = 0;

  constructor(location: Location, client: S3Client, options: S3Options) {
    this.#location = location;
    this.#client = client;
    this.#options = options;
    this.label = `s3://${location.bucket}${location.prefix === '' ? '' : `/${location.prefix}`}`;
    this.isShared = !options.isSingle;
  }

  place(key: string): string {
    return `${this.label}/${key}`;
  }

  /** The store's own time; the given one before its first answer. */
  timeOr(now: Date): Date {
    return this.#client.storeTime ?? now;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async get(key: string): Promise<Stored | null> {
    const request = { method: 'GET' as const, key: this.#key(key), most: isBlob(key) ? MOST_BLOB : MOST_DOCUMENT };
    const answer = await this.#client.send(request);
    if (!isBlob(key) || answer.status === 404) this.#client.requireNoPage(request, answer);
    if (isAbsent(answer)) return null;
    if (answer.status !== 200) throw this.#refused(request, answer);
    const coding = answer.header('content-encoding') ?? 'identity';
    if (!isBlob(key) && coding !== 'identity' && coding !== 'aws-chunked')
      throw new PublishError('OUTPUT', `${this.place(key)}: the store sends it as ${coding}, which was not asked for`);
    const tag = answer.header('etag');
    if (tag === undefined || !/^[ -~]{1,200}$/.test(tag))
      throw new PublishError(
        'OUTPUT',
        `${this.place(key)}: the store gives no ETag, so nothing can be replaced safely`,
      );
    this.#remember(key, answer.body);
    return { bytes: answer.body, tag, age: this.#age(answer.header('last-modified')) };
  }

  async look(key: string): Promise<Looked | null> {
    const request = { method: 'HEAD' as const, key: this.#key(key) };
    const answer = await this.#client.send(request);
    if (answer.status === 404) return null;
    if (answer.status !== 200) throw this.#refused(request, answer);
    const length = answer.header('content-length') ?? '';
    if (/^[0-9]+$/.test(length)) return { size: Number(length), age: this.#age(answer.header('last-modified')) };
    const stored = await this.get(key); // a proxy may take the length from an answer without a body
    return stored === null ? null : { size: stored.bytes.length, age: stored.age };
  }

  async *read(key: string): AsyncGenerator<Uint8Array> {
    const stored = await this.get(key);
    if (stored === null) throw new PublishError('STATE', `${this.place(key)} is gone`);
    yield stored.bytes;
  }

  async create(key: string, content: Content): Promise<boolean> {
    const bytes = wholeOf(content);
    const conditions = await this.#conditions();
    if (conditions !== 'ignored') return await this.#write(key, bytes, IF_ABSENT, null);
    if ((await this.look(key)) !== null) return false;
    return await this.#write(key, bytes, {}, null);
  }

  async replace(key: string, content: Content, tag: string): Promise<boolean> {
    const bytes = wholeOf(content);
    const conditions = await this.#conditions();
    if (conditions === 'ignored' && (await this.get(key))?.tag !== tag) return false;
    return await this.#write(key, bytes, ifMatch(tag, conditions), tag);
  }

  async remove(key: string): Promise<void> {
    const request = { method: 'DELETE' as const, key: this.#key(key) };
    const answer = await this.#client.send(request);
    if (answer.status >= 300 && !isAbsent(answer)) throw this.#refused(request, answer);
  }

  async list(folder: string): Promise<Listed[]> {
    const prefix = folder === '' ? this.#key('') : `${this.#key(folder)}/`;
    const found: Listed[] = [];
    let parts = 0;
    for (let after: string | null = ''; after !== null;) {
      if (++parts > PARTS)
        throw new PublishError(
          'OUTPUT',
          `${this.label}: the store's list of ${folder}/ does not end after ${PARTS} parts`,
        );
      const query = {
        'list-type': '2',
        delimiter: '/',
        prefix,
        ...(after === '' ? {} : { 'continuation-token': after }),
      };
      const request = { method: 'GET' as const, key: '', query };
      const answer = await this.#client.send(request);
      if (answer.status !== 200) throw this.#refused(request, answer);
      const listing = parseListing(Buffer.from(answer.body).toString());
      if (listing === null)
        throw new PublishError(
          'OUTPUT',
          `${this.label}: the store's list of ${folder}/ cannot be read, or is cut short`,
        );
      for (const { key, modified } of listing.objects)
        if (key.startsWith(prefix) && !key.includes('/', prefix.length))
          found.push({ name: key.slice(prefix.length), modified });
      after = listing.next;
    }
    return found;
  }

  recall(key: string): Uint8Array | null {
    return this.#seen.get(key) ?? null;
  }

  /** @param tag of what is replaced; null for nothing. */
  async #write(key: string, body: Uint8Array, condition: Record<string, string>, tag: string | null): Promise<boolean> {
    const request: Request = { method: 'PUT', key: this.#key(key), headers: { ...headersOf(key), ...condition }, body };
    for (let i = 0; i < TRIES; i++) {
      const answer = await this.#client.send(request);
      const isDone = answer.status >= 200 && answer.status < 300;
      // Versions are kept since the probe: whether conditions still count is found out before the next write.
      const isNews = answer.header('x-amz-version-id') !== undefined && known.get(this.#name)?.isVersioned === false;
      if (isNews) known.delete(this.#name);
      if (!isDone && answer.status !== 412 && !isAbsent(answer)) throw this.#refused(request, answer);
      if (isBlob(key)) {
        if (isDone) this.#remember(key, body);
        return isDone; // the same bytes may have been there for long: putBlob writes them again
      }
      // A refusal may be of a second copy of our own, and a store may lag or lie: what lies there decides.
      const there = await this.get(key);
      const isSent = there !== null && Buffer.from(there.bytes).equals(body);
      const what = isSent ? 'sent' : (there?.tag ?? null) === tag ? 'replaced' : 'other';
      const became = afterWriting(isDone, what);
      if (became !== 'send again') return became === 'written';
    }
    throw new PublishError(
      'OUTPUT',
      `${this.place(key)}: the store said that it was written, and shows what was there before`,
    );
  }

  async #conditions(): Promise<Conditions> {
    const before = known.get(this.#name);
    const now = this.#client.storeTime?.getTime() ?? Number.POSITIVE_INFINITY;
    if (before !== undefined && now < before.until) return before.conditions;
    const scratch = (salt: string) =>
      createHash('sha256')
        .update(this.#options.owner + salt)
        .digest('hex')
        .slice(0, 16);
    const { isSingle } = this.#options;
    const probed = await probe(this.#client, (salt) => this.#key(`probe/${scratch(salt)}`), isSingle);
    requireConditions(probed, this.label, isSingle);
    known.set(this.#name, { ...probed, until: (this.#client.storeTime?.getTime() ?? 0) + HOUR });
    return probed.conditions;
  }

  get #name(): string {
    return `${this.label} ${this.#options.owner}`;
  }

  #age(modified: string | undefined): number | null {
    const [time, now] = [Date.parse(modified ?? ''), this.#client.storeTime];
    return Number.isNaN(time) || now === null ? null : now.getTime() - time;
  }

  #remember(key: string, bytes: Uint8Array): void {
    if (!isBlob(key)) return;
    this.#seenBytes += bytes.length - (this.#seen.get(key)?.length ?? 0);
    this.#seen.set(key, bytes);
    for (const [oldest, { length }] of this.#seen) {
      if (this.#seenBytes <= REMEMBERED || oldest === key) break;
      this.#seen.delete(oldest);
      this.#seenBytes -= length;
    }
  }

  #key(key: string): string {
    const { prefix } = this.#location;
    return prefix === '' ? key : `${prefix}/${key}`;
  }

  #refused(request: Pick<Request, 'method' | 'key'>, answer: Answer): Error {
    const error = this.#client.refusal(request, answer);
    if (answer.code !== 'NoSuchBucket') return error;
    return new HostError('CONFIG', `${error.message}. Make the bucket first, without access for strangers`);
  }
}

const isBlob = (key: string): boolean => !key.endsWith('.json');

/** A missing bucket is no missing key. */
const isAbsent = ({ status, code }: Answer): boolean => status === 404 && code !== 'NoSuchBucket';

/** What web servers and caches before the bucket hand on. */
function headersOf(key: string): Record<string, string> {
  const isShort = key === MANIFEST || key === 'refused.json' || key.startsWith('candidate/');
  const type = key.endsWith('.json')
    ? 'application/json'
    : key.endsWith('.gz')
      ? 'application/gzip'
      : 'application/octet-stream';
  return {
    'content-type': type,
    'cache-control': isShort ? 'max-age=10' : 'max-age=31536000, immutable',
  };
}
