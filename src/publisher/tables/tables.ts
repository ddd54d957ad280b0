/**
 * Measures, writes and checks tables as streams (docs/bundle-format.md sections 3 and 4). Writes only through the
 * repository.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { TableChecker } from '../../bundle/table/table.ts';
import type { AtomicFile } from '../../io/atomic-file.ts';
import { collectAll } from '../../io/v8-collect.ts';
import { isUnreachable, PublishError } from '../errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { RowTable } from '../gather/row-table.ts';
import { chunksOf, type Content } from '../repository/content.ts';

/** What the manifest says of a plain text. */
export interface Measure {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly domains: DomainSet;
}

/** The text of a block. */
export const text = ({ bytes, starts, count }: RowBlock): Uint8Array =>
  bytes.subarray(starts[0] ?? 0, starts[count] ?? 0);

/**
 * Size, hash and domains of a table. @throws PublishError VERIFY if it is not canonical, which is a fault of the
 * publisher.
 */
export function measure(table: RowTable, sha256 = table.sha256): Measure {
  const checker = new TableChecker();
  for (const block of table.blocks()) checker.push(block);
  return measureOf(table, checker, sha256);
}

/** The same of a table that takes a while: other work, such as compressing it, goes on meanwhile. */
export async function measured(
  table: RowTable,
  sha256: string,
  expected: ConstructorParameters<typeof TableChecker>[0],
): Promise<Measure> {
  if (table.text !== null) return measure(table, sha256);
  collectAll(); // what gathering has left, before the set of the domains is made
  const checker = new TableChecker(expected);
  for (const block of table.blocks()) {
    checker.push(block);
    await turn();
  }
  return measureOf(table, checker, sha256);
}

function measureOf({ bytes }: RowTable, { fault, rows, domains }: TableChecker, sha256: string): Measure {
  if (fault !== null) throw new PublishError('VERIFY', `row ${fault.row} of the new table ${fault.rule}`);
  return { rows, bytes, sha256, domains };
}

/** Writes each file wholly or not at all. All are on disk when this returns. */
export function writeFiles(files: readonly AtomicFile[], content: Content): void {
  try {
    for (const file of files) for (const chunk of chunksOf(content)) file.write(chunk);
    for (const file of files) file.commit();
  } finally {
    for (const file of files) file.discard();
  }
}

/** Writes a whole table, published and kept. @returns the size of the published blob. */
export async function writeTable(repository: Repository, sha256: string, member: Content): Promise<number> {
  const size = await repository.putBlob(`${sha256}.gz`, member, sha256);
  writeFiles([repository.kept.keptTable(sha256)], member);
  return size;
}

/**
 * The size of a published blob if its plain text has this hash, else null. An existing blob is not rewritten: its
 * name promises that it never changes, and another zlib would compress the same text to other bytes. Null also where
 * other publishers delete what is old: putBlob looks at it there, and writes the same bytes again.
 */
export async function sizeOfSound(repository: Repository, name: string, sha256: string): Promise<number | null> {
  if (repository.store.leastAge > 0) return null;
  const size = await repository.sizeOf(name);
  if (size === null) return null;
  const hash = createHash('sha256');
  try {
    for await (const chunk of repository.plain(name)) hash.update(chunk);
  } catch (error) {
    if (isUnreachable(error)) throw error;
    return null; // damaged: the caller writes it again
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

/**
 * @returns the blob's text if the caller wants it, else nothing.
 * @throws PublishError VERIFY unless a published blob matches its declaration.
 */
export async function expectBlob(
  repository: Repository,
  name: string,
  declared: { readonly bytes: number; readonly sha256: string; readonly wireBytes: number },
  keep = false,
): Promise<Uint8Array[]> {
  const hash = createHash('sha256');
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of repository.plain(name)) {
    hash.update(chunk);
    bytes += chunk.length;
    if (keep && bytes <= declared.bytes) kept.push(chunk);
  }
  const found = [await repository.sizeOf(name), bytes, hash.digest('hex')].join(', ');
  const wanted = [declared.wireBytes, declared.bytes, declared.sha256].join(', ');
  if (found !== wanted) throw new PublishError('VERIFY', `${name} was written as ${found}, declared as ${wanted}`);
  return kept;
}
