/** Bytes as they come become lines of text: UTF-8 or nothing, no line without end, the faulty line named. Pure. */
import { PublishError } from '../errors.ts';

const LF = 0x0a;
const MAX_LINE = 64 * 1024;
const TOO_LONG = `over ${MAX_LINE} bytes`;

/**
 * The lines of a source as text, without their LF, in batches; a byte order mark at its start is no part of the first. The last line
 * may lack its LF.
 * @param name the source's, for messages. @param chunks each is used no more when the next is asked for.
 * @throws PublishError SOURCE: it is not UTF-8, or has a line that cannot be one.
 */
export async function* linesOf(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new LineDecoder(name);
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(LF) + 1;
    if (end > 0) yield decoder.decode(bytes.subarray(0, end));
    rest = bytes.subarray(end);
    decoder.bound(rest);
  }
  if (rest.length > 0) yield decoder.decode(Buffer.concat([rest, Buffer.of(LF)]));
}

class LineDecoder {
  readonly #name: string;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #lines = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** @param bytes whole lines, with their LFs. */
  decode(bytes: Buffer): string[] {
    const found = this.#text(bytes).split('\n');
    found.pop(); // what stands after the last LF: nothing
    // As long a line as would be refused if it came in two pieces.
    const long = found.findIndex((line) => line.length * 3 > MAX_LINE && Buffer.byteLength(line) > MAX_LINE);
    if (long >= 0) this.#fail(long + 1, TOO_LONG);
    if (this.#lines === 0 && found[0] !== undefined) found[0] = found[0].replace(/^\ufeff/, '');
    this.#lines += found.length;
    return found;
  }

  /** Bounds the memory that a source without line ends can take. */
  bound(rest: Buffer): void {
    if (rest.length > MAX_LINE) this.#fail(1, TOO_LONG);
  }

  #text(bytes: Buffer): string {
    try {
      return this.#utf8.decode(bytes);
    } catch (error) {
      return this.#findFault(bytes, error);
    }
  }

  /** Decodes line by line, to name the one that is wrong. */
  #findFault(bytes: Buffer, cause: unknown): never {
    let [line, start] = [1, 0];
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start), line++) {
      try {
        this.#utf8.decode(bytes.subarray(start, end));
      } catch {
        break; // this is the line that the caller's error is about
      }
      start = end + 1;
    }
    return this.#fail(line, 'not UTF-8', cause);
  }

  #fail(line: number, what: string, cause?: unknown): never {
    throw new PublishError('SOURCE', `${this.#name}, line ${this.#lines + line}: ${what}`, cause);
  }
}
