/** The file source: one address a line (commands.md section 3). Reads the one file, in chunks, and notices if it changes meanwhile. */
import { constants, open, type FileHandle } from 'node:fs/promises';
import { PublishError } from '../errors.ts';
import type { FileSource } from '../source-config.ts';
import type { SourceReader } from './open.ts';

const LF = 0x0a;
const CHUNK = 256 * 1024;
const MAX_LINE = 64 * 1024;

export const fileSource = (source: FileSource): SourceReader => ({
  form: 'lines',
  unit: 'line',
  read: () => fileLines(source),
});

/**
 * The lines of a file as text, without their LF, in batches; a byte order mark at the file's start is no part of the first.
 * @throws PublishError SOURCE: it cannot be read, is no regular file, is not UTF-8, has a line that cannot be one, or changed.
 */
export async function* fileLines(source: Pick<FileSource, 'name' | 'path'>): AsyncGenerator<string[]> {
  let file: FileHandle | undefined;
  try {
    // Without NONBLOCK a FIFO would be waited for, until somebody writes to it.
    file = await open(source.path, constants.O_RDONLY | constants.O_NONBLOCK);
    yield* lines(source, file);
  } catch (error) {
    if (error instanceof PublishError) throw error;
    throw new PublishError('SOURCE', `${source.name} cannot be read: ${(error as Error).message}`, error);
  } finally {
    await file?.close();
  }
}

async function* lines(source: Pick<FileSource, 'name' | 'path'>, file: FileHandle): AsyncGenerator<string[]> {
  const before = await file.stat();
  if (!before.isFile()) throw new PublishError('SOURCE', `${source.name} is no regular file`);
  const decoder = new LineDecoder(source.name);
  let rest = Buffer.alloc(0);
  let size = 0;
  // A file that grows as fast as it is read has no end: what is more than at first is not read.
  while (size <= before.size) {
    // A buffer for each turn: what is left of a line points into it.
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, size);
    if (bytesRead === 0) break;
    size += bytesRead;
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    const end = bytes.lastIndexOf(LF) + 1;
    yield decoder.decode(bytes.subarray(0, end));
    rest = bytes.subarray(end);
    decoder.bound(rest);
  }
  if (rest.length > 0) yield decoder.decode(Buffer.concat([rest, Buffer.of(LF)]));
  // Half a list, read while it is written, looks like any other list.
  const after = await file.stat();
  if (after.size !== size || after.mtimeMs !== before.mtimeMs) {
    throw new PublishError(
      'SOURCE',
      `${source.name} changed while it was read; write it beside and rename it into place`,
    );
  }
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
    if (this.#lines === 0 && found[0] !== undefined) found[0] = found[0].replace(/^\ufeff/, '');
    this.#lines += found.length;
    return found;
  }

  /** Bounds the memory that a file without line ends can take. */
  bound(rest: Buffer): void {
    if (rest.length > MAX_LINE) this.#fail(1, `over ${MAX_LINE} bytes`);
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
