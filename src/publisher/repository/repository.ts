/**
 * What is published of one bundle, in a folder or a bucket, beside the publisher's own state (docs/bundle-format.md
 * section 1; docs/commands.md section 3). publish.ts decides the order.
 */
import { createHash } from 'node:crypto';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { parseManifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { TableError } from '../../errors.ts';
import { PublishError } from '../errors.ts';
import type { TrustedKey } from '../keys/signer.ts';
import { isSignedBy } from './sign-manifest.ts';
import type { PublisherState, Published } from './state.ts';
import type { Content } from './content.ts';
import { putBack, removeOld } from './deletion.ts';
import type { StateFolder, TableName } from './state-folder.ts';
import { MANIFEST, putBlob, type Store } from './store.ts';
import { blocksOf, readText } from './table-text.ts';

const DAY = 86_400_000;
/**
 * What publish writes into `recipients/`, including the temp names that a killed run leaves. Other files are not
 * ours to delete.
 */
const OURS = /^(?:[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz|\.[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz\.new)$/;

/** What is remembered of one table's files. */
type Cleaned = Pick<PublisherState, 'tables' | 'unnamed'>;

export class Repository {
  readonly store: Store;
  readonly kept: StateFolder;
  readonly #table: TableName;

  /** @param table which of the bundle's tables the blobs and the kept tables are of. */
  constructor(store: Store, kept: StateFolder, table: TableName = 'recipients') {
    this.store = store;
    this.kept = kept;
    this.#table = table;
  }

  /** The same place, for the files of the table of next hops. */
  ofTransport(): Repository {
    return new Repository(this.store, this.kept.ofTransport(), 'transport');
  }

  /** What is published now, signed by one of these keys; null if nothing is. @throws PublishError STATE */
  async published(keys: readonly TrustedKey[]): Promise<Published | null> {
    const found = await this.#manifest();
    if (found === null) return null;
    if (isSignedBy(found.envelope, keys, 1)) return found;
    const next = (this.kept.record()?.highest ?? 0) + 1;
    throw new PublishError(
      'STATE',
      `${this.store.place(MANIFEST)} is signed by none of the keys of this configuration (${keys.map((k) => k.keyid.slice(0, 16)).join(', ')}), ` +
        `so it does not count; it calls itself version ${found.manifest.version}. ` +
        'Was a key replaced? Name the old one in `keys` too, for one publish. Otherwise somebody else ' +
        `wrote it: move it away, then: relaymap-publish publish --next-version ${next}, or higher if a gateway may have seen a higher one`,
    );
  }

  /**
   * What is published now, if it was the last thing signed here, if the last run here found it, or if one of these
   * other publishers has signed it; else null. Needs no own key. @throws PublishError STATE
   */
  async publishedHere(others: readonly TrustedKey[]): Promise<Published | null> {
    const [found, state] = [await this.#manifest(), this.kept.record()];
    if (found === null) return null;
    const isKnown = state?.digest === found.digest || state?.seen === found.digest;
    return isKnown || (others.length > 0 && isSignedBy(found.envelope, others, 1)) ? found : null;
  }

  /** The published manifest, whoever wrote it. */
  async #manifest(): Promise<Published | null> {
    const stored = await this.store.get(MANIFEST);
    if (stored === null) return null;
    const { bytes: envelope, tag } = stored;
    try {
      const { payload } = decodeEnvelope(envelope);
      const digest = createHash('sha256').update(payload).digest('hex');
      return { envelope, manifest: parseManifest(payload), digest, tag };
    } catch (error) {
      const goOn = 'move it away, then publish with --next-version above the version it had';
      const place = this.store.place(MANIFEST);
      throw new PublishError('STATE', `${place} is damaged (${(error as Error).message}); ${goOn}`, error);
    }
  }

  /**
   * Where others publish too, what is there is read once more: a store may forget a condition that it has honoured.
   * An older manifest than the one that is replaced says nothing: a store may lag.
   * @param replaced what it replaces; null for nothing. @returns false if something else is there by now.
   */
  async writeManifest(envelope: Uint8Array, replaced: Published | null): Promise<boolean> {
    const now = this.store.isShared ? await this.#manifest() : null;
    if (now !== null && now.digest !== replaced?.digest && now.manifest.version >= (replaced?.manifest.version ?? 0))
      return false;
    if (replaced === null) return this.store.create(MANIFEST, envelope);
    return this.store.replace(MANIFEST, envelope, replaced.tag);
  }

  /**
   * Writes a blob whose plain text has this hash. One that is there and sound stays.
   * @returns the size of what is there then, in bytes.
   */
  putBlob(name: string, member: Content, sha256: string): Promise<number> {
    return putBlob(this.store, this.#key(name), member, async (there) => (await hashOfPlain([there])) === sha256);
  }

  /** The size of a published blob in bytes; null if it does not exist. */
  async sizeOf(name: string): Promise<number | null> {
    return (await this.store.look(this.#key(name)))?.size ?? null;
  }

  /** Whether every blob that an entry names exists, and the table from which the next deltas start. */
  async isWhole({ sha256, wireBytes, deltas }: TableEntry): Promise<boolean> {
    // What another publisher has put out is read from the store.
    if (!this.store.isShared && !this.kept.hasKept(sha256)) return false;
    if ((await this.sizeOf(`${sha256}.gz`)) !== wireBytes) return false;
    for (const d of deltas) {
      if ((await this.sizeOf(`${d.from}-${sha256}.delta.gz`)) !== d.wireBytes) return false;
    }
    return true;
  }

  /** A published blob as it is. */
  bytes(name: string): AsyncIterable<Uint8Array> {
    return this.store.read(this.#key(name));
  }

  /** The decompressed bytes of a published blob, as a gateway would read them. */
  plain(name: string): AsyncGenerator<Uint8Array> {
    return gunzipOne(this.bytes(name));
  }

  /** Whether an earlier table exists, kept or published. */
  async hasTable(sha256: string): Promise<boolean> {
    return this.kept.hasKept(sha256) || (await this.sizeOf(`${sha256}.gz`)) !== null;
  }

  /** The rows of an earlier table. @throws PublishError STATE if it is missing or damaged. */
  table(sha256: string): AsyncGenerator<RowBlock> {
    return blocksOf(this.tableText(sha256));
  }

  /**
   * The text of an earlier table in pieces of whole rows. Read it to the end: only there is its hash checked
   * against its name.
   * @throws PublishError STATE
   */
  tableText(sha256: string): AsyncGenerator<Uint8Array> {
    if (this.kept.hasKept(sha256)) return this.kept.tableText(sha256);
    const key = this.#key(`${sha256}.gz`);
    return readText(this.store.read(key), this.store.place(key), sha256);
  }

  /** Drops kept tables that no delta starts from, and blobs that no manifest has named for a day. */
  async clean<S extends Cleaned>(state: S, named: ReadonlySet<string>, now: Date): Promise<S> {
    this.kept.dropTables(state.tables.map((t) => t.sha256));
    const unnamed: Record<string, string> = {};
    const listed = await this.store.list(this.#table);
    const since = this.store.timeOr(now).toISOString();
    for (const { name } of listed) {
      if (!named.has(name) && OURS.test(name)) unnamed[name] = state.unnamed[name] ?? since;
    }
    return { ...state, unnamed: await this.dropUnnamed({ ...state, unnamed }, named, now) };
  }

  /**
   * Deletes blobs that no manifest has named for a day. @returns those still to be deleted, and since when they are
   * unnamed.
   */
  async dropUnnamed(
    state: Pick<Cleaned, 'unnamed'>,
    named: ReadonlySet<string>,
    now: Date,
  ): Promise<Record<string, string>> {
    const left: Record<string, string> = {};
    const over: string[] = [];
    const time = this.store.timeOr(now).getTime();
    for (const [name, since] of Object.entries(state.unnamed)) {
      if (named.has(name) || !OURS.test(name)) continue;
      // A gateway that has read the previous manifest may still ask for it.
      if (time - Date.parse(since) < DAY) left[name] = since;
      else over.push(name);
    }
    for (const name of await this.#removed(over)) left[name] = state.unnamed[name] ?? new Date(time).toISOString();
    return left;
  }

  /**
   * Removes blobs, where others write too by the rules of docs/commands.md section 3.1.
   * @returns what has to stay yet.
   */
  async #removed(names: readonly string[]): Promise<readonly string[]> {
    const { leastAge } = this.store;
    if (leastAge > 0) return await removeOld(this.store, names, (name) => this.#key(name));
    for (const name of names) await this.store.remove(this.#key(name));
    return [];
  }

  /** Looks at each blob that the published manifest names, where other publishers delete too, and puts it back. */
  async mend(): Promise<void> {
    const kept = (sha256: string) => this.kept.member(sha256) ?? this.kept.ofTransport().member(sha256);
    if (this.store.isShared) await putBack(this.store, kept);
  }

  #key(name: string): string {
    return `${this.#table}/${name}`;
  }
}

/** Of a blob's text; null if it is no sound gzip member. */
async function hashOfPlain(member: Iterable<Uint8Array>): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of gunzipOne(streamed(member))) hash.update(chunk);
    return hash.digest('hex');
  } catch (error) {
    if (error instanceof TableError) return null;
    throw error;
  }
}

async function* streamed<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
