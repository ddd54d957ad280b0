/**
 * Where the published files and the publisher's own state are, and how they are read and written
 * (docs/bundle-format.md section 1; docs/commands.md section 3, `state_dir`). publish.ts decides the order.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { parseManifest } from '../../bundle/offer/manifest.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { HostError } from '../../errors.ts';
import { AtomicFile, isAbsent, makeFolder, writeFileAtomic, writeFileWithLaterTime } from '../../io/atomic-file.ts';
import { whyUnread, whyUnwritten } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { TrustedKey } from '../keys/signer.ts';
import { isSignedBy } from './sign-manifest.ts';
import { parseState, type PublisherState, type Published } from './state.ts';
import { blocksOf, readText } from './table-text.ts';

const DAY = 86_400_000;
// The folders keep the list confidential. Whoever may enter, such as a web server's group, may read the files.
const FOLDER = 0o750;
const FILE = 0o644;
/**
 * What publish writes into `recipients/`, including the temp names that a killed run leaves. Other files are not
 * ours to delete.
 */
const OURS = /^(?:[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz|\.[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz\.new)$/;

/** What is remembered of one table's files. */
type Cleaned = Pick<PublisherState, 'tables' | 'unnamed'>;

export class Repository {
  readonly #output: string;
  readonly #stateDir: string;
  readonly #table: 'recipients' | 'transport';

  /** @param table which of the bundle's tables the blobs and the kept tables are of. */
  constructor(output: string, stateDir: string, table: 'recipients' | 'transport' = 'recipients') {
    this.#output = output;
    this.#stateDir = stateDir;
    this.#table = table;
  }

  /** The same place, for the files of the table of next hops. */
  ofTransport(): Repository {
    return new Repository(this.#output, this.#stateDir, 'transport');
  }

  get output(): string {
    return this.#output;
  }

  get stateDir(): string {
    return this.#stateDir;
  }

  get lockFile(): string {
    return path.join(this.#stateDir, 'lock');
  }

  makeStateFolder(): void {
    written(this.#stateDir, () => makeFolder(this.#stateDir, 0o700));
  }

  /** Null if nothing was ever published from here. @throws PublishError STATE if the record is damaged. */
  state(): PublisherState | null {
    const file = path.join(this.#stateDir, 'state.json');
    const text = textOf(file);
    return text === null ? null : parseState(file, text.toString());
  }

  writeState(state: PublisherState): void {
    const file = path.join(this.#stateDir, 'state.json');
    written(file, () => writeFileAtomic(file, `${JSON.stringify(state, null, 1)}\n`, 0o600));
  }

  /** What is published now, signed by one of these keys; null if nothing is. @throws PublishError STATE */
  published(keys: readonly TrustedKey[]): Published | null {
    const found = this.#manifest();
    if (found === null) return null;
    if (isSignedBy(found.envelope, keys, 1)) return found;
    const next = (this.state()?.highest ?? 0) + 1;
    throw new PublishError(
      'STATE',
      `${this.#manifestFile} is signed by none of the keys of this configuration (${keys.map((k) => k.keyid.slice(0, 16)).join(', ')}), ` +
        'so it does not count. Was a key replaced? Name the old one in `keys` too, for one publish. Otherwise somebody else ' +
        `wrote it: move it away, then: relaymap-publish publish --next-version ${next}, or higher if a gateway may have seen a higher one`,
    );
  }

  /**
   * What is published now, if it was the last thing signed here; else null. Needs no key. @throws PublishError
   * STATE
   */
  publishedHere(): Published | null {
    const [found, state] = [this.#manifest(), this.state()];
    return found !== null && state?.digest === found.digest ? found : null;
  }

  get #manifestFile(): string {
    return path.join(this.#output, 'manifest.json');
  }

  /** The manifest in `output`, whoever wrote it. */
  #manifest(): Published | null {
    const file = this.#manifestFile;
    const envelope = textOf(file);
    if (envelope === null) return null;
    try {
      const { payload } = decodeEnvelope(envelope);
      const digest = createHash('sha256').update(payload).digest('hex');
      return { envelope, manifest: parseManifest(payload), digest };
    } catch (error) {
      const goOn = 'move it away, then publish with --next-version above the version it had';
      throw new PublishError('STATE', `${file} is damaged (${(error as Error).message}); ${goOn}`, error);
    }
  }

  /**
   * No two manifests here have the same size and second: web servers and rsync would treat them as equal
   * (docs/bundle-format.md section 1).
   */
  writeManifest(envelope: Uint8Array): void {
    const file = path.join(this.#output, 'manifest.json');
    written(file, () => writeFileWithLaterTime(file, envelope, FILE));
  }

  /** Starts writing a published file. */
  blob(name: string): AtomicFile {
    const file = this.#blobPath(name);
    return written(file, () => {
      makeFolder(this.#output, FOLDER);
      makeFolder(path.dirname(file), FOLDER);
      return new AtomicFile(file, FILE);
    });
  }

  /** The size of a published blob in bytes; null if it does not exist. */
  sizeOf(name: string): number | null {
    return statSync(this.#blobPath(name), { throwIfNoEntry: false })?.size ?? null;
  }

  /** A published blob as it is. */
  bytes(name: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.#blobPath(name));
  }

  /** The decompressed bytes of a published blob, as a gateway would read them. */
  plain(name: string): AsyncGenerator<Uint8Array> {
    return gunzipOne(createReadStream(this.#blobPath(name)));
  }

  /** Starts writing a table that later deltas start from. */
  keptTable(sha256: string): AtomicFile {
    const file = this.#keptPath(sha256);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  hasKept(sha256: string): boolean {
    return existsSync(this.#keptPath(sha256));
  }

  /** Whether an earlier table exists, kept or published. */
  hasTable(sha256: string): boolean {
    return this.hasKept(sha256) || this.sizeOf(`${sha256}.gz`) !== null;
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
    return readText(this.hasKept(sha256) ? this.#keptPath(sha256) : this.#blobPath(`${sha256}.gz`), sha256);
  }

  /** Starts writing a source's own rows, for the guard of the next publish. */
  sourceTable(source: string): AtomicFile {
    const file = this.#sourcePath(source);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  /**
   * The rows that a source gave for the last publish; null if none are kept. The stream throws PublishError STATE
   * if they are damaged.
   */
  sourceRows(source: string): AsyncGenerator<RowBlock> | null {
    const text = this.sourceText(source);
    return text === null ? null : blocksOf(text);
  }

  /** The same, as text in pieces of whole rows. */
  sourceText(source: string): AsyncGenerator<Uint8Array> | null {
    const file = this.#sourcePath(source);
    return existsSync(file) ? readText(file, null) : null;
  }

  /** Drops what is kept of sources that no longer exist. @param waiting the sources that may have waiting rows. */
  keepSources(sources: readonly string[], waiting: readonly string[]): void {
    for (const [folder, kept] of [
      ['sources', sources],
      ['waiting', waiting],
    ] as const) {
      const keep = new Set(kept.map((source) => path.basename(this.#sourcePath(source))));
      const place = path.join(this.#stateDir, folder);
      for (const name of names(place)) if (!keep.has(name)) rmSync(path.join(place, name), { force: true });
    }
  }

  /** Starts writing the rows of a source that wait to be removed. */
  waitingFile(source: string): AtomicFile {
    const file = this.#waitingPath(source);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  /**
   * Their text in pieces of whole lines; null if none wait. The stream throws PublishError STATE if it is damaged.
   */
  waitingText(source: string): AsyncGenerator<Uint8Array> | null {
    const file = this.#waitingPath(source);
    return existsSync(file) ? readText(file, null) : null;
  }

  dropWaiting(source: string): void {
    written(this.#waitingPath(source), () => rmSync(this.#waitingPath(source), { force: true }));
  }

  /** @throws PublishError STATE */
  damagedWaiting(source: string): never {
    const file = this.#waitingPath(source);
    throw new PublishError('STATE', `${file} is damaged; remove it, and what waits to be removed waits from then on`);
  }

  /** Drops every kept table but these. */
  dropTables(needed: readonly string[]): void {
    const keep = new Set(needed.map((sha256) => path.basename(this.#keptPath(sha256))));
    const tables = path.dirname(this.#keptPath(''));
    for (const name of names(tables)) if (!keep.has(name)) rmSync(path.join(tables, name), { force: true });
  }

  /** Drops kept tables that no delta starts from, and blobs that no manifest has named for a day. */
  clean<S extends Cleaned>(state: S, named: ReadonlySet<string>, now: Date): S {
    this.dropTables(state.tables.map((t) => t.sha256));
    const unnamed: Record<string, string> = {};
    for (const name of names(path.join(this.#output, this.#table))) {
      if (!named.has(name)) unnamed[name] = state.unnamed[name] ?? now.toISOString();
    }
    return { ...state, unnamed: this.dropUnnamed({ ...state, unnamed }, named, now) };
  }

  /**
   * Deletes blobs that no manifest has named for a day. @returns those still to be deleted, and since when they are
   * unnamed.
   */
  dropUnnamed(state: Pick<Cleaned, 'unnamed'>, named: ReadonlySet<string>, now: Date): Record<string, string> {
    const left: Record<string, string> = {};
    for (const [name, since] of Object.entries(state.unnamed)) {
      if (named.has(name) || !OURS.test(name)) continue;
      // A gateway that has read the previous manifest may still ask for it.
      if (now.getTime() - Date.parse(since) < DAY) left[name] = since;
      else written(this.#blobPath(name), () => rmSync(this.#blobPath(name), { force: true }));
    }
    return left;
  }

  #blobPath(name: string): string {
    return path.join(this.#output, this.#table, name);
  }

  #sourcePath(source: string): string {
    return path.join(this.#stateDir, 'sources', `${createHash('sha256').update(source).digest('hex')}.gz`);
  }

  #waitingPath(source: string): string {
    return path.join(this.#stateDir, 'waiting', path.basename(this.#sourcePath(source)));
  }

  #keptPath(sha256: string): string {
    return path.join(this.#stateDir, this.#table === 'transport' ? 'transport' : 'tables', `${sha256}.gz`);
  }
}

/** The files in a folder that publish itself may have written. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && OURS.test(entry.name))
      .map((entry) => entry.name);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function textOf(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw new PublishError('STATE', `cannot read ${file}: ${whyUnread(error, file)}`, error);
  }
}

/** Names the file that could not be written. A full disk keeps its own code. */
function written<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${file}: ${whyUnwritten(error, file)}`, error);
  }
}
