/** The file source: one address a line (docs/commands.md section 3). Reads the one file, in chunks, and notices if it changes meanwhile. */
import { constants, open, type FileHandle } from 'node:fs/promises';
import { whyUnread } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { FileSource } from '../source-config.ts';
import { linesOf, wholeLines } from './lines.ts';
import type { SourceReader, Seen } from './source-reader.ts';

const CHUNK = 256 * 1024;

type Named = Pick<FileSource, 'name' | 'path'>;

export const fileSource = (source: FileSource): SourceReader => ({
  form: 'lines',
  unit: 'line',
  read: () => fileLines(source),
  readLines: (seen) => opened(source, (chunks) => wholeLines(source.name, chunks, seen), seen),
});

/**
 * The lines of a file as text, without their LF, in batches; a byte order mark at the file's start is no part of the first.
 * @throws PublishError SOURCE: it cannot be read, is no regular file, is not UTF-8, has a line that cannot be one, or changed.
 */
export const fileLines = (source: Named): AsyncGenerator<string[]> =>
  opened(source, (chunks) => linesOf(source.name, chunks));

async function* opened<T>(
  source: Named,
  read: (chunks: AsyncIterable<Uint8Array>) => AsyncGenerator<T>,
  seen?: Seen,
): AsyncGenerator<T> {
  let file: FileHandle | undefined;
  try {
    // Without NONBLOCK a FIFO would be waited for, until somebody writes to it.
    file = await open(source.path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (seen !== undefined) seen.bytes = (await file.stat()).size;
    yield* read(contentOf(source, file));
  } catch (error) {
    if (error instanceof PublishError) throw error;
    throw new PublishError('SOURCE', `${source.name} cannot be read: ${whyUnread(error, source.path)}`, error);
  } finally {
    await file?.close();
  }
}

async function* contentOf(source: Named, file: FileHandle): AsyncGenerator<Uint8Array> {
  const before = await file.stat();
  if (!before.isFile()) throw new PublishError('SOURCE', `${source.name} is no regular file`);
  const chunk = Buffer.allocUnsafe(CHUNK);
  let size = 0;
  // A file that grows as fast as it is read has no end: what is more than at first is not read.
  while (size <= before.size) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, size);
    if (bytesRead === 0) break;
    size += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
  // Half a list, read while it is written, looks like any other list.
  const after = await file.stat();
  if (after.size !== size || after.mtimeMs !== before.mtimeMs) {
    throw new PublishError(
      'SOURCE',
      `${source.name} changed while it was read; write it beside and rename it into place`,
    );
  }
}
