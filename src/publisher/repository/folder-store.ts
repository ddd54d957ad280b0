/** Published files in a folder, which a web server hands out as they are. */
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, rmSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../errors.ts';
import { isAbsent, makeFolder, writeFileAtomic, writeFileWithLaterTime } from '../../io/atomic-file.ts';
import { whyUnread, whyUnwritten } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { Content } from './content.ts';
import type { Listed, Looked, Store, Stored } from './store.ts';

// The folders keep the list confidential. Whoever may enter, such as a web server's group, may read the files.
const FOLDER = 0o750;
const FILE = 0o644;

export class FolderStore implements Store {
  readonly label: string;
  readonly isShared = false;
  readonly leastAge = 0;

  constructor(folder: string) {
    this.label = folder;
  }

  place(key: string): string {
    return path.join(this.label, key);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a bucket waits here
  async get(key: string): Promise<Stored | null> {
    return this.#stored(key);
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async look(key: string): Promise<Looked | null> {
    const found = statOf(this.place(key));
    return found === null ? null : { size: found.size, age: null };
  }

  async *read(key: string): AsyncGenerator<Uint8Array> {
    const file = this.place(key);
    try {
      yield* createReadStream(file);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      throw new PublishError('STATE', `${file} is gone`, error);
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async create(key: string, bytes: Content): Promise<boolean> {
    const file = this.place(key);
    if (statOf(file) !== null) return false;
    written(file, () => {
      makeFolder(this.label, FOLDER);
      makeFolder(path.dirname(file), FOLDER);
      writeFileAtomic(file, bytes, FILE);
    });
    return true;
  }

  /**
   * The new file's time is at least a second later: web servers and rsync take two files of one size and second for
   * equal (docs/bundle-format.md section 1).
   */
  // eslint-disable-next-line @typescript-eslint/require-await
  async replace(key: string, bytes: Content, tag: string): Promise<boolean> {
    if (this.#stored(key)?.tag !== tag) return false;
    const file = this.place(key);
    written(file, () => writeFileWithLaterTime(file, bytes, FILE));
    return true;
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async remove(key: string): Promise<void> {
    const file = this.place(key);
    written(file, () => rmSync(file, { force: true }));
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async list(folder: string): Promise<Listed[]> {
    const place = this.place(folder);
    try {
      return readdirSync(place, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .flatMap(({ name }) => {
          const found = statOf(path.join(place, name));
          return found === null ? [] : [{ name, modified: found.mtime }]; // removed since
        });
    } catch (error) {
      if (isAbsent(error)) return [];
      throw new PublishError('OUTPUT', `cannot list ${place}: ${whyUnread(error, place)}`, error);
    }
  }

  timeOr(now: Date): Date {
    return now;
  }

  recall(): null {
    return null;
  }

  async close(): Promise<void> {}

  #stored(key: string): Stored | null {
    const file = this.place(key);
    try {
      const bytes = readFileSync(file);
      return { bytes, tag: createHash('sha256').update(bytes).digest('hex'), age: null };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw new PublishError('STATE', `cannot read ${file}: ${whyUnread(error, file)}`, error);
    }
  }
}

/** Null if it does not exist. */
function statOf(file: string): Stats | null {
  try {
    return statSync(file, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    throw new PublishError('OUTPUT', `cannot look at ${file}: ${whyUnread(error, file)}`, error);
  }
}

/** Names the file that could not be written. A full disk keeps its own code. */
export function written<T>(file: string, write: () => T): T {
  try {
    return write();
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${file}: ${whyUnwritten(error, file)}`, error);
  }
}
