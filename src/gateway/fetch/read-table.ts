/**
 * Reads a table in one pass: its body is spooled and checked while it streams (docs/bundle-format.md sections 3 and
 * 4): length, gzip, hash, rows. What is found on the way is for the judge. Nothing is kept here: the spool is the
 * caller's to keep or to discard.
 */
import { createHash } from 'node:crypto';
import { applyDelta } from '../../bundle/table/delta.ts';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { GzipWriter } from '../../bundle/table/gzip-writer.ts';
import type { DeltaEntry, TableEntry } from '../../bundle/offer/manifest.ts';
import { RemovedRows, RowsTaken, type Removed } from '../../bundle/table/removed-rows.ts';
import type { NextHop } from '../../bundle/address/next-hop.ts';
import { addressForms } from '../domain-forms.ts';
import { RequiredRows } from '../../bundle/table/required-rows.ts';
import { rowBlocks, RowSplitter, type RowBlock, type RowStream } from '../../bundle/table/rows.ts';
import { TableChecker } from '../../bundle/table/table.ts';
import { TransportChecker, type ForeignHop } from '../../bundle/table/transport.ts';
import { TableError } from '../../errors.ts';
import { havePassed } from '../../io/v8-collect.ts';

/** Where a body is kept as it passes. */
export interface SpoolWriter {
  write(bytes: Uint8Array): void;
}

/** What is known of a table whose bytes are those the manifest vouches for. */
export interface Findings {
  readonly rows: number;
  readonly domains: DomainSet;
  /** Required addresses that it does not accept. */
  readonly missing: readonly string[];
  /** What of the base it lacks; null without a base, or with one that could not be read. */
  readonly removed: { readonly rows: number; readonly domains: number } | null;
  /** The first next hop that is not allowed; null for none, and for a table of recipients. */
  readonly foreignHop: ForeignHop | null;
}

export interface Questions {
  readonly required: readonly string[];
  /** The installed table, for the shrink guard. */
  readonly base: { readonly table: string; readonly rows: RowStream } | null;
  /** Sees the rows as they pass, before anything is known of the whole. */
  readonly alsoTo?: (block: RowBlock) => void;
  /** The table is one of next hops, and may name these. */
  readonly allows?: (hop: NextHop) => boolean;
}

/**
 * @param body the gzip member of `entry`'s table.
 * @throws TableError, SourceError, HostError NO_SPACE
 */
export async function obtainWhole(
  body: AsyncIterable<Uint8Array>,
  entry: TableEntry,
  spool: SpoolWriter,
  questions: Questions,
): Promise<Findings> {
  const inspection = new Inspection(questions);
  const plain = new Plain('the table', entry);
  const splitter = new RowSplitter();
  try {
    for await (const chunk of gunzipOne(spooled(body, entry.wireBytes, spool))) {
      plain.take(chunk);
      await inspection.push(splitter.push(chunk));
      havePassed(chunk.length);
    }
    splitter.end();
    plain.end();
    return await inspection.findings(splitter.fault, entry.rows);
  } finally {
    await inspection.close();
  }
}

/**
 * The table that a delta makes of the installed one, compressed into the spool. Nothing of it is believed before
 * the result has the manifest's hash.
 * @throws Error of any kind: whatever goes wrong with a delta, the whole table is taken instead
 * (docs/bundle-format.md section 5).
 */
export async function obtainByDelta(
  body: AsyncIterable<Uint8Array>,
  delta: DeltaEntry,
  base: RowStream,
  entry: TableEntry,
  spool: SpoolWriter,
  questions: Questions,
): Promise<Findings> {
  // What a delta takes away need not be looked for.
  const isHops = questions.allows !== undefined;
  const taken = questions.base?.table === delta.from ? new RowsTaken(isHops) : null;
  const inspection = new Inspection(questions, taken);
  const lines = rowBlocks(deltaText(body, delta));
  const plain = new Plain('the table', entry);
  const packer = new GzipWriter(1, (chunk) => spool.write(chunk)); // a kept copy costs compressed size
  try {
    for await (const block of applyDelta(base, taken?.of(lines) ?? lines)) {
      const text = block.bytes.subarray(0, block.starts[block.count]);
      plain.take(text);
      await Promise.all([packer.write(text), inspection.push(block)]); // compressed by another thread meanwhile
      havePassed(text.length);
    }
    plain.end();
    await packer.end();
    return await inspection.findings(null, entry.rows);
  } finally {
    packer.destroy();
    await inspection.close();
  }
}

/** The plain text of a delta, which must be what the manifest says of it. @throws TableError, SourceError */
export async function* deltaText(body: AsyncIterable<Uint8Array>, delta: DeltaEntry): AsyncGenerator<Uint8Array> {
  const plain = new Plain('the delta', delta);
  for await (const chunk of gunzipOne(limited(body, delta.wireBytes))) {
    plain.take(chunk);
    yield chunk;
  }
  plain.end();
}

/**
 * A plain text against what the manifest says of it: stops at the first byte too many, and at the end length and
 * hash must fit.
 */
class Plain {
  readonly #hash = createHash('sha256');
  readonly #what: string;
  readonly #declared: { readonly bytes: number; readonly sha256: string };
  #bytes = 0;

  constructor(what: string, declared: { readonly bytes: number; readonly sha256: string }) {
    this.#what = what;
    this.#declared = declared;
  }

  take(text: Uint8Array): void {
    this.#bytes += text.length;
    const { bytes } = this.#declared;
    if (this.#bytes > bytes)
      throw new TableError('LENGTH_MISMATCH', `${this.#what} is longer than the ${bytes} bytes that the manifest says`);
    this.#hash.update(text);
  }

  end(): void {
    const { bytes, sha256 } = this.#declared;
    if (this.#bytes !== bytes) {
      throw new TableError('LENGTH_MISMATCH', `${this.#what} has ${this.#bytes} bytes, the manifest says ${bytes}`);
    }
    const found = this.#hash.digest('hex');
    if (found !== sha256)
      throw new TableError('HASH_MISMATCH', `${this.#what}'s SHA-256 is ${found}, the manifest says ${sha256}`);
  }
}

/** Writes the body to the spool as it passes. */
async function* spooled(
  body: AsyncIterable<Uint8Array>,
  wireBytes: number,
  spool: SpoolWriter,
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
      throw new TableError('LENGTH_MISMATCH', `the body is longer than the ${wireBytes} bytes that the manifest says`);
    yield chunk;
  }
  if (length !== wireBytes)
    throw new TableError('LENGTH_MISMATCH', `the body has ${length} bytes, the manifest says ${wireBytes}`);
}

/** All that is asked of the rows while they pass. */
class Inspection {
  readonly #checker: TableChecker | TransportChecker;
  readonly #required: RequiredRows;
  readonly #alsoTo: Questions['alsoTo'];
  readonly #taken: Removed | null;
  #removed: RemovedRows | null;

  /** @param taken what is removed, where it comes to be known on another way. */
  constructor({ required, base, alsoTo, allows }: Questions, taken: Removed | null = null) {
    this.#checker = allows === undefined ? new TableChecker() : new TransportChecker(allows);
    this.#required = new RequiredRows(required, addressForms);
    this.#alsoTo = alsoTo;
    this.#taken = taken;
    this.#removed = base === null || taken !== null ? null : new RemovedRows(base.rows, allows !== undefined);
  }

  async push(block: RowBlock): Promise<void> {
    this.#checker.push(block);
    this.#required.push(block);
    this.#alsoTo?.(block);
    await this.#compare((removed) => removed.push(block));
  }

  /** @throws TableError NOT_CANONICAL, or LENGTH_MISMATCH for the wrong number of rows. */
  async findings(splitFault: TableChecker['fault'], rows: number): Promise<Findings> {
    const fault = this.#checker.fault ?? splitFault;
    if (fault !== null) throw new TableError('NOT_CANONICAL', `row ${fault.row} ${fault.rule}`);
    if (this.#checker.rows !== rows) {
      throw new TableError('LENGTH_MISMATCH', `the table has ${this.#checker.rows} rows, the manifest says ${rows}`);
    }
    await this.#compare((removed) => removed.end());
    const { domains } = this.#checker;
    const removed = this.#taken ?? this.#removed;
    return {
      rows,
      domains,
      missing: this.#required.missing(),
      removed: removed === null ? null : { rows: removed.rows, domains: removed.domains.missingIn(domains) },
      foreignHop: this.#checker instanceof TransportChecker ? this.#checker.foreign : null,
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
