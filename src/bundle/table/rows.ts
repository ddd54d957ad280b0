/**
 * Sorted rows as a stream of blocks: one buffer and one typed array of row starts a block, so that a million rows
 * are never a million JavaScript objects. Pure: bytes in, blocks out.
 */
import { TableError } from '../../errors.ts';

/** The longest row in bytes, without its LF (section 4). */
export const MAX_ROW = 512;
const LF = 0x0a;

/**
 * `count` whole rows. Row i is `bytes[starts[i] .. starts[i + 1] - 1)`; the byte before `starts[i + 1]` is its LF.
 * A block of a stream is good until the next one is asked for: its memory is used again.
 */
export interface RowBlock {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly count: number;
}

export type RowStream = AsyncIterable<RowBlock>;

/**
 * Cuts a text into blocks of whole rows, chunk by chunk, each in the memory of the one before. Holds at most one
 * partial row.
 */
export class RowSplitter {
  /** The first row too long to be one, or without its LF; nothing is given after it. */
  fault: { readonly row: number; readonly rule: string } | null = null;
  #bytes: Buffer = Buffer.alloc(0);
  #starts: Int32Array = new Int32Array(1024);
  /** Where the row begins that is not whole yet, and where it ends so far. */
  #rest = 0;
  #end = 0;
  #rows = 0;

  push(chunk: Uint8Array): RowBlock {
    if (this.fault !== null) return { bytes: this.#bytes, starts: new Int32Array(1), count: 0 };
    this.#append(chunk);
    const block = cut(this.#bytes.subarray(0, this.#end), this.#starts);
    this.#starts = block.starts;
    this.#rest = block.starts[block.count] ?? 0;
    this.#rows += block.count;
    // One byte more than a row may have: the rows of a delta carry a sign.
    if (this.#end - this.#rest > MAX_ROW + 1)
      this.fault = { row: this.#rows + 1, rule: `is longer than ${MAX_ROW} bytes` };
    return block;
  }

  /** Puts what is left of the last chunk, and then this one, at the beginning of the memory. */
  #append(chunk: Uint8Array): void {
    const kept = this.#end - this.#rest;
    this.#end = kept + chunk.length;
    const from = this.#bytes;
    if (this.#end > from.length) this.#bytes = Buffer.allocUnsafeSlow(this.#end + MAX_ROW);
    from.copy(this.#bytes, 0, this.#rest, this.#rest + kept);
    this.#bytes.set(chunk, kept);
  }

  end(): void {
    if (this.#end > this.#rest) this.fault ??= { row: this.#rows + 1, rule: 'is the last one and has no LF' };
  }
}

/**
 * A text's blocks of whole rows.
 * @throws TableError NOT_CANONICAL for a row too long to be one or without its LF; what is inside a row is the
 * checker's.
 */
export async function* rowBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RowBlock> {
  const splitter = new RowSplitter();
  for await (const chunk of chunks) {
    const block = splitter.push(chunk);
    if (block.count > 0) yield block;
    if (splitter.fault !== null) break;
  }
  splitter.end();
  const { fault } = splitter;
  if (fault !== null) throw new TableError('NOT_CANONICAL', `row ${fault.row} ${fault.rule}`);
}

/**
 * The whole rows of a text as one block that shares its memory. @param room for the starts; more is taken where it
 * does not do.
 */
export function cut(bytes: Uint8Array, room: Int32Array = new Int32Array(Math.max(16, bytes.length >>> 4))): RowBlock {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length); // whose indexOf is the fast one
  let starts = room;
  let count = 0;
  starts[0] = 0;
  for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, at + 1)) {
    count++;
    if (count === starts.length) starts = grown(starts);
    starts[count] = at + 1;
  }
  return { bytes, starts, count };
}

function grown(starts: Int32Array): Int32Array {
  const larger = new Int32Array(starts.length * 2);
  larger.set(starts);
  return larger;
}

/** Negative, zero or positive as row a sorts before, with or after row b: by bytes, a prefix first. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const shared = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < shared; i++) {
    const difference = (a[aStart + i] ?? 0) - (b[bStart + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

/**
 * Walks a stream row by row; waits only where a block ends. `cursor.step() || (await cursor.load())` is the next
 * row.
 */
export class RowCursor {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** No row is left. */
  ended = false;
  readonly #blocks: AsyncIterator<RowBlock>;
  #block: RowBlock = { bytes: this.bytes, starts: new Int32Array(1), count: 0 };
  #index = 0;

  constructor(rows: RowStream) {
    this.#blocks = rows[Symbol.asyncIterator]();
  }

  /** Moves on within the block; false at its end. */
  step(): boolean {
    this.#index++;
    return this.#place();
  }

  /** Takes the next block and stands on its first row; false at the end of the stream. */
  async load(): Promise<boolean> {
    for (;;) {
      const next = await this.#blocks.next();
      if (next.done === true) {
        this.ended = true;
        return false;
      }
      this.#block = next.value;
      this.#index = 0;
      this.bytes = next.value.bytes;
      if (this.#place()) return true;
    }
  }

  /**
   * Copies the rows from here on that are before `bytes[start .. end)`, this one at least, and as many as fit; then
   * stands behind them.
   * @returns false at the end of the block.
   */
  copyBefore(out: RowCollector, bytes: Uint8Array, start: number, end: number): boolean {
    const { bytes: own, starts } = this.#block;
    const isBefore = (i: number): boolean =>
      compareBytes(own, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, bytes, start, end) < 0;
    // In steps that double, then by halves: a near end is found at once, a far one soon.
    let last = this.#index;
    let step = 1;
    for (; last + step < this.#block.count && isBefore(last + step); step *= 2) last += step;
    for (; step > 0; step >>>= 1) if (last + step < this.#block.count && isBefore(last + step)) last += step;
    return this.#copyTo(out, last + 1);
  }

  /** As `copyBefore`, to the end of the block. */
  copyAll(out: RowCollector): boolean {
    return this.#copyTo(out, this.#block.count);
  }

  #copyTo(out: RowCollector, to: number): boolean {
    this.#index += out.addRun(this.#block, this.#index, to);
    return this.#place();
  }

  /** Ends the stream before its end. */
  async close(): Promise<void> {
    await this.#blocks.return?.();
  }

  #place(): boolean {
    const { starts, count } = this.#block;
    if (this.#index >= count) return false;
    this.start = starts[this.#index] ?? 0;
    this.end = (starts[this.#index + 1] ?? 1) - 1;
    return true;
  }
}

/** The same for two rows of one buffer, four bytes at a time. */
export function compareWithin(view: DataView, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const shared = Math.min(aEnd - aStart, bEnd - bStart);
  let i = 0;
  for (; i + 4 <= shared; i += 4) {
    const difference = view.getUint32(aStart + i) - view.getUint32(bStart + i);
    if (difference !== 0) return difference;
  }
  for (; i < shared; i++) {
    const difference = view.getUint8(aStart + i) - view.getUint8(bStart + i);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}

const BLOCK = 256 * 1024;

/** Collects rows into blocks. `add` and then take `full()` whenever it gives a block; `rest()` at the end. */
export class RowCollector {
  #bytes: Uint8Array = Buffer.allocUnsafeSlow(BLOCK);
  #starts: Int32Array = new Int32Array(BLOCK >>> 4);
  #count = 0;
  #used = 0;
  readonly #reuses: boolean;

  /**
   * @param memory `reused`: a block is good until the next one is asked for. `its own`: it may be kept.
   */
  constructor(memory: 'its own' | 'reused' = 'its own') {
    this.#reuses = memory === 'reused';
  }

  /** Adds a row, with `prefix` (a byte) before it when that is not negative. */
  add(bytes: Uint8Array, start: number, end: number, prefix = -1): void {
    if (end - start > MAX_ROW) throw new TableError('NOT_CANONICAL', `a row is longer than ${MAX_ROW} bytes`);
    const into = this.#bytes;
    let used = this.#used;
    if (prefix >= 0) into[used++] = prefix;
    for (let i = start; i < end; i++) into[used++] = bytes[i] ?? 0;
    into[used++] = LF;
    this.#used = used;
    this.#count++;
    if (this.#count + 1 >= this.#starts.length) this.#starts = grown(this.#starts);
    this.#starts[this.#count] = used;
  }

  /** Adds a row that an LF follows. */
  addLine(bytes: Uint8Array, start: number): void {
    this.add(bytes, start, bytes.indexOf(LF, start));
  }

  /**
   * Adds rows `from` to `to` of a block, or as many of them as there is room for: one at least, where `full` was
   * asked before.
   */
  addRun({ bytes, starts }: RowBlock, from: number, to: number): number {
    const first = starts[from] ?? 0;
    const room = BLOCK - this.#used;
    let count = to - from;
    while (count > 0 && (starts[from + count] ?? 0) - first > room) count >>>= 1;
    if (count === 0) throw new TableError('NOT_CANONICAL', `a row is longer than ${MAX_ROW} bytes`);
    const shift = this.#used - first;
    this.#bytes.set(bytes.subarray(first, starts[from + count]), this.#used);
    while (this.#count + count >= this.#starts.length) this.#starts = grown(this.#starts);
    for (let i = 1; i <= count; i++) this.#starts[this.#count + i] = (starts[from + i] ?? 0) + shift;
    this.#count += count;
    this.#used = this.#starts[this.#count] ?? 0;
    return count;
  }

  full(): RowBlock | null {
    return this.#used > BLOCK - MAX_ROW - 2 ? this.rest() : null;
  }

  rest(): RowBlock {
    const block = { bytes: this.#bytes.subarray(0, this.#used), starts: this.#starts, count: this.#count };
    if (!this.#reuses) {
      this.#bytes = Buffer.allocUnsafeSlow(BLOCK);
      this.#starts = new Int32Array(BLOCK >>> 4);
    }
    this.#count = 0;
    this.#used = 0;
    return block;
  }
}
