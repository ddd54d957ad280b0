/**
 * Makes the deltas for a table (docs/bundle-format.md section 5). Only the delta from the published table comes
 * from a comparison. The others are composed from it and the deltas offered before, so eight cost little more than
 * one. Writes only through the repository.
 */
import { createHash } from 'node:crypto';
import { composeDeltas, diffRows } from '../../bundle/table/delta.ts';
import { GzipWriter } from '../../bundle/table/gzip-writer.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import type { DeltaEntry, TableEntry } from '../../bundle/offer/manifest.ts';
import { rowBlocks, type RowBlock, type RowStream } from '../../bundle/table/rows.ts';
import { log } from '../../io/log.ts';
import { isUnreachable, PublishError } from '../errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { RowSpace } from '../gather/row-space.ts';
import type { RowTable } from '../gather/row-table.ts';
import { chunksOf, type Content } from '../repository/content.ts';
import { hashOfBase } from './reverse-delta.ts';
import { Spool } from './spool.ts';
import { expectBlob, sizeOfSound, streamed, text } from './tables.ts';

/** Deltas are small, so the best compression costs nothing. */
const LEVEL = 9;
/** Bytes of a delta's text. A larger one is inflated again whenever it is needed. */
const IN_MEMORY = 2 ** 24;

/** A table that is being offered, and what was offered before it. */
export interface Step {
  readonly table: RowTable;
  /** Where deltas go that are too large for memory. */
  readonly space: RowSpace;
  /** The hash of its text. */
  readonly sha256: string;
  /** Its compressed size, known once it is compressed. */
  readonly wireBytes: Promise<number>;
  /** The entry of the published table, with its deltas; null if there is none. */
  readonly before: TableEntry | null;
  /** A delta that the guard has already found, and the hash of the table it starts from; null if there is none. */
  readonly found: { readonly from: string; readonly delta: readonly RowBlock[] } | null;
}

/** A delta that is not written yet. */
interface Made extends DeltaEntry {
  readonly member: Content;
}

/**
 * The tables that gateways may have, the oldest first: those that were published here, or, where others publish too,
 * those that the published manifest speaks of.
 */
export function basesOf(
  { store }: Repository,
  own: readonly { readonly sha256: string }[],
  entry: TableEntry | null,
): readonly string[] {
  if (!store.isShared || entry === null) return own.map(({ sha256 }) => sha256);
  return [...entry.deltas.map(({ from }) => from), entry.sha256];
}

/**
 * Makes the deltas from `bases` in memory, without those that do not pay. Checks the delta from the published
 * table, and one other each time. If a check fails, all are made again by reading their bases.
 */
export async function makeDeltas(repository: Repository, step: Step, bases: readonly string[]): Promise<Made[]> {
  const { before } = step;
  const first = bases.find((from) => from === before?.sha256);
  const whole = first === undefined ? null : await optional(first, () => soundByReading(repository, step, first));
  const composed = new Map<string, Made>();
  const last = whole === null ? null : await again(whole);
  for (const from of bases) {
    const earlier = before?.deltas.find((d) => d.from === from);
    if (from === first || earlier === undefined || last === null) continue;
    const made = await quietly(() => byComposing(repository, step, earlier, last));
    if (made !== null) composed.set(from, made);
  }
  const made = [...composed.values()];
  const sample = made[Number.parseInt(step.sha256.slice(0, 8), 16) % Math.max(1, made.length)];
  if (sample !== undefined && (await quietly(() => sound(step, sample))) === null) {
    log('warning', 'a delta that was put together does not make the table; all are found anew');
    composed.clear();
  }
  const all: Made[] = [];
  for (const from of bases) {
    const known = from === first ? whole : composed.get(from);
    const delta = known === undefined ? await optional(from, () => soundByReading(repository, step, from)) : known;
    if (delta !== null && (await pays(step, delta.wireBytes))) all.push(delta);
  }
  return all;
}

/** A delta larger than half of the table does not pay: a gateway would save little and work more. */
async function pays({ wireBytes }: Step, size: number): Promise<boolean> {
  return size <= (await wireBytes) / 2;
}

/** Writes deltas. A blob that exists with the same text is left alone. */
export async function writeDeltas(repository: Repository, to: string, deltas: readonly Made[]): Promise<DeltaEntry[]> {
  const written: DeltaEntry[] = [];
  for (const { from, bytes, sha256, member } of deltas) {
    const name = fileOf(from, to);
    const there = await sizeOfSound(repository, name, sha256);
    const wireBytes = there ?? (await repository.putBlob(name, member, sha256));
    const entry = { from, bytes, sha256, wireBytes };
    const read = await optional(from, async () => {
      await expectBlob(repository, name, entry);
      return entry;
    });
    if (read !== null) written.push(read);
  }
  return written;
}

/** The deltas that are on disk as declared and make the table. */
export async function soundDeltas(
  repository: Repository,
  table: RowTable,
  entry: TableEntry,
  deltas: readonly DeltaEntry[],
): Promise<DeltaEntry[]> {
  const found: DeltaEntry[] = [];
  for (const delta of deltas) {
    const applied = await optional(delta.from, async () => {
      const name = fileOf(delta.from, entry.sha256);
      await expectBlob(repository, name, delta);
      await expectBase(table, delta.from, entry.sha256, rowBlocks(repository.plain(name)));
      return delta;
    });
    if (applied !== null) found.push(applied);
  }
  return found;
}

/** A delta in memory, if it makes the table. @throws PublishError VERIFY, DeltaMismatch */
async function sound({ table, sha256 }: Step, made: Made): Promise<Made> {
  await expectBase(table, made.from, sha256, rowsOf(made.member));
  return made;
}

const fileOf = (from: string, to: string): string => `${from}-${to}.delta.gz`;

const rowsOf = (member: Content): RowStream => rowBlocks(gunzipOne(each(chunksOf(member))));

/** The rows of a delta, as often as they are asked for. */
async function again({ member, bytes }: Made): Promise<() => RowStream> {
  if (bytes > IN_MEMORY) return () => rowsOf(member);
  const blocks = await collected(rowsOf(member));
  return () => streamed(blocks);
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

/** Compares, and checks that the delta makes the table. Nothing is composed from a wrong delta. */
async function soundByReading(repository: Repository, step: Step, from: string): Promise<Made | null> {
  const { table, found } = step;
  const rows =
    found?.from === from ? streamed(found.delta) : diffRows(repository.table(from), streamed(table.blocks()));
  const made = await compressed(step, from, rows);
  return made === null ? null : sound(step, made);
}

/** @param earlier from the base to the previous table. @param last from there to the new one. */
async function byComposing(
  repository: Repository,
  step: Step,
  earlier: DeltaEntry,
  last: () => RowStream,
): Promise<Made | null> {
  const { before } = step;
  if (before === null) return null;
  const name = fileOf(earlier.from, before.sha256);
  const isKept = earlier.bytes <= IN_MEMORY;
  const chunks = await expectBlob(repository, name, earlier, isKept);
  const first = isKept ? each(chunks) : repository.plain(name);
  return compressed(step, earlier.from, composeDeltas(rowBlocks(first), last()));
}

async function collected(rows: RowStream): Promise<RowBlock[]> {
  const blocks: RowBlock[] = [];
  for await (const block of rows) blocks.push(block);
  return blocks;
}

/** @returns null if the delta plainly does not pay. */
async function compressed(step: Step, from: string, delta: RowStream): Promise<Made | null> {
  const hash = createHash('sha256');
  const spool = new Spool(step.space);
  let [bytes, isDone] = [0, false];
  const gzip = new GzipWriter(LEVEL, (chunk) => spool.take(chunk));
  try {
    for await (const block of delta) {
      const rows = text(block);
      hash.update(rows);
      bytes += rows.length;
      await gzip.write(rows);
      // Do not wait for the table's compressed size unless the delta is this large.
      if (gzip.wireBytes > step.table.bytes / 16 && !(await pays(step, gzip.wireBytes))) return null;
    }
    await gzip.end();
    isDone = true;
  } finally {
    gzip.destroy();
    if (!isDone) spool.discard();
  }
  const member = spool.done();
  return { from, bytes, sha256: hash.digest('hex'), wireBytes: member.length, member };
}

/** A delta that cannot be made or does not apply is not offered. Gateways then take the whole table. */
async function optional<T>(from: string, make: () => Promise<T | null>): Promise<T | null> {
  return quietly(make, (why) => log('warning', `no delta is offered from table ${from.slice(0, 16)}: ${why}`));
}

/** Null if anything is wrong with a delta. A full disk ends the publish, and so does a store that fails. */
async function quietly<T>(
  make: () => Promise<T | null>,
  tell: (why: string) => void = () => undefined,
): Promise<T | null> {
  try {
    return await make();
  } catch (error) {
    if (isUnreachable(error)) throw error;
    tell((error as Error).message);
    return null;
  }
}

/**
 * Checks that the one base from which this delta makes the table has the hash `from`. Reads only the delta.
 * @throws PublishError VERIFY, DeltaMismatch
 */
async function expectBase(table: RowTable, from: string, to: string, delta: RowStream): Promise<void> {
  const found = await hashOfBase(table.pieces(), delta);
  if (found !== from)
    throw new PublishError('VERIFY', `${fileOf(from, to)} is a delta from a table with SHA-256 ${found}, not ${from}`);
}
