/**
 * Collects rows in any order, more than there is memory for. As long as they fit, this is a RowCollection and no more.
 * Otherwise each full collection is sorted and written to disk as a run, and the runs are merged at the end: an
 * external merge sort (Knuth, The Art of Computer Programming, volume 3, section 5.4).
 */
import { createHash } from 'node:crypto';
import { domainStart } from '../../bundle/address/row-domain.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import type { ScratchFile } from '../../io/scratch-file.ts';
import { mergeRuns } from './merge-runs.ts';
import type { RowSpace } from './row-space.ts';
import type { RowTable } from './row-table.ts';
import { RowsOnDisk, type Extent } from './rows-on-disk.ts';
import { SortRoom } from './sort-rows.ts';
import { RowCollection } from './sorted-rows.ts';

export class RowRuns {
  /** Takes the rows. Whoever adds many calls `spillIfFull` now and then. */
  readonly rows = new RowCollection();
  readonly #space: RowSpace;
  readonly #limit: number;
  readonly #runs: Extent[] = [];
  #file: ScratchFile | null = null;
  #room = new SortRoom();

  /** @param limit bytes of rows that are collected in memory before the first run is written. */
  constructor(space: RowSpace, limit = space.limit) {
    this.#space = space;
    this.#limit = limit;
  }

  /** Reserves memory for this many bytes of rows, or for as many as may be in memory. */
  expect(bytes: number): void {
    if (this.#file === null) this.rows.expect(Math.min(bytes, this.#limit));
  }

  /** @throws HostError NO_SPACE, PublishError OUTPUT */
  spillIfFull(): void {
    if (this.rows.size > (this.#file === null ? this.#limit : this.#space.run)) this.#spill();
  }

  /** Adds the rows of a table. */
  addTable(table: RowTable): void {
    for (const block of table.blocks()) {
      this.rows.addBlock(block);
      this.spillIfFull();
    }
  }

  /** Adds the rows of another collection, which is given up. */
  addAll(other: RowRuns): void {
    for (const block of other.#blocks()) {
      this.rows.addBlock(block);
      this.spillIfFull();
    }
    if (other.#file !== null) this.#space.free(other.#file);
  }

  /** The local parts of all rows so far, for the domains that are asked for. */
  localParts(domains: ReadonlySet<string>): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const block of this.#blocks()) addLocalParts(block, domains, found);
    return found;
  }

  /** Every row once, in byte order. Empties the collection. @throws HostError NO_SPACE, PublishError OUTPUT */
  sorted(): RowTable {
    const file = this.#file;
    if (file === null) return this.rows.sorted();
    if (this.rows.count > 0) this.#spill();
    this.rows.shrink(0);
    this.#room = new SortRoom();
    this.#file = null;
    const runs = this.#runs.splice(0);
    const [only] = runs;
    if (only !== undefined && runs.length === 1) return new RowsOnDisk(file, only);
    const merged = stored(
      this.#space,
      runs.map((run) => new RowsOnDisk(file, run)),
    );
    this.#space.free(file);
    return merged;
  }

  /** Sorts what is in memory and writes it to disk. */
  #spill(): void {
    this.#file ??= this.#space.open();
    const file = this.#file;
    const from = this.#runs.at(-1)?.to ?? 0;
    this.rows.sortedRun(this.#room, (text, rows) => {
      this.#space.write(file, text);
      this.#runs.push({ from, to: from + text.length, rows });
    });
    // The first run is a large one. Those that follow do with less, also for the memory that sorting takes.
    if (this.#runs.length === 1) {
      this.rows.shrink(this.#space.run);
      this.#room = new SortRoom();
    }
  }

  *#blocks(): Generator<RowBlock> {
    yield* this.rows.blocks();
    const file = this.#file;
    if (file !== null) for (const run of this.#runs) yield* new RowsOnDisk(file, run).blocks();
  }
}

/**
 * A table that is kept until the publish ends: in memory if it is there and there is room for it.
 * @throws HostError NO_SPACE, PublishError OUTPUT
 */
export const settled = (space: RowSpace, table: RowTable): RowTable =>
  table.text === null || space.keeps(table.bytes) ? table : stored(space, [table]);

/** All rows of some tables, each once, as a table on disk. @throws HostError NO_SPACE, PublishError OUTPUT */
export function stored(space: RowSpace, tables: readonly RowTable[]): RowTable {
  const file = space.open();
  const hash = createHash('sha256');
  let [to, rows] = [0, 0];
  mergeRuns(
    tables.map((table) => table.pieces()),
    (text, count) => {
      space.write(file, text);
      hash.update(text);
      to += text.length;
      rows += count;
    },
  );
  return new RowsOnDisk(file, { from: 0, to, rows }, hash.digest('hex'));
}

function addLocalParts(
  { bytes, starts, count }: RowBlock,
  domains: ReadonlySet<string>,
  found: Map<string, string[]>,
): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < count; i++) {
    const [start, end] = [starts[i] ?? 0, (starts[i + 1] ?? 1) - 1];
    const from = domainStart(bytes, start, end);
    const domain = text.toString('utf8', from, end);
    if (!domains.has(domain)) continue;
    const local = text.toString('utf8', start, from - 1);
    const locals = found.get(domain);
    if (locals === undefined) found.set(domain, [local]);
    else locals.push(local);
  }
}
