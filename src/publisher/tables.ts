/** Measures, writes and checks tables and deltas, streaming (format sections 3 to 5). Writes only through the repository. */
import { createHash } from 'node:crypto';
import { createGzip } from 'node:zlib';
import { applyDelta, diffRows } from '../bundle/delta.ts';
import { DomainSet } from '../bundle/domain-set.ts';
import type { DeltaEntry, TableEntry } from '../bundle/manifest.ts';
import { rowBlocks, type RowBlock, type RowStream } from '../bundle/rows.ts';
import { TableChecker } from '../bundle/table.ts';
import type { AtomicFile } from '../io/atomic-file.ts';
import { PublishError } from './errors.ts';
import type { Repository } from './repository.ts';

/** Level 6: level 9 takes three times as long for two per cent. */
const LEVEL = 6;

export interface Measure {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly domains: DomainSet;
}

const text = ({ bytes, starts, count }: RowBlock): Uint8Array => bytes.subarray(starts[0] ?? 0, starts[count] ?? 0);

/** Size, hash and domains of a table. @throws PublishError VERIFY if it is not canonical: a fault of the publisher. */
export function measure(blocks: Iterable<RowBlock>): Measure {
  const checker = new TableChecker();
  const hash = createHash('sha256');
  let bytes = 0;
  for (const block of blocks) {
    checker.push(block);
    hash.update(text(block));
    bytes += text(block).length;
  }
  const { fault, rows, domains } = checker;
  if (fault !== null) throw new PublishError('VERIFY', `row ${fault.row} of the new table ${fault.rule}`);
  return { rows, bytes, sha256: hash.digest('hex'), domains };
}

/** Compresses a table into files, all at once. @returns the size of the gzip member. */
export async function writeTable(blocks: Iterable<RowBlock>, files: readonly AtomicFile[]): Promise<number> {
  const gzip = createGzip({ level: LEVEL });
  let wireBytes = 0;
  gzip.on('data', (chunk: Buffer) => {
    wireBytes += chunk.length;
    for (const file of files) file.write(chunk);
  });
  try {
    const ended = new Promise((resolve, reject) => gzip.on('end', resolve).on('error', reject));
    for (const block of blocks)
      if (!gzip.write(text(block))) await new Promise((resolve) => gzip.once('drain', resolve));
    gzip.end();
    await ended;
    for (const file of files) file.commit();
    return wireBytes;
  } finally {
    for (const file of files) file.discard();
  }
}

/**
 * The delta from a kept table to the new one, written where it pays.
 * @returns null where it is not smaller than the table.
 */
export async function writeDelta(
  repository: Repository,
  from: string,
  blocks: Iterable<RowBlock>,
  table: { readonly sha256: string; readonly wireBytes: number },
): Promise<DeltaEntry | null> {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let bytes = 0;
  let wireBytes = 0;
  const gzip = createGzip({ level: 9 });
  gzip.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    wireBytes += chunk.length;
  });
  const ended = new Promise((resolve, reject) => gzip.on('end', resolve).on('error', reject));
  for await (const block of diffRows(repository.keptRows(from), streamed(blocks))) {
    hash.update(text(block));
    bytes += block.count === 0 ? 0 : text(block).length;
    if (!gzip.write(text(block))) await new Promise((resolve) => gzip.once('drain', resolve));
    if (wireBytes >= table.wireBytes) break;
  }
  gzip.end();
  await ended;
  if (wireBytes >= table.wireBytes) return null;
  const file = repository.blob(`${from}-${table.sha256}.delta.gz`);
  try {
    for (const chunk of chunks) file.write(chunk);
    file.commit();
  } finally {
    file.discard();
  }
  return { from, bytes, sha256: hash.digest('hex'), wireBytes };
}

export async function* streamed(blocks: Iterable<RowBlock>): AsyncGenerator<RowBlock> {
  yield* blocks;
}

/** Reads a published table and its deltas back as a gateway would. @throws PublishError VERIFY */
export async function verifyTable(repository: Repository, entry: TableEntry): Promise<void> {
  await expect(rowBlocks(repository.plain(`${entry.sha256}.gz`)), entry, 'the written table');
  for (const delta of entry.deltas) {
    const rows = applyDelta(
      repository.keptRows(delta.from),
      rowBlocks(repository.plain(`${delta.from}-${entry.sha256}.delta.gz`)),
    );
    await expect(rows, entry, 'what a written delta makes');
  }
}

async function expect(stream: RowStream, entry: TableEntry, what: string): Promise<void> {
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
      `${what} has ${rows} rows and SHA-256 ${found}, expected ${entry.rows} and ${entry.sha256}`,
    );
  }
}
