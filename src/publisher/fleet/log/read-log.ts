/**
 * Reads access logs line by line: plain or gzipped files, and stdin. A block of bytes is filled again and again, so
 * memory does not grow with the log. A line that is too long is passed over; a last line without its line feed is
 * still being written, and is passed over too.
 */
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { whyUnread } from '../../../io/denied.ts';
import { PublishError } from '../../errors.ts';
import { Block } from './block.ts';
import { formatOf, LOOKS, readerOf, type Format } from './format.ts';
import { LogLine, type ReadLine } from './log-line.ts';

/** The longest line that is read, in bytes. */
export const MOST_LINE = 64 * 1024;
const BLOCK = 1024 * 1024;
/** Behind the bytes that were read: a line feed and a quote. */
const SENTINELS = 2;
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

/**
 * @param name for messages. @param format null: the first lines decide. @param take is given each line; it must not
 *   keep it.
 * @throws PublishError SOURCE, with the number of the line, if the log is of another format
 */
export async function readLog(
  name: string,
  stdin: Readable | null,
  format: Format | null,
  take: (line: LogLine) => void,
): Promise<LogCounts> {
  const lines = new Lines(name, format, take);
  if (stdin !== null) {
    await feed(lines, name, stdin);
    return lines.end();
  }
  const fd = opened(name);
  try {
    const isFile = fstatSync(fd).isFile();
    const head = Buffer.alloc(2);
    const isGzip = isFile && readSync(fd, head, 0, 2, 0) === 2 && head.readUInt16BE() === 0x1f8b;
    if (isFile && !isGzip) {
      for (;;) {
        const space = lines.space();
        const read = readSync(fd, space, 0, space.length, null);
        if (read === 0) break;
        lines.filled(read);
      }
    } else {
      const raw = createReadStream(name, { fd, autoClose: false, highWaterMark: BLOCK / 4 });
      await feed(lines, name, raw);
    }
  } catch (error) {
    throw error instanceof PublishError ? error : unread(name, error);
  } finally {
    closeSync(fd);
  }
  return lines.end();
}

function opened(name: string): number {
  try {
    return openSync(name, 'r');
  } catch (error) {
    throw unread(name, error);
  }
}

const unread = (name: string, error: unknown) =>
  new PublishError('SOURCE', `the log ${name} cannot be read: ${whyUnread(error, name)}`, error);

/** Feeds a stream, unpacked if its first bytes are those of gzip. */
async function feed(lines: Lines, name: string, raw: Readable): Promise<void> {
  const plain = await unpacked(raw);
  try {
    for await (const chunk of plain) lines.push(chunk as Uint8Array);
  } catch (error) {
    if (error instanceof PublishError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new PublishError('SOURCE', `the log ${name} is damaged after line ${lines.counts.lines}: ${why}`, error);
  }
}

async function unpacked(raw: Readable): Promise<AsyncIterable<unknown>> {
  const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = (async function* () {
    yield head;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  })();
  if (head.length < 2 || head.readUInt16BE() !== 0x1f8b) return whole;
  const gunzip = createGunzip();
  const feeding = (async () => {
    try {
      for await (const chunk of whole)
        if (!gunzip.write(chunk))
          await new Promise<void>((resolve) => gunzip.once('drain', resolve).once('close', resolve));
      gunzip.end();
    } catch (error) {
      gunzip.destroy(error as Error);
    }
  })();
  return (async function* () {
    yield* gunzip;
    await feeding;
  })();
}

/** Cuts blocks into lines. */
class Lines {
  readonly counts: LogCounts = { lines: 0, unread: 0, firstUnread: 0, tooLong: 0, unfinished: 0 };
  readonly #name: string;
  readonly #given: Format | null;
  readonly #take: (line: LogLine) => void;
  readonly #line = new LogLine();
  readonly #block = new Block(BLOCK + MOST_LINE + SENTINELS);
  #read: ReadLine | null = null;
  #format: Format | null;
  #good = 0;
  /** Bytes of a line that is not whole yet, at the start of the block. */
  #kept = 0;
  /** The line is too long: pass over all up to its end. */
  #isSkipping = false;

  constructor(name: string, format: Format | null, take: (line: LogLine) => void) {
    this.#name = name;
    this.#given = format;
    this.#format = format;
    this.#take = take;
    if (format !== null) this.#read = readerOf(format);
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
    block.bytes[end + 1] = 0x22;
    let at = 0;
    for (;;) {
      const feed = block.bytes.indexOf(10, Math.max(at, this.#kept));
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
    if (this.#kept > 0 || this.#isSkipping) this.counts.unfinished = 1;
    const { unread, firstUnread } = this.counts;
    if (unread > this.#good) throw this.#another(firstUnread);
    return this.counts;
  }

  #one(start: number, feed: number): void {
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
      this.#format = formatOf(block, start, end);
      if (this.#format !== null) this.#read = readerOf(this.#format);
    }
    if (this.#read !== null && this.#read(this.#line, block, start, end)) {
      this.#good++;
      this.#take(this.#line);
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
