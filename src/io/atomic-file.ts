/**
 * The only durable writer: temp file in the same folder, write, fsync, rename, fsync the folder. Synchronous, on the main
 * thread and under fixed temp names, so that a killed run leaves nothing that the next one does not overwrite.
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

/** libuv has no name for EDQUOT: Node calls it `Unknown system error -122`, and only the number tells. */
const isQuota = (error: unknown): boolean =>
  error instanceof Error && 'errno' in error && error.errno === -errnos.EDQUOT;

/** Turns a full disk or quota into NO_SPACE; every other error is returned as it came, for the step to name. */
export function translateSpace(error: unknown, what: string): unknown {
  const code = isQuota(error) ? 'EDQUOT' : systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new HostError('NO_SPACE', `no space left to write ${what} (${code})`, error);
}

/** Whether an error says that a file is not there (as against unreadable or corrupt). */
export const isAbsent = (error: unknown): boolean => systemCode(error) === 'ENOENT';

/** The temp name under which `target` is written; fixed, hidden, in the same folder. */
export const tempName = (target: string): string => path.join(path.dirname(target), `.${path.basename(target)}.new`);

function fsyncFolder(folder: string): void {
  const fd = openSync(folder, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file being written beside its target. Nothing shows at the target before `commit`. */
export class AtomicFile {
  readonly target: string;
  readonly temp: string;
  readonly fd: number;
  #open = true;
  #there = true;

  /**
   * @param mode permission bits, set whatever the umask says.
   * @param made the file is there already under this temp name, written by another program.
   */
  constructor(target: string, mode: number, made?: string) {
    this.target = target;
    this.temp = made ?? tempName(target);
    try {
      if (made === undefined) rmSync(this.temp, { force: true, recursive: true }); // left by a killed run, or a trap
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

  /** Gives the file to a group. Throws what fchown threw (a refusal is the caller's warning, not a failure). */
  giveToGroup(gid: number): void {
    fchownSync(this.fd, -1, gid);
  }

  /**
   * Gives the file a time of modification that is at least a second after the one it replaces: web servers and rsync take two
   * files of one size and one whole second for the same (docs/bundle-format.md section 1).
   */
  setLaterThanTarget(): void {
    const before = statSync(this.target, { throwIfNoEntry: false });
    if (before === undefined) return;
    const least = Math.floor(before.mtimeMs / 1000) + 1;
    if (fstatSync(this.fd).mtimeMs / 1000 < least) futimesSync(this.fd, least, least);
  }

  /** Everything written is on disk, still under the temp name; the descriptor is closed. */
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

  /** Removes what is not committed; safe to call at any time. */
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

/** Replaces `target` by these bytes, as a whole or not at all. */
export function writeFileAtomic(target: string, bytes: Uint8Array | string, mode: number): void {
  const file = new AtomicFile(target, mode);
  try {
    file.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    file.commit();
  } finally {
    file.discard();
  }
}

/**
 * The same for a file that others compare by size and modification time, such as web servers and rsync: the new file's time is at least
 * one whole second after the old one's, so that no two contents of this name ever look alike.
 */
export function writeFileWithLaterTime(target: string, bytes: Uint8Array, mode: number): void {
  const last = lstatSync(target, { throwIfNoEntry: false });
  const file = new AtomicFile(target, mode);
  try {
    file.write(bytes);
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

/** Creates a file that must not be there yet. Throws what open threw, EEXIST above all. */
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

/** Removes a file; one that is not there is as good. */
export function removeDurable(target: string): void {
  rmSync(target, { force: true, recursive: true });
  fsyncFolder(path.dirname(target));
}

/** Removes what a killed run left under the temp name of this target. */
export function removeUnfinished(target: string): void {
  rmSync(tempName(target), { force: true, recursive: true });
}

/** Removes a folder that holds nothing. Throws what rmdir threw, ENOTEMPTY above all. */
export function removeEmptyFolder(folder: string): void {
  rmdirSync(folder);
  fsyncFolder(path.dirname(folder));
}

/** Makes a folder that belongs to another user. */
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

/** Makes a folder and those above it; each of their names is durable. */
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
