/**
 * Gets a table: its body is spooled and checked while it streams, in one pass (format sections 3 and 4): length, gzip, hash, rows.
 * What was found on the way is handed to the judge. Nothing is kept here: the spool is the caller's to keep or to drop.
 */
import { createHash } from 'node:crypto';
import { createGzip } from 'node:zlib';
import { applyDelta } from '../bundle/delta.ts';
import type { DomainSet } from '../bundle/domain-set.ts';
import { gunzipOne } from '../bundle/gzip.ts';
import type { DeltaEntry, TableEntry } from '../bundle/manifest.ts';
import { RemovedRows } from '../bundle/removed-rows.ts';
import { RequiredRows } from '../bundle/required-rows.ts';
import { rowBlocks, RowSplitter, type RowBlock, type RowStream } from '../bundle/rows.ts';
import { TableChecker } from '../bundle/table.ts';
import { TableError } from '../errors.ts';
import type { AtomicFile } from '../io/atomic-file.ts';

/** What is known of a table whose bytes are those the manifest vouches for. */
export interface Findings {
  readonly rows: number;
  readonly domains: DomainSet;
  /** Required addresses that it does not accept. */
  readonly missing: readonly string[];
  /** What of the base it lacks; null without a base, or with one that could not be read. */
  readonly removed: { readonly rows: number; readonly domains: number } | null;
}

export interface Questions {
  readonly required: readonly string[];
  /** The rows of the installed table, for the shrink guard. */
  readonly base: RowStream | null;
}

/**
 * @param body the gzip member of `entry`'s table.
 * @throws TableError, SourceError, HostError NO_SPACE
 */
export async function obtainWhole(
  body: AsyncIterable<Uint8Array>,
  entry: TableEntry,
  spool: AtomicFile,
  questions: Questions,
): Promise<Findings> {
  const inspection = new Inspection(questions);
  const hash = createHash('sha256');
  const splitter = new RowSplitter();
  let bytes = 0;
  try {
    for await (const chunk of gunzipOne(spooled(body, entry.wireBytes, spool))) {
      bytes += chunk.length;
      if (bytes > entry.bytes)
        throw new TableError('LENGTH_MISMATCH', `the table has over ${entry.bytes} bytes, as declared`);
      hash.update(chunk);
      await inspection.push(splitter.push(chunk));
    }
    splitter.end();
    if (bytes !== entry.bytes)
      throw new TableError('LENGTH_MISMATCH', `the table has ${bytes} bytes, declared ${entry.bytes}`);
    requireHash(hash.digest('hex'), entry.sha256);
    return await inspection.findings(splitter.fault, entry.rows);
  } finally {
    await inspection.close();
  }
}

/**
 * The table that a delta makes of the installed one, compressed into the spool. Nothing of it is believed before the result has the
 * manifest's hash.
 * @throws Error of any kind: whatever goes wrong with a delta, the whole table is taken instead (format section 5).
 */
export async function obtainByDelta(
  body: AsyncIterable<Uint8Array>,
  delta: DeltaEntry,
  base: RowStream,
  entry: TableEntry,
  spool: AtomicFile,
  questions: Questions,
): Promise<Findings> {
  const inspection = new Inspection(questions);
  const hash = createHash('sha256');
  const packer = new Packer(spool);
  let bytes = 0;
  try {
    for await (const block of applyDelta(base, rowBlocks(deltaText(body, delta)))) {
      const text = block.bytes.subarray(0, block.starts[block.count]);
      bytes += text.length;
      if (bytes > entry.bytes)
        throw new TableError('LENGTH_MISMATCH', `the table has over ${entry.bytes} bytes, as declared`);
      hash.update(text);
      await packer.write(text);
      await inspection.push(block);
    }
    requireHash(hash.digest('hex'), entry.sha256);
    await packer.end();
    return await inspection.findings(null, entry.rows);
  } finally {
    await inspection.close();
  }
}

/** The plain text of a delta, which must be what the manifest says of it. */
async function* deltaText(body: AsyncIterable<Uint8Array>, delta: DeltaEntry): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of gunzipOne(limited(body, delta.wireBytes))) {
    bytes += chunk.length;
    if (bytes > delta.bytes)
      throw new TableError('LENGTH_MISMATCH', `the delta has over ${delta.bytes} bytes, as declared`);
    hash.update(chunk);
    yield chunk;
  }
  requireHash(hash.digest('hex'), delta.sha256);
}

/** Compresses into a spool with back-pressure; a kept copy costs compressed size. */
class Packer {
  readonly #gzip = createGzip({ level: 1 });
  readonly #ended: Promise<unknown>;

  constructor(spool: AtomicFile) {
    this.#ended = new Promise((resolve, reject) => {
      this.#gzip
        .on('data', (chunk: Buffer) => spool.write(chunk))
        .on('end', resolve)
        .on('error', reject);
    });
  }

  async write(text: Uint8Array): Promise<void> {
    if (!this.#gzip.write(text)) await new Promise((resolve) => this.#gzip.once('drain', resolve));
  }

  async end(): Promise<void> {
    this.#gzip.end();
    await this.#ended;
  }
}

function requireHash(found: string, declared: string): void {
  if (found !== declared)
    throw new TableError('HASH_MISMATCH', `the table's SHA-256 is ${found}, declared ${declared}`);
}

/** Writes the body to the spool as it passes. */
async function* spooled(
  body: AsyncIterable<Uint8Array>,
  wireBytes: number,
  spool: AtomicFile,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of limited(body, wireBytes)) {
    spool.write(chunk);
    yield chunk;
  }
}

/** Stops at the first byte too many. */
async function* limited(body: AsyncIterable<Uint8Array>, wireBytes: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > wireBytes)
      throw new TableError('LENGTH_MISMATCH', `the body has over ${wireBytes} bytes, as declared`);
    yield chunk;
  }
  if (length !== wireBytes)
    throw new TableError('LENGTH_MISMATCH', `the body has ${length} bytes, declared ${wireBytes}`);
}

/** All that is asked of the rows while they pass. */
class Inspection {
  readonly #checker = new TableChecker();
  readonly #required: RequiredRows;
  #removed: RemovedRows | null;

  constructor({ required, base }: Questions) {
    this.#required = new RequiredRows(required);
    this.#removed = base === null ? null : new RemovedRows(base);
  }

  async push(block: RowBlock): Promise<void> {
    this.#checker.push(block);
    this.#required.push(block);
    await this.#compare((removed) => removed.push(block));
  }

  /** @throws TableError NOT_CANONICAL, or LENGTH_MISMATCH for the wrong number of rows. */
  async findings(splitFault: TableChecker['fault'], rows: number): Promise<Findings> {
    const fault = this.#checker.fault ?? splitFault;
    if (fault !== null) throw new TableError('NOT_CANONICAL', `row ${fault.row} ${fault.rule}`);
    if (this.#checker.rows !== rows) {
      throw new TableError('LENGTH_MISMATCH', `the table has ${this.#checker.rows} rows, declared ${rows}`);
    }
    await this.#compare((removed) => removed.end());
    const { domains } = this.#checker;
    const removed = this.#removed;
    return {
      rows,
      domains,
      missing: this.#required.missing(),
      removed: removed === null ? null : { rows: removed.rows, domains: removed.domains.missingIn(domains) },
    };
  }

  async close(): Promise<void> {
    await this.#removed?.close();
  }

  /** A base that cannot be read back ends the comparison, not the update: the caller then compares counts. */
  async #compare(step: (removed: RemovedRows) => Promise<void>): Promise<void> {
    if (this.#removed === null) return;
    try {
      await step(this.#removed);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#removed = null;
    }
  }
}
