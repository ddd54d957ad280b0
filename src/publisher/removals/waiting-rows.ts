/**
 * Rows that a source no longer has and that stay in the list for a while (`remove_after`): in order, each with the
 * time when the source lost it. They are kept as lines `ROW TAB SECONDS`. Pure.
 */
import { compareBytes, cut, type RowStream } from '../../bundle/table/rows.ts';
import { diffRows } from '../../bundle/table/delta.ts';
import type { RowTable } from '../gather/row-table.ts';
import { RowCollection, type SortedRows } from '../gather/sorted-rows.ts';

const [TAB, LF, MINUS] = [0x09, 0x0a, 0x2d];

export interface WaitingRows {
  readonly rows: SortedRows;
  /** For each row, in milliseconds. */
  readonly since: Float64Array;
}

/** The most rows remembered for a source. The longest waiting are dropped first. */
const MAX_WAITING = 5_000_000;

export interface WaitingRules {
  /** Milliseconds that a row waits. */
  readonly delay: number;
  readonly now: Date;
  /** Whether the policy still allows such a row in the list. */
  readonly isAllowed: (row: string) => boolean;
}

export interface Waited {
  readonly waiting: WaitingRows;
  /** Whether it differs from what was kept. */
  readonly isNew: boolean;
  /** Whether the source's rows including the waiting ones differ from what was kept. */
  readonly hasOtherRows: boolean;
  /** How many of the longest waiting rows there was no room for. */
  readonly dropped: number;
}

export const NONE_WAITING: WaitingRows = { rows: new RowCollection().sorted(), since: new Float64Array(0) };

/**
 * What waits now.
 * @param before the rows that the source gave last, including those that waited then. Its errors pass through.
 * @param kept what waited then. A row that waits since a future time waits since now.
 */
export async function waitingNow(
  before: RowStream,
  given: RowTable,
  kept: WaitingRows,
  rules: WaitingRules,
  blocks: (rows: RowTable) => RowStream,
): Promise<Waited> {
  const next = new WaitingBuilder();
  const now = rules.now.getTime();
  let [at, hasOtherRows, isNew] = [0, false, false];
  for await (const { bytes, starts, count } of diffRows(before, blocks(given))) {
    for (let i = 0; i < count; i++) {
      const [start, end] = [(starts[i] ?? 0) + 1, (starts[i + 1] ?? 1) - 1];
      if (bytes[start - 1] !== MINUS) {
        hasOtherRows = true;
        continue;
      }
      at = kept.rows.seek(at, bytes, start, end);
      const isKept = at < kept.rows.rows && kept.rows.is(at, bytes, start, end);
      const since = isKept ? Math.min(kept.since[at] ?? now, now) : now;
      const stays = now - since < rules.delay && rules.isAllowed(Buffer.from(bytes.subarray(start, end)).toString());
      if (stays) next.add(bytes, start, end, since);
      else hasOtherRows = true;
      if (!stays || !isKept || since !== kept.since[at]) isNew = true;
    }
  }
  const { waiting, dropped } = next.done();
  return {
    waiting,
    isNew: isNew || dropped > 0 || waiting.rows.rows !== kept.rows.rows,
    hasOtherRows: hasOtherRows || dropped > 0,
    dropped,
  };
}

class WaitingBuilder {
  readonly #rows = new RowCollection();
  #since = new Float64Array(256);

  add(bytes: Uint8Array, start: number, end: number, since: number): void {
    const at = this.#rows.count;
    if (at === this.#since.length) {
      const larger = new Float64Array(at * 2);
      larger.set(this.#since);
      this.#since = larger;
    }
    this.#since[at] = since;
    this.#rows.room(end - start).set(bytes.subarray(start, end), this.#rows.next);
    this.#rows.added(end - start);
  }

  /** @returns the rows in the order in which they came, which is sorted order. */
  done(): { waiting: WaitingRows; dropped: number } {
    const all = { rows: this.#rows.sorted(), since: this.#since };
    const dropped = all.rows.rows - MAX_WAITING;
    if (dropped <= 0) return { waiting: { ...all, since: all.since.slice(0, all.rows.rows) }, dropped: 0 };
    const limit = all.since.slice(0, all.rows.rows).sort()[dropped] ?? 0;
    const left = new WaitingBuilder();
    let row = 0;
    for (const { bytes, starts, count } of all.rows.blocks()) {
      for (let i = 0; i < count; i++) {
        const since = all.since[row++] ?? 0;
        const isLeft = since > limit || (since === limit && left.#rows.count < MAX_WAITING);
        if (isLeft && left.#rows.count < MAX_WAITING) left.add(bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, since);
      }
    }
    return left.done();
  }
}

/** The lines to keep. */
export function waitingText({ rows, since }: WaitingRows): Uint8Array {
  const pieces: Buffer[] = [];
  let row = 0;
  for (const { bytes, starts, count } of rows.blocks()) {
    for (let i = 0; i < count; i++) {
      const text = Buffer.from(bytes.subarray(starts[i] ?? 0, (starts[i + 1] ?? 1) - 1)).toString();
      pieces.push(Buffer.from(`${text}\t${Math.floor((since[row++] ?? 0) / 1000)}\n`));
    }
  }
  return Buffer.concat(pieces);
}

/** Reads those lines. Null if one is malformed. @param text in pieces of whole lines. Its errors pass through. */
export async function readWaiting(text: AsyncIterable<Uint8Array>): Promise<WaitingRows | null> {
  const made = new WaitingBuilder();
  let previous: Uint8Array = new Uint8Array(0);
  for await (const piece of text) {
    const { bytes, starts, count } = cut(piece);
    for (let i = 0; i < count; i++) {
      const [start, end] = [starts[i] ?? 0, (starts[i + 1] ?? 1) - 1];
      const tab = bytes.lastIndexOf(TAB, end);
      const seconds = Buffer.from(bytes.subarray(tab + 1, end)).toString('latin1');
      const inOrder = compareBytes(previous, 0, previous.length, bytes, start, tab) < 0;
      if (tab <= start || bytes[end] !== LF || !/^[0-9]{1,12}$/.test(seconds) || !inOrder) return null;
      made.add(bytes, start, tab, Number(seconds) * 1000);
      previous = bytes.slice(start, tab);
    }
  }
  return made.done().waiting;
}
