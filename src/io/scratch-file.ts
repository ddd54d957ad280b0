/**
 * A file without a name. It disappears when its process ends, however it ends, and no other process can reach it.
 * So it needs no lock and leaves nothing to clean up.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { translateSpace } from './atomic-file.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_RDWR, O_NOFOLLOW } = constants;
/** Linux can create a file without a name and name it later. Not every file system supports that. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;

/** The name that the file has for a moment, always the same. A process killed in that moment leaves an empty file. */
export const SCRATCH_NAME = '.scratch.new';
const ATTEMPTS = 100;
const CHUNK = 256 * 1024;
const COPIED = 1024 * 1024;

export class ScratchFile {
  readonly #fd: number;
  readonly #mayBeNamed: boolean;
  readonly #what: string;
  #open = true;
  #length = 0;

  /**
   * @param folder the file takes its space on this folder's file system.
   * @param isLarge copying the file would cost more than starting a program.
   * @param what the file holds, for the message that there is no space for it.
   */
  constructor(folder: string, isLarge = false, what = 'what is downloaded') {
    this.#what = what;
    const fd = isLarge ? openUnnamed(folder) : null;
    this.#mayBeNamed = fd !== null;
    this.#fd = fd ?? openNameless(path.join(folder, SCRATCH_NAME));
  }

  /** Gives the file this name, which must be free. @returns false if that is not possible; the caller can copy it. */
  name(file: string): boolean {
    if (!this.#mayBeNamed) return false;
    // Node has no linkat(2) that follows a link. ln(1) of coreutils does.
    const stdio = ['ignore', 'ignore', 'ignore', this.#fd] as const;
    return spawnSync('ln', ['-L', '-T', '/proc/self/fd/3', file], { stdio: [...stdio] }).status === 0;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends, or writes at `position` (bytes from the start). @throws HostError NO_SPACE */
  write(bytes: Uint8Array, position = this.#length): void {
    if (!this.#open) throw new Error('a scratch file was written to after it was given up');
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done);
      }
    } catch (error) {
      throw translateSpace(error, this.#what);
    }
    this.#length = Math.max(this.#length, position + bytes.length);
  }

  /** Passes on everything written, from the start. Each chunk is valid only until the next one. */
  copyTo(write: (chunk: Uint8Array) => void): void {
    const chunk = Buffer.allocUnsafeSlow(Math.min(COPIED, this.#length));
    for (let at = 0; at < this.#length;) {
      const part = chunk.subarray(0, this.#read(chunk, at));
      write(part);
      at += part.length;
    }
  }

  /** The same as a stream. The reader may keep each chunk. */
  *chunks(): Generator<Uint8Array> {
    for (let at = 0; at < this.#length;) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK, this.#length - at));
      const part = chunk.subarray(0, this.#read(chunk, at));
      yield part;
      at += part.length;
    }
  }

  /** Reads bytes from `position` on, as many as there are and fit. @returns how many; 0 at the end. */
  readAt(position: number, into: Uint8Array): number {
    if (position >= this.#length) return 0;
    return this.#read(into, position);
  }

  #read(chunk: Uint8Array, at: number): number {
    if (!this.#open) throw new Error('a scratch file was read after it was given up');
    const read = readSync(this.#fd, chunk, 0, Math.min(chunk.length, this.#length - at), at);
    if (read === 0) throw new Error(`a scratch file ends at ${at} bytes, ${this.#length} were written`);
    return read;
  }

  /** Frees the space. Safe to call at any time. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

function openUnnamed(folder: string): number | null {
  try {
    return openSync(folder, O_TMPFILE | O_RDWR, 0o600);
  } catch {
    return null; // unsupported here, or no space: the other way of opening reports it
  }
}

/** Two processes may do this at once: each removes the other's name, and both keep their open file. */
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
