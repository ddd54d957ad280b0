/**
 * Cuts blocks of bytes into lines, and reads them. A block is filled again and again. A line that is too long is passed
 * over. A last line without its line feed may still be being written: it counts if it is whole.
 */
import { PublishError } from '../../errors.ts';
import { Block, lineFeed } from './block.ts';
import { formatOf, LOOKS, readerOf, type Format } from './format.ts';
import type { KnownLines } from './known-lines.ts';
import { LogLine, type ReadLine } from './log-line.ts';

/** The longest line that is read, in bytes. */
export const MOST_LINE = 64 * 1024;
/** Bytes that are read at once. */
const BLOCK = 256 * 1024;
/** Behind the bytes that were read: a line feed and a quote, and what a search by fours looks at. */
const SENTINELS = 8;
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
  readonly #block = new Block(BLOCK + MOST_LINE + SENTINELS);
  #read: ReadLine | null = null;
  #format: Format | null;
  #good = 0;
  /** Bytes of a line that is not whole yet, at the start of the block. */
  #kept = 0;
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
      this.filled(part.length);
      at += part.length;
    }
  }

  /** Where the next bytes go. */
  space(): Uint8Array {
    return this.#block.bytes.subarray(this.#kept, BLOCK + MOST_LINE);
  }

  /** `count` bytes were put into the space. */
  filled(count: number): void {
    const block = this.#block;
    block.changed();
    const end = this.#kept + count;
    // No search runs on into what the block held before.
    block.bytes[end] = 10;
    block.bytes[end + 1] = QUOTE;
    let at = 0;
    for (;;) {
      // The first line may have come in many pieces.
      const feed = this.#kept > 0 ? block.bytes.indexOf(10, this.#kept) : lineFeed(block, at);
      if (feed >= end) break;
      this.#kept = 0;
      if (this.#isSkipping) {
        this.#isSkipping = false;
        this.counts.lines++;
        this.counts.tooLong++;
      } else this.#one(at, feed);
      at = feed + 1;
    }
    const rest = end - at;
    if (rest > MOST_LINE) this.#isSkipping = true;
    if (this.#isSkipping) this.#kept = 0;
    else {
      if (at > 0) block.bytes.copyWithin(0, at, end);
      this.#kept = rest;
    }
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
    const end = this.#kept;
    block.bytes[end] = 10;
    block.bytes[end + 1] = QUOTE;
    block.changed();
    const format = this.#format ?? formatOf(block, 0, end);
    const line = this.#line;
    if (format === null || !readerOf(format)(line, block, 0, end)) return false;
    // Who it was may be what is missing, where other lines say so behind all else.
    if (format === 'nginx' && this.#saysWho) return false;
    this.counts.lines++;
    this.#good++;
    this.#take(line);
    return true;
  }

  #one(start: number, feed: number): void {
    const { counts } = this;
    const number = ++counts.lines;
    const block = this.#block;
    const known = this.#read === null ? null : this.#known;
    if (known !== null && known.count(block, start, feed)) {
      this.#good++;
      return;
    }
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
