/**
 * Lines that were read before, with what they said. Of most lines of a log there was one that differed in nothing but
 * the time, and in numbers that say nothing. Such a line is not read: its bytes are compared with those of the one
 * before it, its time is read, and it is counted beside these bytes. What was counted is told later, for all such lines
 * together: in a log of many gateways the memory that a line touches costs more than what is done to it. A line that
 * is not exactly like one before it is not known. Pure.
 */
import { Block, isSame } from './block.ts';
import type { Format } from './format.ts';
import { type LogLine, VARIES } from './log-line.ts';
import { LogClock } from './log-time.ts';

/** Places for lines, and four ways to them for each hash. */
const PLACES = 1 << 15;
const WAYS = 4;
/**
 * Bytes of a place. First a head of 16 numbers (how many parts vary, the length, where they begin and end), then three
 * larger ones: how many lines were like this one, their first time and their last.
 */
const SIZE = 512;
const COUNTS = 32;
const HEAD = COUNTS + 24;
const MOST_BYTES = SIZE - HEAD;
/** Where a part begins is in the lower bits of its number, of what kind it is in the upper ones. */
const KIND = 12;
const OFFSET = (1 << KIND) - 1;
/** Shorter lines are always read. */
const LEAST_BYTES = 96;
/**
 * The hash is of the first bytes, which have the address, and of the name that ends with the last `)` and begins after
 * a `=`; where there is none, of so many bytes.
 */
const HASHED = 64;
const HASHED_FIRST = 16;
/** How far the last `)` may be from the end of the line. */
const TAIL = 384;

/** In this many lines one of eight must be known, or knowing lines costs more than it saves. */
const TRIAL = 1 << 15;
/** So many lines are then read without it. */
const PAUSE = 1 << 18;

/** What bytes a run may have: 1 those of `digits`, 2 those of `word`. */
const CLASSES = Uint8Array.from(
  { length: 256 },
  (_, c) => (c > 0x20 ? 2 : 0) | ((c >= 0x30 && c <= 0x39) || c === 0x2e ? 1 : 0),
);

const isTime = (kind: number): boolean => kind === VARIES.commonTime || kind === VARIES.time || kind === VARIES.seconds;

/** Is given what one line said, and of how many more that say the same the first time and the last, in seconds. */
export type Repeated<T> = (said: T, lines: number, first: number, last: number) => void;

/** @typeParam T what a line said */
export class KnownLines<T> {
  readonly #seed: number;
  readonly #latest: number;
  readonly #tell: Repeated<T>;
  readonly #clock = new LogClock();
  #format: Format | null = null;
  #time = 0;
  readonly #block: Block = new Block(PLACES * SIZE);
  readonly #heads = new Uint16Array(this.#block.bytes.buffer, this.#block.bytes.byteOffset, (PLACES * SIZE) / 2);
  readonly #counts = new Float64Array(this.#block.bytes.buffer, this.#block.bytes.byteOffset, (PLACES * SIZE) / 8);
  readonly #hashes = new Int32Array(PLACES);
  readonly #said: (T | null)[] = Array.from({ length: PLACES }, () => null);
  /** The place for each way of each hash, plus 1. Places are taken in turn: those that are used lie side by side. */
  readonly #places = new Int32Array(PLACES);
  #taken = 0;
  #hash = 0;
  #isHashed = false;
  #tried = 0;
  #found = 0;
  #pause = 0;

  /**
   * @param seed of the hash: whoever writes lines must not choose their places. @param latest lines after it, in
   *   seconds since 1970, are not known. @param tell is called before a place is used again, and by `flush`.
   */
  constructor(seed: number, latest: number, tell: Repeated<T>) {
    this.#seed = seed | 0;
    this.#latest = latest;
    this.#tell = tell;
  }

  /** The lines that follow are of this format; those of another are forgotten. */
  use(format: Format): void {
    if (this.#format !== null && format !== this.#format) {
      this.flush();
      this.#said.fill(null);
      this.#places.fill(0);
      this.#taken = 0;
    }
    this.#format = format;
    this.#tried = this.#found = this.#pause = 0;
  }

  /** Tells of all lines that were not told of yet. */
  flush(): void {
    for (let place = 0; place < this.#taken; place++) this.#flush(place);
  }

  #flush(place: number): void {
    const said = this.#said[place] ?? null;
    const at = (place * SIZE + COUNTS) / 8;
    const lines = this.#counts[at] ?? 0;
    if (said === null || lines === 0) return;
    this.#tell(said, lines, this.#counts[at + 1] ?? 0, this.#counts[at + 2] ?? 0);
    this.#counts[at] = 0;
  }

  /** Whether the line [start, feed) is known; then it is counted. `feed` is its line feed. */
  count(block: Block, start: number, feed: number): boolean {
    this.#isHashed = false;
    if (this.#pause > 0) {
      this.#pause--;
      return false;
    }
    if (feed - start < LEAST_BYTES) return false;
    if (++this.#tried === TRIAL) {
      if (this.#found < TRIAL / 8) this.#pause = PAUSE;
      this.#tried = this.#found = 0;
    }
    const hash = this.#hashOf(block, start, feed);
    this.#hash = hash;
    this.#isHashed = true;
    const first = (hash & (PLACES / WAYS - 1)) * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      if (this.#hashes[way] !== hash) continue;
      const place = (this.#places[way] ?? 0) - 1;
      if (place < 0 || !this.#isAt(place, block, start, feed)) continue;
      const time = this.#time;
      if (time > this.#latest) return false;
      this.#found++;
      const counts = this.#counts;
      const at = (place * SIZE + COUNTS) / 8;
      const lines = counts[at] ?? 0;
      counts[at] = lines + 1;
      if (lines === 0 || time < (counts[at + 1] ?? 0)) counts[at + 1] = time;
      if (lines === 0 || time > (counts[at + 2] ?? 0)) counts[at + 2] = time;
      return true;
    }
    return false;
  }

  /** Remembers what the line said that was looked for last, and not found. */
  keep(line: LogLine, start: number, feed: number, said: T): void {
    if (!this.#isHashed) return;
    let times = 0;
    let end = feed + 1;
    for (const { kind, start: from } of line.parts()) {
      if (isTime(kind)) times++;
      if (kind === VARIES.rest) end = from;
    }
    if (times !== 1 || end - start > MOST_BYTES) return;
    const way = this.#wayFor(this.#hash);
    const place = (this.#places[way] || ++this.#taken) - 1;
    this.#flush(place);
    this.#places[way] = place + 1;
    const counts = (place * SIZE + COUNTS) / 8;
    this.#counts[counts] = 0;
    this.#counts[counts + 2] = line.time;
    const heads = this.#heads;
    let head = place * (SIZE / 2);
    heads[head++] = line.varyingCount;
    heads[head++] = end - start;
    for (const { kind, start: from, end: to } of line.parts()) {
      heads[head++] = (from - start) | (kind << KIND);
      heads[head++] = to - start;
    }
    line.block.bytes.copy(this.#block.bytes, place * SIZE + HEAD, start, end);
    this.#hashes[way] = this.#hash;
    this.#said[place] = said;
  }

  /**
   * A free way; or, where two of them are this hash's already or none is free, the one whose last line is the oldest.
   * What a gateway says of its version changes, and what it said before must not lie about for the whole day.
   */
  #wayFor(hash: number): number {
    const first = (hash & (PLACES / WAYS - 1)) * WAYS;
    const ways = [first, first + 1, first + 2, first + 3];
    const same = ways.filter((way) => this.#places[way] !== 0 && this.#hashes[way] === hash);
    const free = ways.find((way) => this.#places[way] === 0);
    if (same.length < 2 && free !== undefined) return free;
    const last = (way: number) => this.#counts[(((this.#places[way] ?? 1) - 1) * SIZE + COUNTS) / 8 + 2] ?? 0;
    return (same.length < 2 ? ways : same).reduce((oldest, way) => (last(way) < last(oldest) ? way : oldest));
  }

  #isAt(place: number, block: Block, start: number, feed: number): boolean {
    const ours = this.#block;
    const heads = this.#heads;
    const { bytes: b } = block;
    const bytes = place * SIZE + HEAD;
    let head = place * (SIZE / 2);
    const count = heads[head++] ?? 0;
    const length = heads[head++] ?? 0;
    let known = 0;
    let at = start;
    for (let i = 0; i < count; i++) {
      const begins = heads[head++] ?? 0;
      const ends = heads[head++] ?? 0;
      const kind = begins >> KIND;
      const same = (begins & OFFSET) - known;
      if (at + same > feed || !isSame(ours, bytes + known, block, at, same)) return false;
      at += same;
      if (kind === VARIES.rest) return true;
      const from = at;
      if (kind === VARIES.commonTime || kind === VARIES.time) at += ends - (begins & OFFSET);
      else {
        const run = kind === VARIES.word ? 2 : 1;
        while (((CLASSES[b[at] ?? 0] ?? 0) & run) !== 0) at++;
      }
      if (at === from || at > feed) return false;
      if (isTime(kind)) {
        const clock = this.#clock;
        this.#time = kind === VARIES.commonTime ? clock.common(block, from) : clock.any(block, from, at);
        if (Number.isNaN(this.#time)) return false;
      }
      known = ends;
    }
    return at + length - known === feed + 1 && isSame(ours, bytes + known, block, at, length - known);
  }

  #hashOf({ bytes, view }: Block, start: number, feed: number): number {
    const least = start + HASHED_FIRST;
    const last = Math.max(least, feed - TAIL);
    let end = feed - 1;
    while (end > last && bytes[end] !== 0x29) end--;
    if (end === last) end = feed;
    let from = end - 1;
    while (from > end - HASHED && from > least && bytes[from] !== 0x3d) from--;
    let hash = this.#seed;
    for (let i = start; i < least; i += 4) hash = mixed(hash, view.getInt32(i, true));
    for (let i = end - 4; i > from; i -= 4) hash = mixed(hash, view.getInt32(i, true));
    hash = mixed(hash, view.getInt32(from, true));
    return hash ^ (hash >>> 15);
  }
}

const mixed = (hash: number, word: number): number => Math.imul(((hash << 13) | (hash >>> 19)) ^ word, 0x5bd1e995);
