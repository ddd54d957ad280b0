/**
 * The only durable writer: temp file in the same folder, write, fsync, rename, fsync the folder. It is synchronous
 * and its temp names are fixed. If a run is killed, the next run overwrites what it left.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { constants as system } from 'node:os';
import path from 'node:path';
import { HostError } from '../errors.ts';

const { errno: errnos } = system;
const { O_CREAT, O_EXCL, O_RDWR, O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** libuv does not know EDQUOT. Node calls it `Unknown system error -122`, so only the number identifies it. */
const isQuota = (error: unknown): boolean =>
  error instanceof Error && 'errno' in error && error.errno === -errnos.EDQUOT;

/** Turns a full disk or quota into NO_SPACE. Returns every other error unchanged, for the caller to name. */
export function translateSpace(error: unknown, what: string): unknown {
  const code = isQuota(error) ? 'EDQUOT' : systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new HostError('NO_SPACE', `no space left to write ${what} (${code})`, error);
}

/** Whether an error says that a file does not exist (rather than that it is unreadable or corrupt). */
export const isAbsent = (error: unknown): boolean => systemCode(error) === 'ENOENT';

/** The temp name under which `target` is written: fixed, hidden, in the same folder. */
export const tempName = (target: string): string => path.join(path.dirname(target), `.${path.basename(target)}.new`);

function fsyncFolder(folder: string): void {
  const fd = openSync(folder, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file written beside its target. The target does not change before `commit`. */
export class AtomicFile {
  readonly target: string;
  readonly temp: string;
  readonly fd: number;
  #open = true;
  #there = true;

  /**
   * @param mode permission bits, whatever the umask is.
   * @param made another program has already written the file under this temp name.
   */
  constructor(target: string, mode: number, made?: string) {
    this.target = target;
    this.temp = made ?? tempName(target);
    try {
      if (made === undefined) rmSync(this.temp, { force: true, recursive: true }); // a leftover, or a trap
      this.fd = openSync(this.temp, (made === undefined ? O_CREAT | O_EXCL : 0) | O_RDWR | O_NOFOLLOW, 0o600);
    } catch (error) {
      throw translateSpace(error, this.temp);
    }
    try {
      fchmodSync(this.fd, mode);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Appends, or writes at `position` (bytes from the start). */
  write(bytes: Uint8Array, position: number | null = null): void {
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.fd, bytes, done, bytes.length - done, position === null ? null : position + done);
      }
    } catch (error) {
      throw translateSpace(error, this.temp);
    }
  }

  /** Gives the file to a group. Throws what fchown threw; the caller only warns about a refusal. */
  giveToGroup(gid: number): void {
    fchownSync(this.fd, -1, gid);
  }

  /**
   * Makes the modification time at least one second later than that of the file it replaces. Web servers and rsync
   * treat two files of the same size and the same whole second as equal (docs/bundle-format.md section 1).
   */
  setLaterThanTarget(): void {
    const before = statSync(this.target, { throwIfNoEntry: false });
    if (before === undefined) return;
    const least = Math.floor(before.mtimeMs / 1000) + 1;
    if (fstatSync(this.fd).mtimeMs / 1000 < least) futimesSync(this.fd, least, least);
  }

  /** Flushes everything written to disk, under the temp name, and closes the descriptor. */
  finish(): void {
    if (!this.#open) return;
    try {
      fsyncSync(this.fd);
    } catch (error) {
      throw translateSpace(error, this.temp);
    } finally {
      this.#open = false;
      closeSync(this.fd);
    }
  }

  /** Renames onto the target and makes the name durable. */
  commit(): void {
    this.finish();
    renameDurable(this.temp, this.target);
    this.#there = false;
  }

  /** Removes the file if it is not committed. Safe to call at any time. */
  discard(): void {
    if (this.#open) {
      this.#open = false;
      closeSync(this.fd);
    }
    if (this.#there) rmSync(this.temp, { force: true });
    this.#there = false;
  }
}

/** Renames within one file system and makes the new name durable. */
function renameDurable(from: string, to: string): void {
  try {
    renameSync(from, to);
    fsyncFolder(path.dirname(to));
  } catch (error) {
    throw translateSpace(error, to);
  }
}

/** Replaces `target` by these bytes, wholly or not at all. @param bytes also in pieces, if they are many */
export function writeFileAtomic(target: string, bytes: Uint8Array | string | Pieces, mode: number): void {
  const file = new AtomicFile(target, mode);
  try {
    writeAll(file, bytes);
    file.commit();
  } finally {
    file.discard();
  }
}

interface Pieces {
  chunks(): Iterable<Uint8Array>;
}

function writeAll(file: AtomicFile, bytes: Uint8Array | string | Pieces): void {
  if (typeof bytes === 'string') file.write(Buffer.from(bytes));
  else if (bytes instanceof Uint8Array) file.write(bytes);
  else for (const chunk of bytes.chunks()) file.write(chunk);
}

/**
 * The same for a file that web servers and rsync compare by size and modification time. The new file's time is at
 * least one whole second later, so a changed file never looks unchanged.
 */
export function writeFileWithLaterTime(target: string, bytes: Uint8Array | Pieces, mode: number): void {
  const last = lstatSync(target, { throwIfNoEntry: false });
  const file = new AtomicFile(target, mode);
  try {
    writeAll(file, bytes);
    if (last !== undefined) setLaterTime(file.fd, last.mtimeMs);
    file.commit();
  } finally {
    file.discard();
  }
}

function setLaterTime(fd: number, lastMs: number): void {
  const { atimeMs, mtimeMs } = fstatSync(fd);
  const earliest = Math.floor(lastMs / 1000) + 1;
  if (Math.floor(mtimeMs / 1000) < earliest) futimesSync(fd, atimeMs / 1000, earliest);
}

/** Creates a file that must not exist yet. Throws what open threw, usually EEXIST. */
export function createFile(target: string, text: string, mode: number): void {
  const fd = openSync(target, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode);
  try {
    fchmodSync(fd, mode);
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  fsyncFolder(path.dirname(target));
}

/** Removes a file. It is no error if the file does not exist. */
export function removeDurable(target: string): void {
  rmSync(target, { force: true, recursive: true });
  fsyncFolder(path.dirname(target));
}

/** Removes what a killed run left under this target's temp name. */
export function removeUnfinished(target: string): void {
  rmSync(tempName(target), { force: true, recursive: true });
}

/** Removes an empty folder. Throws what rmdir threw, usually ENOTEMPTY. */
export function removeEmptyFolder(folder: string): void {
  rmdirSync(folder);
  fsyncFolder(path.dirname(folder));
}

/** Makes a folder that another user owns. */
export function makeFolderOf(folder: string, mode: number, { uid, gid }: { uid: number; gid: number }): void {
  makeFolder(folder, mode);
  const fd = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    fchownSync(fd, uid, gid);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a folder and its parents, and makes each of their names durable. */
export function makeFolder(folder: string, mode: number): void {
  try {
    const first = mkdirSync(folder, { recursive: true, mode });
    if (first === undefined) return;
    const top = path.dirname(first);
    let above = path.dirname(path.resolve(folder));
    fsyncFolder(above);
    while (above !== top && above.startsWith(top)) {
      above = path.dirname(above);
      fsyncFolder(above);
    }
  } catch (error) {
    throw translateSpace(error, folder);
  }
}
