/**
 * Where the published files lie, a folder or a bucket, as the publisher asks it (docs/bundle-format.md section 1). A
 * store holds files under keys such as `manifest.json` and `recipients/HASH.gz`. It decides nothing: publish.ts and
 * repository.ts do.
 */
import { PublishError } from '../errors.ts';
import type { Content } from './content.ts';

export const MANIFEST = 'manifest.json';

/** A file as it is in the store. */
export interface Stored {
  readonly bytes: Uint8Array;
  /** Stands for this content, for `replace`. Opaque: only the store that gave it understands it. */
  readonly tag: string;
  /** Milliseconds since it was written, by the store's own clock; null where that does not count. */
  readonly age: number | null;
}

/** A file as it looks from outside. */
export interface Looked {
  /** Bytes. */
  readonly size: number;
  /** As of `Stored`. */
  readonly age: number | null;
}

/** A file of a folder that is listed. */
export interface Listed {
  /** Its name without the folder. */
  readonly name: string;
  readonly modified: Date;
}

export interface Store {
  /** As messages name it: a folder, or `s3://bucket/prefix`. */
  readonly label: string;
  /** Whether other publishers may write between two requests of this one. */
  readonly isShared: boolean;
  /** Milliseconds, by the store's own clock: no file that is younger is deleted. 0 where only this host writes. */
  readonly leastAge: number;
  /** How messages name one file. */
  place(key: string): string;
  /** A whole file; null if it does not exist. @throws PublishError STATE, OUTPUT */
  get(key: string): Promise<Stored | null>;
  /** What is known of a file without reading it; null if it does not exist. @throws PublishError OUTPUT */
  look(key: string): Promise<Looked | null>;
  /** A file's bytes as they arrive. The stream throws PublishError STATE if it does not exist. */
  read(key: string): AsyncIterable<Uint8Array>;
  /**
   * Writes a file that must not exist.
   * @returns false if it does; nothing is written then. @throws PublishError OUTPUT
   */
  create(key: string, bytes: Content): Promise<boolean>;
  /**
   * Replaces the content that has this tag.
   * @returns false if another content is there, or none; nothing is written then. @throws PublishError OUTPUT
   */
  replace(key: string, bytes: Content, tag: string): Promise<boolean>;
  /** It is no error if it does not exist. @throws PublishError OUTPUT */
  remove(key: string): Promise<void>;
  /** The files directly below a folder; none if there is no such folder. @throws PublishError OUTPUT */
  list(folder: string): Promise<readonly Listed[]>;
  /** The store's own time; the given one where it has none. */
  timeOr(now: Date): Date;
  /** What this run has read or written of a blob; null if that is not at hand. */
  recall(key: string): Uint8Array | null;
  /** Ends connections. */
  close(): Promise<void>;
}

/** How often a file is tried to be written while others write or remove it. */
const TRIES = 5;

/**
 * Writes a file whatever is there, for a folder or a bucket that one host writes. The same content stays as it is.
 * @throws PublishError OUTPUT if others keep changing it
 */
export async function putFile(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  for (let i = 0; i < TRIES; i++) {
    const there = await store.get(key);
    if (there !== null && Buffer.from(there.bytes).equals(bytes)) return;
    if (there === null ? await store.create(key, bytes) : await store.replace(key, bytes, there.tag)) return;
  }
  throw new PublishError('OUTPUT', `${store.place(key)} was changed by others at each of ${TRIES} tries to write it`);
}

/**
 * Writes a file whose name promises its content. What is there and sound stays as it is, and is written again, which
 * renews its age; another zlib makes other bytes of the same text.
 * @returns the size of what is there now. @throws PublishError OUTPUT
 */
export async function putBlob(
  store: Store,
  key: string,
  bytes: Content,
  isSound: (there: Uint8Array) => Promise<boolean>,
): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    if (await store.create(key, bytes)) return bytes.length;
    const there = await store.get(key);
    if (there === null) continue; // removed since
    const next = (await isSound(there.bytes)) ? there.bytes : bytes;
    if (await store.replace(key, next, there.tag)) return next.length;
  }
  throw new PublishError('OUTPUT', `${store.place(key)} was changed by others at each of ${TRIES} tries to write it`);
}
