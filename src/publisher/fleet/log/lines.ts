/**
 * Cuts blocks of bytes into lines, and reads them. A block is filled again and again. A line that is too long is passed
 * over. A last line without its line feed may still be being written: it counts if it is whole.
 */
import { PublishError } from '../../errors.ts';
import { Block, lineFeed } from './block.ts';
import { formatOf, LOOKS, readerOf, type Format } from './format.ts';
import type { KnownLines } from './known-lines.ts';
import { BLOCK, halves, INPUT_BYTES, MOST_LINE } from './log-input.ts';
import { LogLine, type ReadLine } from './log-line.ts';

const QUOTE = 0x22;
/** So many lines may come before the first that is one of the format. */
const MOST_BEFORE = 100;

export interface LogCounts {
  lines: number;
  /** Lines that are none of the format, and the number of the first. */
  unread: number;
  firstUnread: number;
  tooLong: number;
  /** The last line has no line feed. */
  unfinished: number;
}

export class Lines<T> {
  readonly counts: LogCounts = { lines: 0, unread: 0, firstUnread: 0, tooLong: 0, unfinished: 0 };
  readonly #name: string;
  readonly #given: Format | null;
  readonly #take: (line: LogLine) => T;
  readonly #known: KnownLines<NonNullable<T>> | null;
  readonly #line = new LogLine();
  readonly #block: Block;
  /** Where the next bytes go in each half. */
  readonly #halves: readonly [number, number];
  #half: 0 | 1 = 0;
  #read: ReadLine | null = null;
  #format: Format | null;
  #good = 0;
  /** Bytes of a line that is not whole yet, and where they end: where the next bytes go. */
  #kept = 0;
  #keptEnd = 0;
  /** The line is too long: pass over all up to its end. */
  #isSkipping = false;
  /** Whether a line names a certificate or a token. */
  #saysWho = false;

  constructor(
    name: string,
    format: Format | null,
    take: (line: LogLine) => T,
    known: KnownLines<NonNullable<T>> | null,
  ) {
    this.#name = name;
    this.#given = format;
    this.#format = format;
    this.#take = take;
    this.#known = known;
    this.#block = known?.block ?? new Block(INPUT_BYTES);
    this.#halves = halves(known?.input ?? 0);
    if (format !== null) this.#start(format);
  }

  #start(format: Format): void {
    this.#format = format;
    this.#read = readerOf(format);
    this.#known?.use(format);
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const space = this.space();
      const part = chunk.subarray(at, at + space.length);
      space.set(part);
      this.filled(space, part.length);
      at += part.length;
    }
  }

  /** Where the next bytes go. What `space` gave before stays as it is until `filled` was called for this one. */
  space(): Uint8Array {
    const at = this.#halves[this.#half];
    this.#half = this.#half === 0 ? 1 : 0;
    return this.#block.bytes.subarray(at, at + BLOCK);
  }

  /** `count` bytes were put into a space. */
  filled(space: Uint8Array, count: number): void {
    const block = this.#block;
    block.changed();
    this.#known?.changed();
    const from = space.byteOffset - block.bytes.byteOffset;
    const end = from + count;
    // No search runs on into what the block held before.
    block.bytes[end] = 10;
    block.bytes[end + 1] = QUOTE;
    let at = from - this.#kept;
    for (;;) {
      const known = this.#read === null || this.#isSkipping ? null : this.#known;
      if (known !== null) {
        at = known.pass(at, end);
        this.counts.lines += known.passed;
        this.#good += known.passed;
      }
      // The first line may have come in many pieces.
      const feed = known !== null ? known.feed : at < from ? block.bytes.indexOf(10, from) : lineFeed(block, at);
      if (feed >= end) break;
      if (this.#isSkipping) {
        this.#isSkipping = false;
        this.counts.lines++;
        this.counts.tooLong++;
      } else this.#one(at, feed, known);
      at = feed + 1;
    }
    this.#kept = end - at;
    if (this.#kept > MOST_LINE) this.#isSkipping = true;
    if (this.#isSkipping) this.#kept = 0;
    this.#keptEnd = this.#halves[from === this.#halves[0] ? 1 : 0];
    block.bytes.copyWithin(this.#keptEnd - this.#kept, end - this.#kept, end);
  }

  end(): LogCounts {
    this.#known?.flush();
    if (this.#isSkipping || (this.#kept > 0 && !this.#last())) this.counts.unfinished = 1;
    const { unread, firstUnread } = this.counts;
    if (unread > this.#good) throw this.#another(firstUnread);
    return this.counts;
  }

  /** Takes a last line without its line feed. @returns whether it is whole */
  #last(): boolean {
    const block = this.#block;
    const end = this.#keptEnd;
    const start = end - this.#kept;
    block.bytes[end] = 10;
    block.bytes[end + 1] = QUOTE;
    block.changed();
    const format = this.#format ?? formatOf(block, start, end);
    const line = this.#line;
    if (format === null || !readerOf(format)(line, block, start, end)) return false;
    // Who it was may be what is missing, where other lines say so behind all else.
    if (format === 'nginx' && this.#saysWho) return false;
    this.counts.lines++;
    this.#good++;
    this.#take(line);
    return true;
  }

  #one(start: number, feed: number, known: KnownLines<NonNullable<T>> | null): void {
    const { counts } = this;
    const number = ++counts.lines;
    const block = this.#block;
    const end = feed > start && block.bytes[feed - 1] === 13 ? feed - 1 : feed;
    if (end === start) return;
    if (end - start > MOST_LINE) {
      counts.tooLong++;
      return;
    }
    if (this.#read === null) {
      const format = formatOf(block, start, end);
      if (format !== null) this.#start(format);
    }
    if (this.#read !== null && this.#read(this.#line, block, start, end)) {
      this.#good++;
      if (this.#line.certificateEnd > 0 || this.#line.tokenEnd > 0) this.#saysWho = true;
      const said = this.#take(this.#line) ?? null;
      if (known !== null && said !== null) known.keep(this.#line, start, feed, said);
      return;
    }
    if (counts.unread++ === 0) counts.firstUnread = number;
    if (this.#good === 0 && counts.unread >= MOST_BEFORE) throw this.#another(counts.firstUnread);
  }

  #another(line: number): PublishError {
    const where = `the log ${this.#name}, line ${line}`;
    return this.#format === null
      ? new PublishError(
          'SOURCE',
          `${where}: none of the formats that are known; see \`relaymap-publish fleet --help\``,
        )
      : new PublishError(
          'SOURCE',
          `${where}: not of the format ${this.#format}${this.#given === null ? ', which other lines have' : ''}; such a line is like ${LOOKS[this.#format]}`,
        );
  }
}
