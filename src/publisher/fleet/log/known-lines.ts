/**
 * Lines that were read before, with what they said. Of most lines of a log there was one that differed in nothing but
 * the time, and in numbers that say nothing. Such a line is not read: its bytes are compared with those of the one
 * before it, its time is read, and it is counted beside these bytes. What was counted is told later, for all such lines
 * together: in a log of many gateways the memory that a line touches costs more than what is done to it. A line that
 * is not exactly like one before it is not known. Pure.
 */
import { type Block, lineFeed } from './block.ts';
import type { Format } from './format.ts';
import { lineScan, type LineScan } from './line-scan.ts';
import { INPUT_BYTES } from './log-input.ts';
import { type LogLine, VARIES } from './log-line.ts';
import { LogClock } from './log-time.ts';

/** In this many lines one of eight must be known, or knowing lines costs more than it saves. */
const TRIAL = 1 << 15;
/** So many lines are then read without it. */
const PAUSE = 1 << 18;

const isTime = (kind: number): boolean => kind === VARIES.commonTime || kind === VARIES.time || kind === VARIES.seconds;

/** Is given what one line said, and of how many more that say the same the first time and the last, in seconds. */
export type Repeated<T> = (said: T, lines: number, first: number, last: number) => void;

/** @typeParam T what a line said */
export class KnownLines<T> {
  /** The whole memory: what is read goes to `input` and behind it. */
  readonly block: Block;
  readonly input: number;
  /** Of the last call of `pass`: how many lines it passed over, and the line feed of the line after them. */
  passed = 0;
  feed = 0;
  readonly #tell: Repeated<T>;
  readonly #scan: LineScan;
  readonly #said: (T | null)[];
  /** The memory as numbers of each size. */
  readonly #shorts: Uint16Array;
  readonly #ints: Int32Array;
  readonly #floats: Float64Array;
  #format: Format | null = null;
  /** Places are taken in turn: those that are used lie side by side. */
  #taken = 0;
  #tried = 0;
  #found = 0;
  #pause = 0;
  #isPaused = false;

  /**
   * @param seed of the hash: whoever writes lines must not choose their places. @param latest lines after it, in
   *   seconds since 1970, are not known. @param tell is called before a place is used again, and by `flush`.
   */
  constructor(seed: number, latest: number, tell: Repeated<T>) {
    this.#tell = tell;
    const clock = new LogClock();
    this.#scan = lineScan(
      INPUT_BYTES,
      (at) => clock.common(this.block, at),
      (from, to) => clock.any(this.block, from, to),
      seed,
      latest,
    );
    const { block, at } = this.#scan;
    this.block = block;
    this.input = at.INPUT;
    this.#said = Array.from({ length: at.PLACES }, () => null);
    const { buffer } = block.view;
    this.#shorts = new Uint16Array(buffer);
    this.#ints = new Int32Array(buffer);
    this.#floats = new Float64Array(buffer);
  }

  /** The lines that follow are of this format; those of another are forgotten. */
  use(format: Format): void {
    if (this.#format !== null && format !== this.#format) {
      const { at } = this.#scan;
      this.flush();
      this.#said.fill(null);
      this.#ints.fill(0, at.TABLE / 4, at.PLACE / 4);
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
    const at = this.#countsOf(place);
    const lines = this.#floats[at] ?? 0;
    if (said === null || lines === 0) return;
    this.#tell(said, lines, this.#floats[at + 1] ?? 0, this.#floats[at + 2] ?? 0);
    this.#floats[at] = 0;
  }

  #countsOf(place: number): number {
    const { PLACE, SIZE, COUNTS } = this.#scan.at;
    return (PLACE + place * SIZE + COUNTS) / 8;
  }

  /** Other bytes have come into the block. */
  changed(): void {
    this.#scan.changed();
    this.block.changed();
  }

  /**
   * Passes over lines that are known, and counts them, from `from` up to `end`. @returns where the first line begins
   * that is not; its line feed is `feed`, and `end` if it is not whole.
   */
  pass(from: number, end: number): number {
    this.#isPaused = this.#pause > 0;
    if (this.#isPaused) {
      this.#pause--;
      this.passed = 0;
      this.feed = lineFeed(this.block, from);
      return from;
    }
    const start = this.#scan.pass(from, end);
    const { FEED, PASSED } = this.#scan.at;
    this.feed = this.#ints[FEED / 4] ?? 0;
    this.passed = this.#ints[PASSED / 4] ?? 0;
    this.#tried += this.passed + 1;
    this.#found += this.passed;
    if (this.#tried >= TRIAL) {
      if (this.#found < this.#tried / 8) {
        this.#pause = PAUSE;
        this.#scan.changed();
      }
      this.#tried = this.#found = 0;
    }
    return start;
  }

  /** Remembers what the line said that `pass` returned last. */
  keep(line: LogLine, start: number, feed: number, said: T): void {
    const { HASH, SIZE, HEAD, KIND, PLACE, LEAST_BYTES } = this.#scan.at;
    if (this.#isPaused || feed - start < LEAST_BYTES) return;
    let times = 0;
    let end = feed + 1;
    for (let i = 0; i < line.varyingCount; i++) {
      const part = line.varying[i];
      if (part === undefined) break;
      if (isTime(part.kind)) times++;
      if (part.kind === VARIES.rest) end = part.start;
    }
    if (times !== 1 || end - start > SIZE - HEAD) return;
    const hash = this.#ints[HASH / 4] ?? 0;
    const way = this.#wayFor(hash);
    const place = (this.#ints[way + 1] || ++this.#taken) - 1;
    this.#flush(place);
    this.#ints[way] = hash;
    this.#ints[way + 1] = place + 1;
    const counts = this.#countsOf(place);
    this.#floats[counts] = 0;
    this.#floats[counts + 2] = line.time;
    const shorts = this.#shorts;
    const at = PLACE + place * SIZE;
    let head = at / 2;
    shorts[head++] = line.varyingCount;
    shorts[head++] = end - start;
    for (let i = 0; i < line.varyingCount; i++) {
      const part = line.varying[i];
      if (part === undefined) break;
      shorts[head++] = (part.start - start) | (part.kind << KIND);
      shorts[head++] = part.end - start;
    }
    this.block.bytes.copyWithin(at + HEAD, start, end);
    this.#said[place] = said;
  }

  /**
   * A free way; or, where two of them are this hash's already or none is free, the one whose last line is the oldest.
   * What a gateway says of its version changes, and what it said before must not lie about for the whole day.
   */
  #wayFor(hash: number): number {
    const { TABLE, PLACES, WAYS } = this.#scan.at;
    const ints = this.#ints;
    const first = TABLE / 4 + (hash & (PLACES / WAYS - 1)) * WAYS * 2;
    let free = -1;
    let same = 0;
    let oldest = -1;
    for (let way = first; way < first + WAYS * 2; way += 2) {
      if (ints[way + 1] === 0) free = free < 0 ? way : free;
      else if (ints[way] === hash) same++;
    }
    if (same < 2 && free >= 0) return free;
    for (let way = first; way < first + WAYS * 2; way += 2)
      if (
        (same < 2 || (ints[way] === hash && ints[way + 1] !== 0)) &&
        (oldest < 0 || this.#lastOf(way) < this.#lastOf(oldest))
      )
        oldest = way;
    return oldest;
  }

  #lastOf(way: number): number {
    return this.#floats[this.#countsOf((this.#ints[way + 1] ?? 1) - 1) + 2] ?? 0;
  }
}
