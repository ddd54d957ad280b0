/**
 * The deltas that a table is offered with (format section 5). Only the one from the table published now is found by reading both; the
 * others follow from it and from what was offered last, so that eight cost little more than one. Writes only through the repository.
 */
import { createHash } from 'node:crypto';
import { applyDelta, composeDeltas, diffRows } from '../bundle/delta.ts';
import { GzipWriter } from '../bundle/gzip-writer.ts';
import type { DeltaEntry, TableEntry } from '../bundle/manifest.ts';
import { rowBlocks, type RowStream } from '../bundle/rows.ts';
import { HostError } from '../errors.ts';
import { log } from '../io/log.ts';
import { PublishError } from './errors.ts';
import type { Repository } from './repository.ts';
import type { SortedRows } from './sorted-rows.ts';
import { expectBlob, sizeOfSound, streamed, text } from './tables.ts';

/** Deltas are small: the best compression costs nothing here. */
const LEVEL = 9;

/** A table that is being offered, and what was offered before it. */
export interface Step {
  readonly table: SortedRows;
  /** The table's own entry, without deltas. */
  readonly entry: TableEntry;
  /** The entry of the table that is published now, with its deltas; null for none. */
  readonly before: TableEntry | null;
}

/**
 * The deltas from `bases`, each on disk, those that do not pay left out. The one from the table before is applied to it as a gateway would,
 * and so is one of the others, another one each time: if it does not make the table, all are found anew by reading their bases.
 */
export async function writeDeltas(repository: Repository, step: Step, bases: readonly string[]): Promise<DeltaEntry[]> {
  const { entry, before } = step;
  const first = bases.find((from) => from === before?.sha256);
  const whole = first === undefined ? null : await optional(first, () => soundByReading(repository, step, first));
  const others = bases.filter((from) => from !== first);
  const composed = new Map<string, DeltaEntry | null>();
  for (const from of whole === null ? [] : others) {
    const earlier = before?.deltas.find((d) => d.from === from);
    if (earlier === undefined || whole === null) continue;
    const made = await quietly(async () => ({ delta: await byComposing(repository, step, earlier, whole) }));
    if (made !== null) composed.set(from, made.delta);
  }
  const made = [...composed.values()].filter((delta) => delta !== null);
  const sample = made[Number.parseInt(entry.sha256.slice(0, 8), 16) % Math.max(1, made.length)];
  if (sample !== undefined && (await quietly(() => sound(repository, entry, sample))) === null) {
    log('warning', 'a delta that was put together does not make the table; all are found anew');
    composed.clear();
  }
  const written: DeltaEntry[] = [];
  for (const from of bases) {
    const known = from === first ? whole : composed.get(from);
    const delta = known === undefined ? await optional(from, () => soundByReading(repository, step, from)) : known;
    if (delta !== null) written.push(delta);
  }
  return written;
}

/** Those of the deltas that turn their base, which is at hand, into the table: each is applied as a gateway would. */
export async function soundDeltas(
  repository: Repository,
  entry: TableEntry,
  deltas: readonly DeltaEntry[],
): Promise<DeltaEntry[]> {
  const found: DeltaEntry[] = [];
  for (const delta of deltas) {
    const applied = await optional(delta.from, () => sound(repository, entry, delta));
    if (applied !== null) found.push(applied);
  }
  return found;
}

/** @throws PublishError VERIFY or STATE, DeltaMismatch */
async function sound(repository: Repository, entry: TableEntry, delta: DeltaEntry): Promise<DeltaEntry> {
  const name = fileOf(delta.from, entry);
  await expectBlob(repository, name, delta);
  await expectTable(applyDelta(repository.table(delta.from), rowBlocks(repository.plain(name))), entry, name);
  return delta;
}

const fileOf = (from: string, { sha256 }: { readonly sha256: string }): string => `${from}-${sha256}.delta.gz`;

/** Found by reading the base, and applied to it: nothing is put together from one that does not hold. */
async function soundByReading(
  repository: Repository,
  { table, entry }: Step,
  from: string,
): Promise<DeltaEntry | null> {
  const rows = diffRows(repository.table(from), streamed(table.blocks()));
  const delta = await writeDelta(repository, from, entry, rows);
  return delta === null ? null : sound(repository, entry, delta);
}

/** @param earlier from the base to the table before. @param last from there to the new one. */
async function byComposing(
  repository: Repository,
  { entry, before }: Step,
  earlier: DeltaEntry,
  last: DeltaEntry,
): Promise<DeltaEntry | null> {
  if (before === null) return null;
  const name = fileOf(earlier.from, before);
  await expectBlob(repository, name, earlier);
  const rows = (file: string) => rowBlocks(repository.plain(file));
  return writeDelta(repository, earlier.from, entry, composeDeltas(rows(name), rows(fileOf(last.from, entry))));
}

/**
 * Writes a delta where it pays.
 * @returns null where it is larger than half of the table: a gateway that takes it saves little and works more.
 */
async function writeDelta(
  repository: Repository,
  from: string,
  to: TableEntry,
  delta: RowStream,
): Promise<DeltaEntry | null> {
  const limit = to.wireBytes / 2;
  const hash = createHash('sha256');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const gzip = new GzipWriter(LEVEL, (chunk) => chunks.push(chunk));
  for await (const block of delta) {
    const rows = text(block);
    hash.update(rows);
    bytes += rows.length;
    await gzip.write(rows);
    if (gzip.wireBytes > limit) break;
  }
  if ((await gzip.end()) > limit) return null;
  const sha256 = hash.digest('hex');
  const name = fileOf(from, to);
  const there = await sizeOfSound(repository, name, sha256);
  if (there === null) {
    const file = repository.blob(name);
    try {
      for (const chunk of chunks) file.write(chunk);
      file.commit();
    } finally {
      file.discard();
    }
  }
  return { from, bytes, sha256, wireBytes: there ?? gzip.wireBytes };
}

/** A delta that cannot be made or does not apply is not offered: gateways take the whole table, and the list still goes out. */
async function optional<T>(from: string, make: () => Promise<T | null>): Promise<T | null> {
  return quietly(make, (why) => log('warning', `no delta is offered from table ${from.slice(0, 16)}: ${why}`));
}

/** Null for whatever is wrong with a delta; a full disk ends the publish. */
async function quietly<T>(
  make: () => Promise<T | null>,
  tell: (why: string) => void = () => undefined,
): Promise<T | null> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof HostError) throw error;
    tell((error as Error).message);
    return null;
  }
}

async function expectTable(stream: RowStream, entry: TableEntry, name: string): Promise<void> {
  const hash = createHash('sha256');
  let rows = 0;
  for await (const block of stream) {
    hash.update(text(block));
    rows += block.count;
  }
  const found = hash.digest('hex');
  if (found !== entry.sha256 || rows !== entry.rows) {
    throw new PublishError(
      'VERIFY',
      `${name} makes ${rows} rows with SHA-256 ${found}, expected ${entry.rows} and ${entry.sha256}`,
    );
  }
}
