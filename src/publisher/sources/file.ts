/**
 * The file source: a list in any format, or a folder with a file for each domain (docs/commands.md section 3).
 * Reads each file in chunks, and detects if it changes meanwhile.
 */
import { constants, open, type FileHandle } from 'node:fs/promises';
import { whyUnread } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { FileSource } from '../source-config.ts';
import { domainFiles, isFolder } from './folder.ts';
import { refuseFurtherPages } from './further-pages.ts';
import type { Batch, Seen, SourceReader } from './source-reader.ts';
import type { Page } from './text/page.ts';
import { TextSource, type Part } from './text/read-text.ts';

const CHUNK = 256 * 1024;

type Named = Pick<FileSource, 'name' | 'path'>;

export const fileSource = (source: FileSource): SourceReader => ({
  unit: 'line',
  domain: source.domain,
  read: (_, seen = { lines: 0 }) => (isFolder(source.path) ? folder(source, seen) : single(source, seen)),
});

async function* single(source: FileSource, seen: Seen): AsyncGenerator<Batch> {
  const text = new TextSource(source.name, source);
  yield* entriesOf(text, source, seen, {});
  yield* text.end();
}

async function* folder(source: FileSource, seen: Seen): AsyncGenerator<Batch> {
  const text = new TextSource(source.name, source);
  const { files, others } = domainFiles(source);
  for (const { domain, file } of files) {
    const named = { name: `${source.name}, ${domain}`, path: file };
    yield* entriesOf(text, named, seen, { place: domain, domain });
  }
  const after = domainFiles(source).files.map(({ file }) => file);
  if (after.join('\n') !== files.map(({ file }) => file).join('\n'))
    throw new PublishError('SOURCE', `${source.name} changed while it was read`);
  text.left.add('file', 'file', others);
  yield* text.end();
}

async function* entriesOf(text: TextSource, named: Named, seen: Seen, part: Part): AsyncGenerator<Batch> {
  const pages: Page[] = [];
  yield* text.read(contentOf(named, seen), seen, { ...part, pages });
  refuseFurtherPages(named.name, pages);
}

/** @throws PublishError SOURCE if it cannot be read, is not a regular file, or has changed. */
async function* contentOf(source: Named, seen: Seen): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    // Without NONBLOCK, opening a FIFO would wait until somebody writes to it.
    file = await open(source.path, constants.O_RDONLY | constants.O_NONBLOCK);
    seen.bytes = (await file.stat()).size;
    yield* chunksOf(source, file);
  } catch (error) {
    if (error instanceof PublishError) throw error;
    throw new PublishError('SOURCE', `${source.name} cannot be read: ${whyUnread(error, source.path)}`, error);
  } finally {
    await file?.close();
  }
}

async function* chunksOf(source: Named, file: FileHandle): AsyncGenerator<Uint8Array> {
  const before = await file.stat();
  if (!before.isFile()) throw new PublishError('SOURCE', `${source.name} is no regular file`);
  const chunk = Buffer.allocUnsafe(CHUNK);
  let size = 0;
  // A file that grows as fast as it is read never ends, so read no more than it had at first.
  while (size <= before.size) {
    const { bytesRead } = await file.read(chunk, 0, CHUNK, size);
    if (bytesRead === 0) break;
    size += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
  // Half a list, read while it is being written, looks like any other list.
  const after = await file.stat();
  if (after.size !== size || after.mtimeMs !== before.mtimeMs) {
    throw new PublishError(
      'SOURCE',
      `${source.name} changed while it was read; write it beside and rename it into place`,
    );
  }
}
