/**
 * Reads access logs line by line: plain or gzipped files, and stdin. A block of bytes is filled again and again, so
 * memory does not grow with the log. A line that is too long is passed over, and so is a last line that is still being
 * written.
 */
import { closeSync, createReadStream, fstatSync, openSync, read as fsRead, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { whyUnread } from '../../../io/denied.ts';
import { PublishError } from '../../errors.ts';
import type { Format } from './format.ts';
import type { KnownLines } from './known-lines.ts';
import { Lines, type LogCounts } from './lines.ts';
import type { LogLine } from './log-line.ts';

const PIECE = 256 * 1024;

/**
 * @param name for messages. @param format null: the first lines decide. @param take is given each line; it must not
 *   keep it. @param known counts lines that say what one before them
 *   said, which was what `take` returned; null: each line is given to `take`.
 * @throws PublishError SOURCE, with the number of the line, if the log is of another format
 */
export async function readLog<T>(
  name: string,
  stdin: Readable | null,
  format: Format | null,
  take: (line: LogLine) => T,
  known: KnownLines<NonNullable<T>> | null = null,
): Promise<LogCounts> {
  const lines = new Lines(name, format, take, known);
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
      await feedFile(lines, fd);
    } else {
      const raw = createReadStream(name, { fd, autoClose: false, highWaterMark: PIECE });
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

/** Feeds a file: its next bytes are read while the lines of those before are. */
async function feedFile(lines: Pick<Lines<unknown>, 'space' | 'filled'>, fd: number): Promise<void> {
  const read = (space: Uint8Array) =>
    new Promise<number>((resolve, reject) => {
      fsRead(fd, space, 0, space.length, null, (error, count) => (error === null ? resolve(count) : reject(error)));
    });
  let space = lines.space();
  for (let count = await read(space); count > 0;) {
    const before = space;
    space = lines.space();
    const reading = read(space);
    try {
      lines.filled(before, count);
    } finally {
      count = await reading;
    }
  }
}

/** Feeds a stream, unpacked if its first bytes are those of gzip. */
async function feed(lines: Pick<Lines<unknown>, 'push' | 'counts'>, name: string, raw: Readable): Promise<void> {
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
