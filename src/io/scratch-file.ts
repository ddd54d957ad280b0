/**
 * A file without a name. It is gone when its process ends, however that ends, and no other process can reach it: so it may be written
 * without a lock, and leaves nothing to clean.
 */
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { translateSpace } from './atomic-file.ts';

const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;

/** The name that it has for a moment, the same each time: one that a killed process has left is replaced by the next. */
const NAME = '.spool.new';
const ATTEMPTS = 100;

export class ScratchFile {
  readonly #fd: number;
  #open = true;
  #length = 0;

  /** @param folder on whose file system it takes its room. */
  constructor(folder: string) {
    this.#fd = openNameless(path.join(folder, NAME));
  }

  /** Appends. @throws HostError NO_SPACE */
  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
      }
    } catch (error) {
      throw translateSpace(error, 'a table');
    }
    this.#length += bytes.length;
  }

  /** All that was written, from its beginning; each chunk is good until the next one is asked for. */
  *chunks(): Generator<Uint8Array> {
    const chunk = Buffer.allocUnsafe(256 * 1024);
    for (let at = 0; at < this.#length;) {
      const read = readSync(this.#fd, chunk, 0, Math.min(chunk.length, this.#length - at), at);
      if (read === 0) throw new Error(`a scratch file ends at ${at} bytes, ${this.#length} were written`);
      yield chunk.subarray(0, read);
      at += read;
    }
  }

  /** Gives its room back; safe to call at any time. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

/** Another process may do the same at the same time: each takes the other's name away, and both keep their open file. */
function openNameless(name: string): number {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(name, { force: true, recursive: true });
      const fd = openSync(name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0o600);
      rmSync(name, { force: true });
      return fd;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && attempt < ATTEMPTS) continue;
      throw translateSpace(error, name);
    }
  }
}
