/**
 * The same offers and blobs from a directory or a USB stick. Reads regular files below that directory and nothing
 * else: no link is followed, no FIFO or device is read.
 */
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { decodeEnvelope, MAX_ENVELOPE } from '../../bundle/trust/envelope.ts';
import { SourceError, StepError, TableError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import type { Source } from './source.ts';

export function directorySource(folder: string): Source {
  let received = 0;
  const counted = async function* (fd: number, file: string) {
    const stream = createReadStream('', { fd });
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        received += chunk.length;
        yield chunk;
      }
    } catch (error) {
      // A stick that is pulled out or worn. What the reader of the table throws is no error of the stream's.
      throw error === stream.errored ? unreadable(file, whyUnread(error, file), error) : error;
    }
  };
  return {
    offline: true,
    received: () => received,
    close: () => Promise.resolve(),
    origins: [
      {
        label: folder,
        step: (number) => {
          const file = path.join(folder, 'keyring', `${number}.json`);
          if (lookAt(file) === null) return Promise.resolve(null);
          const inner = path.dirname(file);
          if (!lookAt(inner)?.isDirectory()) throw unreadable(inner, 'it is no folder');
          const bytes = readEnvelope(file);
          received += bytes.length;
          return Promise.resolve(bytes);
        },
        manifest: () => {
          const bytes = readManifest(folder);
          received += bytes.length;
          return Promise.resolve({ is: 'offered' as const, bytes, etag: null });
        },
        blob: (name, wireBytes) => {
          const inner = path.join(folder, path.dirname(name));
          if (!lookAt(inner)?.isDirectory()) throw unreadable(inner, 'it is no folder');
          const { fd, size } = openRegular(path.join(folder, name));
          if (size === wireBytes) return Promise.resolve(counted(fd, path.join(folder, name)));
          closeSync(fd);
          throw new TableError('LENGTH_MISMATCH', `${name} has ${size} bytes, the manifest says ${wireBytes}`);
        },
      },
    ],
  };
}

const unreadable = (file: string, why: string, cause?: unknown) =>
  new SourceError('NETWORK', `${file} cannot be read: ${why}`, cause);

/** What is there; null for nothing. A folder that this user may not enter is named, whatever a copy has made of it. */
function lookAt(file: string): Stats | null {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    throw unreadable(file, whyUnread(error, file), error);
  }
}

function openRegular(file: string): { fd: number; size: number } {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(file, whyUnread(error, file), error);
  }
  const stat = fstatSync(fd);
  if (stat.isFile()) return { fd, size: stat.size };
  closeSync(fd);
  throw unreadable(file, 'it is no regular file');
}

const readManifest = (folder: string): Uint8Array => readEnvelope(path.join(folder, 'manifest.json'));

function readEnvelope(file: string): Uint8Array {
  const { fd, size } = openRegular(file);
  try {
    if (size > MAX_ENVELOPE)
      throw new SourceError('TOO_LARGE', `${file}: an envelope of ${size} bytes, over ${MAX_ENVELOPE}`);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(fd, bytes, 0, size, 0));
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw unreadable(file, whyUnread(error, file), error);
  } finally {
    closeSync(fd);
  }
}

/** A folder that holds a manifest, and the bundle name that it claims; who signed it is not known yet. */
export interface Found {
  readonly folder: string;
  readonly name: string | null;
}

/**
 * The folder itself, or where it has no manifest those directly below it that do. @throws SourceError where there
 * is none.
 */
export function findBundles(folder: string): Found[] {
  if (lookAt(path.join(folder, 'manifest.json')) !== null) {
    return [{ folder, name: claimedName(folder) }];
  }
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch (error) {
    throw unreadable(folder, whyUnread(error, folder), error);
  }
  const inner = names.map((name) => path.join(folder, name)).filter((f) => lookAt(f)?.isDirectory() === true);
  const found = inner.filter((f) => lookAt(path.join(f, 'manifest.json')) !== null);
  if (found.length === 0) throw unreadable(path.join(folder, 'manifest.json'), 'it is not there');
  return found.map((f) => ({ folder: f, name: claimedName(f) }));
}

function claimedName(folder: string): string | null {
  try {
    const payload = JSON.parse(Buffer.from(decodeEnvelope(readManifest(folder)).payload).toString()) as {
      name?: unknown;
    } | null;
    return typeof payload?.name === 'string' ? payload.name : null;
  } catch (error) {
    if (error instanceof StepError || error instanceof SyntaxError) return null; // the cycle will say what is wrong with it
    throw error;
  }
}
