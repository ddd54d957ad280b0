/**
 * Sorts rows from one buffer and drops duplicates. Most sources give rows that are nearly in order; long pieces of
 * these are copied. All others are sorted. Pure.
 */
import { compareRows, holdsLf, RowSort } from '../../bundle/table/multikey-quicksort.ts';

const LF = 0x0a;
/** Bytes that may be read or written past a row's end, because four bytes are moved at a time. */
export const SPARE = 4;
/** If more than one row in this many is out of order, all rows are sorted. */
const FEW = 16;
/** Fewer rows than this are close enough in memory to be sorted at once. */
const SMALL = 4096;

/**
 * LF-ended rows, one after the other in `bytes`, which has SPARE bytes after the last. `starts` has one more entry
 * than there are rows: the end.
 */
export interface Heap {
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
}

/** Rows in order, without gaps. `starts` as above. */
export interface Ordered {
  readonly text: Uint8Array;
  readonly starts: Int32Array;
}

/** What sorting takes besides the heap. Whoever sorts heap after heap hands in the same room, and keeps no result. */
export class SortRoom {
  #text = new Uint8Array(0);
  #places = new Int32Array(0);
  #keys = new Uint32Array(0);

  text(bytes: number): Uint8Array {
    if (this.#text.length < bytes) this.#text = new Uint8Array(bytes);
    return this.#text;
  }

  places(count: number): Int32Array {
    if (this.#places.length < count) this.#places = new Int32Array(count);
    return this.#places.subarray(0, count);
  }

  keys(count: number): Uint32Array {
    if (this.#keys.length < count) this.#keys = new Uint32Array(count);
    return this.#keys;
  }
}

/** May overwrite the heap's bytes. Do not use the heap afterwards. */
export function ordered(heap: Heap, room = new SortRoom()): Ordered {
  return nearlyOrdered(heap, room) ?? (heap.starts.length < SMALL ? sortedInPlace(heap) : sorted(heap, room));
}

/** Null if more than a few rows are out of order. */
function nearlyOrdered({ bytes, starts }: Heap, room: SortRoom): Ordered | null {
  const count = starts.length - 1;
  const end = starts[count] ?? 0;
  const may = Math.floor(count / FEW);
  // Each row must be above the last row in order. An equal row is dropped; a lower one is loose.
  const loose: number[] = [];
  const dropped: number[] = [];
  let last = starts[0] ?? 0;
  for (let i = 1; i < count; i++) {
    const start = starts[i] ?? 0;
    const order = compareRows(bytes, last, bytes, start);
    if (order < 0) {
      last = start;
      continue;
    }
    if (order > 0) loose.push(start);
    dropped.push(i);
    if (dropped.length > may) return null;
  }
  if (dropped.length === 0) return { text: bytes.subarray(0, end), starts };
  return inserted({ bytes, starts }, dropped, Int32Array.from(loose), room);
}

/** @param dropped numbers of the rows that are not in order. @param loose where those begin that must be inserted. */
function inserted({ bytes, starts }: Heap, dropped: readonly number[], loose: Int32Array, room: SortRoom): Ordered {
  new RowSort(bytes, loose).sort(0, loose.length, 0);
  const text = room.text(starts[starts.length - 1] ?? 0);
  const places = room.places(starts.length);
  let [used, rows, next] = [0, 0, 0];
  /** Copies rows `from` up to `to`, which are in order. */
  const copy = (from: number, to: number) => {
    const start = starts[from] ?? 0;
    text.set(bytes.subarray(start, starts[to] ?? 0), used);
    for (let i = from; i < to; i++) places[rows++] = used + (starts[i] ?? 0) - start;
    used += (starts[to] ?? 0) - start;
  };
  // A loose row goes before the first row in order that is above it, unless that row is equal to one already there.
  const piece = (first: number, past: number) => {
    let from = first;
    while (next < loose.length && from < past) {
      const row = loose[next] ?? 0;
      let [low, high] = [from, past];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (compareRows(bytes, starts[middle] ?? 0, bytes, row) < 0) low = middle + 1;
        else high = middle;
      }
      copy(from, low);
      from = low;
      if (low === past) break; // it goes into a later piece, or to the end
      if (compareRows(bytes, starts[low] ?? 0, bytes, row) !== 0) single(row);
      else skip(row);
    }
    copy(from, past);
  };
  const single = (row: number) => {
    const end = bytes.indexOf(LF, row) + 1;
    text.set(bytes.subarray(row, end), used);
    places[rows++] = used;
    used += end - row;
    skip(row);
  };
  /** Goes on to the next loose row that differs. */
  const skip = (row: number) => {
    do next++;
    while (next < loose.length && compareRows(bytes, row, bytes, loose[next] ?? 0) === 0);
  };
  let from = 0;
  for (const number of dropped) {
    piece(from, number);
    from = number + 1;
  }
  piece(from, starts.length - 1);
  while (next < loose.length) single(loose[next] ?? 0);
  places[rows] = used;
  return { text: text.subarray(0, used), starts: places.subarray(0, rows + 1) };
}

function sortedInPlace({ bytes, starts }: Heap): Ordered {
  const count = starts.length - 1;
  const text = new Uint8Array((starts[count] ?? 0) + SPARE);
  const order = starts.slice();
  new RowSort(bytes, order).sort(0, count, 0);
  return collected(bytes, order, count, text);
}

/** Groups rows by their first two bytes, so that rows sorted together lie together. Then sorts each group. */
function sorted({ bytes, starts }: Heap, room: SortRoom): Ordered {
  const count = starts.length - 1;
  const end = starts[count] ?? 0;
  const [sizes, counts] = [new Int32Array(65536), new Int32Array(65536)];
  const place = (start: number) => ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const at = place(start);
    sizes[at] = (sizes[at] ?? 0) + (starts[i + 1] ?? 0) - start;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const [ends, firsts] = [new Int32Array(65536), new Int32Array(65536)];
  let [used, before] = [0, 0];
  for (let at = 0; at < 65536; at++) {
    ends[at] = used;
    firsts[at] = before;
    if (counts[at] === 0) continue;
    used += (sizes[at] ?? 0) + SPARE;
    before += counts[at] ?? 0;
  }
  const near = room.text(used + SPARE);
  const order = room.places(count + 1);
  move({ bytes, starts }, place, near, ends, firsts, order);
  const sort = new RowSort(near, order, room.keys(count + 1));
  for (let at = 0, from = 0; at < 65536; at++) {
    const size = counts[at] ?? 0;
    if ((at & 0xff) !== LF) sort.sort(from, from + size, 2); // else all are one byte long and equal
    from += size;
  }
  const text = bytes.subarray(0, end + SPARE); // every row has been moved out
  return collected(near, order, count, text);
}

/** Moves each row to its group. `ends` and `firsts` count on. */
function move(
  { bytes, starts }: Heap,
  place: (start: number) => number,
  near: Uint8Array,
  ends: Int32Array,
  firsts: Int32Array,
  order: Int32Array,
): void {
  const [from, into] = [viewOf(bytes), viewOf(near)];
  const count = starts.length - 1;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const length = (starts[i + 1] ?? 0) - start;
    const at = place(start);
    const to = ends[at] ?? 0;
    const number = firsts[at] ?? 0;
    ends[at] = to + length;
    firsts[at] = number + 1;
    order[number] = to;
    // Writes up to three bytes too many: the next row overwrites them, or they are spare.
    for (let j = 0; j < length; j += 4) into.setUint32(to + j, from.getUint32(start + j));
  }
}

/** Copies each row once, in this order, without gaps. @param order has room for one more entry and is overwritten. */
function collected(bytes: Uint8Array, order: Int32Array, count: number, text: Uint8Array): Ordered {
  const [from, into] = [viewOf(bytes), viewOf(text)];
  let [rows, used, previous] = [0, 0, -1];
  for (let i = 0; i < count; i++) {
    const start = order[i] ?? 0;
    if (previous >= 0 && isSame(from, previous, start)) continue;
    order[rows] = used;
    let at = start;
    for (;;) {
      const four = from.getUint32(at);
      into.setUint32(used, four);
      if (holdsLf(four)) break;
      at += 4;
      used += 4;
    }
    while (text[used++] !== LF);
    rows++;
    previous = start;
  }
  order[rows] = used;
  return { text: text.subarray(0, used), starts: order.subarray(0, rows + 1) };
}

/** Whether two rows are equal. Four bytes may be read past their ends. */
function isSame(view: DataView, a: number, b: number): boolean {
  for (let i = 0; ; i += 4) {
    const [x, y] = [view.getUint32(a + i), view.getUint32(b + i)];
    if (holdsLf(x)) return endsAlike(x, y);
    if (x !== y) return false;
  }
}

/** Whether both are equal up to the first LF of `x`. */
function endsAlike(x: number, y: number): boolean {
  for (let shift = 24; shift >= 0; shift -= 8) {
    const byte = (x >>> shift) & 0xff;
    if (byte !== ((y >>> shift) & 0xff)) return false;
    if (byte === LF) break;
  }
  return true;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
