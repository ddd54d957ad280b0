/**
 * A file without a name. It is gone when its process ends, however that ends, and no other process can reach it: so it may be written
 * without a lock, and leaves nothing to clean.
 */
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { translateSpace } from './atomic-file.ts';

const { O_CREAT, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;

/** The name that it has for a moment, the same each time. A process that is killed in that moment leaves an empty file. */
export const SCRATCH_NAME = '.scratch.new';
const ATTEMPTS = 100;
const CHUNK = 256 * 1024;
const COPIED = 1024 * 1024;

export class ScratchFile {
  readonly #fd: number;
  #open = true;
  #length = 0;

  /** @param folder on whose file system it takes its room. */
  constructor(folder: string) {
    this.#fd = openNameless(path.join(folder, SCRATCH_NAME));
  }

  /** Appends. @throws HostError NO_SPACE */
  write(bytes: Uint8Array): void {
    if (!this.#open) throw new Error('a scratch file was written to after it was given up');
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
      }
    } catch (error) {
      throw translateSpace(error, 'what is downloaded');
    }
    this.#length += bytes.length;
  }

  /** Hands over all that was written, from its beginning; each chunk is good until the next one. */
  copyTo(write: (chunk: Uint8Array) => void): void {
    const chunk = Buffer.allocUnsafeSlow(Math.min(COPIED, this.#length));
    for (let at = 0; at < this.#length;) {
      const part = chunk.subarray(0, this.#read(chunk, at));
      write(part);
      at += part.length;
    }
  }

  /** The same as a stream; each chunk is the reader's to keep. */
  *chunks(): Generator<Uint8Array> {
    for (let at = 0; at < this.#length;) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, this.#length - at));
      const part = chunk.subarray(0, this.#read(chunk, at));
      yield part;
      at += part.length;
    }
  }

  #read(chunk: Uint8Array, at: number): number {
    const read = readSync(this.#fd, chunk, 0, Math.min(chunk.length, this.#length - at), at);
    if (read === 0) throw new Error(`a scratch file ends at ${at} bytes, ${this.#length} were written`);
    return read;
  }

  /** Gives its room back; safe to call at any time. */
  discard(): void {
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
