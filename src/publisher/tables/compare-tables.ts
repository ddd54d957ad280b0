/**
 * Compares a new table with an earlier one, in one reading of the earlier one. Gives what the table loses, for the
 * guard, and the delta. Equal parts are compared in long pieces, never row by row. Pure.
 */
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { TableSize } from '../../bundle/offer/guard.ts';
import { MAX_ROW, RowCollector, type RowBlock } from '../../bundle/table/rows.ts';
import type { DomainLoss } from './loss-words.ts';
import { compareRows } from '../../bundle/table/multikey-quicksort.ts';
import type { RowTable } from '../gather/row-table.ts';
import { domainStart } from '../../bundle/address/row-domain.ts';

const [LF, PLUS, MINUS] = [0x0a, 0x2b, 0x2d];
/** Bytes compared at once. */
const PIECE = 2048;
/** After this many equal rows, whole pieces are tried again. */
const ALIKE = 3;
/** Bytes of a delta that are held in memory. A larger one is found again when it is needed. */
const MOST_DELTA = 2 ** 25;

export interface Change {
  readonly installed: TableSize;
  readonly removed: TableSize;
  /** Domains from which rows were removed. */
  readonly lost: readonly DomainLoss[];
  /**
   * The text of the delta; null if it is over half as large as the new table, or over MOST_DELTA: it would only fill
   * memory.
   */
  readonly delta: readonly RowBlock[] | null;
}

/**
 * @param base the earlier table's text, in pieces of whole rows. Its errors pass through.
 * @param domains those of `next`.
 */
export async function changeOf(base: AsyncIterable<Uint8Array>, next: RowTable, domains: DomainSet): Promise<Change> {
  const walk = new Walk(next);
  for await (const rows of base) walk.push(rows);
  walk.end();
  const { removed, addedAt, removedRows, delta } = walk;
  const lost = removed.sorted().map((id) => {
    const name = removed.name(id);
    const whole = domains.find(name, 0, name.length) < 0;
    return { domain: Buffer.from(name).toString(), rows: walk.removedOf[id] ?? 0, whole };
  });
  const gone = lost.filter(({ whole }) => whole).length;
  const come = newDomains(next, walk);
  return {
    installed: { rows: next.rows - addedAt.length + removedRows, domains: domains.size - come + gone },
    removed: { rows: removedRows, domains: gone },
    lost,
    delta,
  };
}

class Walk {
  readonly added = new DomainSet();
  readonly removed = new DomainSet();
  /** Where the added rows begin in the new table. */
  readonly addedAt: number[] = [];
  removedRows = 0;
  /** Keyed by the domain's number in `removed`. */
  readonly removedOf: number[] = [];
  delta: RowBlock[] | null = [];
  /** The new table is read in pieces of whole rows, one after the other. */
  readonly #pieces: Iterator<Uint8Array>;
  #next: Buffer = Buffer.alloc(0);
  /** Where the piece begins in the table, and how far it has been read. */
  #offset = 0;
  #at = 0;
  #out = new RowCollector();
  #room: number;

  constructor(next: RowTable) {
    this.#pieces = next.pieces()[Symbol.iterator]();
    this.#room = Math.min(MOST_DELTA, next.bytes / 2);
  }

  /** Goes on to the next piece of the new table; false at its end. */
  #load(): boolean {
    const { done, value } = this.#pieces.next();
    if (done === true) return false;
    this.#offset += this.#next.length;
    this.#next = asBuffer(value);
    this.#at = 0;
    return true;
  }

  /** Takes the next rows of the earlier table. */
  push(piece: Uint8Array): void {
    const rows = asBuffer(piece);
    let [i, j, next] = [0, this.#at, this.#next];
    /** If the piece of the new table has been read, goes on to the next one: both stand at the start of a row there. */
    const load = () => {
      if (j === next.length && this.#load()) [j, next] = [0, this.#next];
    };
    while (i < rows.length) {
      const from = i;
      for (;;) {
        load();
        const length = Math.min(PIECE, rows.length - i, next.length - j);
        if (length === 0 || rows.compare(next, j, j + length, i, i + length) !== 0) break;
        i += length;
        j += length;
      }
      // Go back to the start of the first row that differs. Everything before it is equal.
      const start = i > from ? Math.max(from, rows.lastIndexOf(LF, i - 1) + 1) : i;
      j -= i - start;
      i = start;
      for (let alike = 0; i < rows.length && alike < ALIKE;) {
        load();
        const order = j < next.length ? compareRows(rows, i, next, j) : -1;
        const [iEnd, jEnd] = [order <= 0 ? endOf(rows, i) : i, order >= 0 ? endOf(next, j) : j];
        if (order < 0) this.#remove(rows, i, iEnd);
        if (order > 0) this.#add(next, j, jEnd);
        alike = order === 0 ? alike + 1 : 0;
        if (order <= 0) i = iEnd + 1;
        if (order >= 0) j = jEnd + 1;
      }
    }
    this.#at = j;
  }

  /** The earlier table has ended: the rest of the new one is added. */
  end(): void {
    do {
      for (let end = 0; this.#at < this.#next.length; this.#at = end + 1) {
        end = endOf(this.#next, this.#at);
        this.#add(this.#next, this.#at, end);
      }
    } while (this.#load());
    this.delta?.push(this.#out.rest());
  }

  #add(bytes: Uint8Array, start: number, end: number): void {
    this.addedAt.push(this.#offset + start);
    this.added.add(bytes, domainStart(bytes, start, end), end, this.addedAt.length);
    this.#note(bytes, start, end, PLUS);
  }

  #remove(bytes: Uint8Array, start: number, end: number): void {
    this.removedRows++;
    const id = this.removed.add(bytes, domainStart(bytes, start, end), end, this.removedRows);
    this.removedOf[id] = (this.removedOf[id] ?? 0) + 1;
    this.#note(bytes, start, end, MINUS);
  }

  #note(bytes: Uint8Array, start: number, end: number, sign: number): void {
    if (this.delta === null) return;
    this.#room -= end - start + 2;
    // Such a long row means a damaged base, which its stream reports at the end.
    if (this.#room < 0 || end - start > MAX_ROW) {
      this.delta = null;
      return;
    }
    this.#out.add(bytes, start, end, sign);
    const block = this.#out.full();
    if (block !== null) this.delta.push(block);
  }
}

/** How many domains the earlier table did not have: those whose rows were all added. */
function newDomains(next: RowTable, { added, removed, addedAt }: Walk): number {
  const left = new Set<number>();
  for (let id = 0; id < added.size; id++) {
    const name = added.name(id);
    if (removed.find(name, 0, name.length) < 0) left.add(id);
  }
  let [number, position] = [0, 0];
  // Most domains have an unchanged row among their first.
  for (const { bytes, starts, count } of left.size === 0 ? [] : next.blocks()) {
    for (let i = 0; i < count && left.size > 0; i++) {
      const [start, end] = [starts[i] ?? 0, (starts[i + 1] ?? 1) - 1];
      if (addedAt[number] === position) number++;
      else left.delete(added.find(bytes, domainStart(bytes, start, end), end));
      position += end + 1 - start;
    }
    if (left.size === 0) break;
  }
  return left.size;
}

function endOf(bytes: Uint8Array, start: number): number {
  let end = start;
  while (bytes[end] !== LF) end++;
  return end;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
