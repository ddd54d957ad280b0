/** Measures, writes and checks tables and deltas, streaming (format sections 3 to 5). Writes only through the repository. */
import { createHash } from 'node:crypto';
import { applyDelta, diffRows } from '../bundle/delta.ts';
import type { DomainSet } from '../bundle/domain-set.ts';
import { GzipWriter } from '../bundle/gzip-writer.ts';
import type { DeltaEntry, TableEntry } from '../bundle/manifest.ts';
import { rowBlocks, type RowBlock, type RowStream } from '../bundle/rows.ts';
import { TableChecker } from '../bundle/table.ts';
import { HostError } from '../errors.ts';
import type { AtomicFile } from '../io/atomic-file.ts';
import { log } from '../io/log.ts';
import { PublishError } from './errors.ts';
import type { Repository } from './repository.ts';
import type { SortedRows } from './sorted-rows.ts';

/** Level 6: level 9 takes three times as long for two per cent. */
const LEVEL = 6;
/** Deltas are small: here it costs nothing. */
const DELTA_LEVEL = 9;

/** What the manifest says of a plain text. */
export interface Measure {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly domains: DomainSet;
}

const text = ({ bytes, starts, count }: RowBlock): Uint8Array => bytes.subarray(starts[0] ?? 0, starts[count] ?? 0);

/** Size, hash and domains of a table. @throws PublishError VERIFY if it is not canonical: a fault of the publisher. */
export function measure(table: SortedRows): Measure {
  const checker = new TableChecker();
  for (const block of table.blocks()) checker.push(block);
  const { fault, rows, domains } = checker;
  if (fault !== null) throw new PublishError('VERIFY', `row ${fault.row} of the new table ${fault.rule}`);
  const sha256 = createHash('sha256').update(table.text).digest('hex');
  return { rows, bytes: table.text.length, sha256, domains };
}

/** The files of a table and its deltas from `bases`, all on disk when this is done. */
export async function writeFiles(
  repository: Repository,
  table: SortedRows,
  { sha256, rows, bytes }: Measure,
  bases: readonly string[],
): Promise<TableEntry> {
  const name = `${sha256}.gz`;
  const there = repository.hasKept(sha256) ? await sizeOfSound(repository, name, sha256) : null;
  const wireBytes = there ?? (await writeTable(table, [repository.blob(name), repository.keptTable(sha256)]));
  const written: DeltaEntry[] = [];
  for (const from of bases) {
    const delta = await optional(from, () => writeDelta(repository, from, table, { sha256, wireBytes }));
    if (delta !== null) written.push(delta);
  }
  const entry: TableEntry = { rows, bytes, sha256, encoding: 'gzip', wireBytes, deltas: [] };
  return { ...entry, deltas: await soundDeltas(repository, entry, written) };
}

/** Compresses a table into files, all at once. @returns the size of the gzip member. */
export async function writeTable(table: SortedRows, files: readonly AtomicFile[]): Promise<number> {
  const gzip = new GzipWriter(LEVEL, (chunk) => {
    for (const file of files) file.write(chunk);
  });
  try {
    for (const block of table.blocks()) await gzip.write(text(block));
    const wireBytes = await gzip.end();
    for (const file of files) file.commit();
    return wireBytes;
  } finally {
    for (const file of files) file.discard();
  }
}

/**
 * The delta from an earlier table to the new one, written where it pays.
 * @returns null where it is not smaller than the table.
 */
async function writeDelta(
  repository: Repository,
  from: string,
  table: SortedRows,
  to: { readonly sha256: string; readonly wireBytes: number },
): Promise<DeltaEntry | null> {
  const hash = createHash('sha256');
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const gzip = new GzipWriter(DELTA_LEVEL, (chunk) => chunks.push(chunk));
  for await (const block of diffRows(repository.table(from), streamed(table.blocks()))) {
    const rows = text(block);
    hash.update(rows);
    bytes += rows.length;
    await gzip.write(rows);
    if (gzip.wireBytes >= to.wireBytes) break;
  }
  if ((await gzip.end()) >= to.wireBytes) return null;
  const sha256 = hash.digest('hex');
  const name = `${from}-${to.sha256}.delta.gz`;
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

/**
 * The size of a published blob if its plain text has this hash, else null. A blob that is there stays: its name promises that it never
 * changes, and another zlib would make other bytes of the same text.
 */
async function sizeOfSound(repository: Repository, name: string, sha256: string): Promise<number | null> {
  const size = repository.sizeOf(name);
  if (size === null) return null;
  const hash = createHash('sha256');
  try {
    for await (const chunk of repository.plain(name)) hash.update(chunk);
  } catch {
    return null; // damaged: it is written again
  }
  return hash.digest('hex') === sha256 ? size : null;
}

export async function* streamed(blocks: Iterable<RowBlock>): AsyncGenerator<RowBlock> {
  yield* blocks;
}

/** Reads a published table back as a gateway would. @throws PublishError VERIFY */
export async function verifyTable(repository: Repository, entry: TableEntry): Promise<void> {
  await expectBlob(repository, `${entry.sha256}.gz`, entry);
}

/** Those of the deltas that turn their base, which is at hand, into the table: each is applied as a gateway would. */
export async function soundDeltas(
  repository: Repository,
  entry: TableEntry,
  deltas: readonly DeltaEntry[],
): Promise<DeltaEntry[]> {
  const sound: DeltaEntry[] = [];
  for (const delta of deltas) {
    const name = `${delta.from}-${entry.sha256}.delta.gz`;
    const applied = await optional(delta.from, async () => {
      await expectBlob(repository, name, delta);
      await expectTable(applyDelta(repository.table(delta.from), rowBlocks(repository.plain(name))), entry, name);
      return delta;
    });
    if (applied !== null) sound.push(applied);
  }
  return sound;
}

/** A delta that cannot be made or does not apply is not offered: gateways take the whole table, and the list still goes out. */
async function optional<T>(from: string, make: () => Promise<T | null>): Promise<T | null> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof HostError) throw error;
    log('warning', `no delta is offered from table ${from.slice(0, 16)}: ${(error as Error).message}`);
    return null;
  }
}

async function expectBlob(
  repository: Repository,
  name: string,
  declared: { readonly bytes: number; readonly sha256: string; readonly wireBytes: number },
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of repository.plain(name)) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const found = [repository.sizeOf(name), bytes, hash.digest('hex')].join(', ');
  const wanted = [declared.wireBytes, declared.bytes, declared.sha256].join(', ');
  if (found !== wanted) throw new PublishError('VERIFY', `${name} was written as ${found}, declared as ${wanted}`);
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
