/**
 * Splits bytes into lines of text. Refuses invalid UTF-8 and lines that never end, and names the faulty line. Pure.
 */
import { isUtf8 } from 'node:buffer';
import { PublishError } from '../../errors.ts';
import type { Seen } from '../source-reader.ts';

const LF = 0x0a;
const MAX_LINE = 64 * 1024;
const TOO_LONG = `over ${MAX_LINE} bytes`;
const BOM = Buffer.of(0xef, 0xbb, 0xbf);

/**
 * The lines of a source as text, without their LF, in batches.
 * @param name the source's, for messages. @param chunks each is valid only until the next is requested.
 * @throws PublishError SOURCE if it is not UTF-8, or a line is impossible.
 */
export async function* linesOf(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const seen = { lines: 0 };
  for await (const bytes of wholeLines(name, chunks, seen)) {
    const found = bytes.toString().split('\n');
    found.pop(); // the empty text after the last LF
    seen.lines += found.length;
    yield found;
  }
}

/**
 * The same lines as UTF-8 bytes, each with its LF. Drops a byte order mark at the source's start. Adds an LF to the
 * last line if it lacks one. Each batch is valid only until the next is requested.
 * @throws PublishError SOURCE
 */
export async function* wholeLines(name: string, chunks: AsyncIterable<Uint8Array>, seen: Seen): AsyncGenerator<Buffer> {
  const checker = new LineChecker(name, seen);
  let buffer = Buffer.alloc(0);
  let rest = 0;
  for await (const chunk of chunks) {
    // One more byte, for the LF that the last line may lack.
    buffer = withRoom(buffer, rest, chunk.length + 1);
    buffer.set(chunk, rest);
    const length = rest + chunk.length;
    const end = buffer.subarray(0, length).lastIndexOf(LF) + 1;
    if (end > 0) yield checker.checked(buffer.subarray(0, end));
    buffer.copyWithin(0, end, length);
    rest = length - end;
    checker.bound(rest);
  }
  if (rest === 0) return;
  buffer[rest] = LF;
  yield checker.checked(buffer.subarray(0, rest + 1));
}

/** The buffer, or a larger one with the same `used` bytes, if there is no room for `more`. */
function withRoom(buffer: Buffer<ArrayBuffer>, used: number, more: number): Buffer<ArrayBuffer> {
  if (used + more <= buffer.length) return buffer;
  const larger = Buffer.alloc((used + more) * 2);
  buffer.copy(larger, 0, 0, used);
  return larger;
}

class LineChecker {
  readonly #name: string;
  readonly #seen: Seen;
  #begun = false;

  constructor(name: string, seen: Seen) {
    this.#name = name;
    this.#seen = seen;
  }

  /** @param bytes whole lines with their LFs. @returns them, without a byte order mark at the start of the first. */
  checked(bytes: Buffer): Buffer {
    if (!isUtf8(bytes)) this.#findFault(bytes);
    this.#boundLines(bytes);
    const marked = !this.#begun && bytes.subarray(0, BOM.length).equals(BOM);
    this.#begun = true;
    return marked ? bytes.subarray(BOM.length) : bytes;
  }

  /** Limits the memory that a source without line ends can take. */
  bound(rest: number): void {
    if (rest > MAX_LINE) this.#fail(1, TOO_LONG);
  }

  /** Refuses the same line lengths however the input is split. Looks only once per maximum line length. */
  #boundLines(bytes: Buffer): void {
    for (let start = 0; bytes.length - start > MAX_LINE;) {
      const end = bytes.lastIndexOf(LF, start + MAX_LINE);
      if (end < start) this.#fail(bytes.toString('latin1', 0, start).split('\n').length, TOO_LONG);
      start = end + 1;
    }
  }

  /** Checks line by line, to name the one that is wrong. */
  #findFault(bytes: Buffer): never {
    let [line, start] = [1, 0];
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start), line++) {
      if (!isUtf8(bytes.subarray(start, end))) break;
      start = end + 1;
    }
    return this.#fail(line, 'not UTF-8; encoding says what else it is, such as "windows-1252"');
  }

  #fail(line: number, what: string): never {
    throw new PublishError('SOURCE', `${this.#name}, line ${this.#seen.lines + line}: ${what}`);
  }
}
