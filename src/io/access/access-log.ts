/**
 * The file of the access log. Lines wait in memory and are written in the background: no answer waits for the disk,
 * and none fails because of it. The only writer of the file; another process may rename it away, or cut it to
 * nothing.
 */
import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Level } from '../log.ts';

const { O_APPEND, O_CREAT, O_EXCL, O_NONBLOCK, O_RDWR } = constants;
const MODE = 0o640;
/** Bytes of lines that may wait while the disk takes none. */
const MOST_WAITING = 8 * 1024 * 1024;
/** Looks after a warning in which there is no further one: ten minutes. */
const QUIET = 600;

export class AccessLog {
  readonly file: string;
  readonly #log: (level: Level, message: string) => void;
  #handle: FileHandle | null = null;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** What of the last write the file has not taken, and where the line begins that it was cut in. */
  #rest: { readonly bytes: Buffer; readonly done: number } | null = null;
  #writing: Promise<void> | null = null;
  /** Open the file anew before the next write. */
  #reopens = false;
  /** See whether the file still has its name. */
  #isDue = false;
  #failing = false;
  #isClosed = false;
  #lost = 0;
  #quiet = 0;
  #isTold = false;

  constructor(file: string, log: (level: Level, message: string) => void) {
    this.file = file;
    this.#log = log;
    this.#begin(); // an absent folder is told at the start
  }

  /** @param line ASCII, with its line feed. Returns at once, and never throws. */
  write(line: string): void {
    if (this.#waitingBytes + line.length > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (!this.#failing) this.#begin();
  }

  /** For SIGHUP: the file is opened again, by its name. */
  reopen(): void {
    this.#reopens = true;
    this.#begin();
  }

  /** Once a second: a file that was renamed away or removed is made anew, and a disk that was full is tried again. */
  look(): void {
    this.#quiet = Math.max(0, this.#quiet - 1);
    this.#isDue = true;
    this.#begin();
  }

  /** Writes what waits, where the disk takes it. */
  async close(): Promise<void> {
    do {
      this.#begin();
      await this.#writing;
    } while (this.#waiting.length > 0 && !this.#failing);
    this.#isClosed = true;
    await this.#closeHandle();
    if (this.#waiting.length > 0 || this.#lost > 0)
      this.#log('warning', `the access log ${this.file} lacks ${this.#waiting.length + this.#lost} lines`);
  }

  #begin(): void {
    if (this.#isClosed) return;
    this.#writing ??= this.#work().then(() => {
      this.#writing = null;
      const isAsked = this.#waiting.length > 0 || this.#isDue || this.#reopens;
      if (isAsked && !this.#failing) this.#begin();
    });
  }

  async #work(): Promise<void> {
    try {
      await this.#requireFile();
      do {
        if (this.#reopens || this.#isDue) await this.#requireFile();
        await this.#writeWaiting();
      } while (this.#waiting.length > 0);
      this.#recovered();
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** Opens the file, unless what is open is what its name leads to. */
  async #requireFile(): Promise<void> {
    const isKnown = this.#handle !== null && !this.#reopens;
    if (isKnown && !this.#isDue) return;
    this.#isDue = false;
    if (isKnown && (await this.#isStillThere())) return;
    this.#reopens = false;
    await this.#closeHandle();
    this.#handle = await opened(this.file);
    // In a new file the line that was cut begins again.
    if (this.#rest === null) return;
    const { bytes, done } = this.#rest;
    this.#rest = { bytes, done: done === 0 ? 0 : bytes.lastIndexOf('\n', done - 1) + 1 };
  }

  async #isStillThere(): Promise<boolean> {
    const [own, named] = await Promise.all([this.#handle?.stat(), stat(this.file).catch(() => null)]);
    return own !== undefined && named !== null && own.ino === named.ino && own.dev === named.dev;
  }

  async #closeHandle(): Promise<void> {
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close().catch(() => undefined); // what was written is written
  }

  async #writeWaiting(): Promise<void> {
    const handle = this.#handle;
    if (handle === null) return;
    if (this.#rest === null) {
      if (this.#waiting.length === 0) return;
      this.#rest = { bytes: Buffer.from(this.#waiting.join(''), 'latin1'), done: 0 };
      this.#waiting = [];
    }
    const { bytes } = this.#rest;
    for (let { done } = this.#rest; done < bytes.length; this.#rest = { bytes, done })
      done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten;
    this.#rest = null;
    this.#waitingBytes -= bytes.length;
  }

  #recovered(): void {
    this.#failing = false;
    if (!this.#isTold && (this.#lost === 0 || this.#quiet > 0)) return;
    this.#isTold = false;
    this.#quiet = QUIET;
    this.#log('notice', `the access log ${this.file} is written again; ${this.#lost} lines are not in it`);
    this.#lost = 0;
  }

  #failed(error: Error): void {
    this.#failing = true;
    if (this.#isTold || this.#quiet > 0) return;
    this.#isTold = true;
    this.#quiet = QUIET;
    this.#log(
      'warning',
      `the access log ${this.file} cannot be written: ${error.message}. Requests are answered all the same`,
    );
  }
}

/** Made with its mode whatever the umask is. A last line that a full disk has cut is ended. @throws what open threw */
async function opened(file: string): Promise<FileHandle> {
  const handle = await made(file);
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new Error('it is not a regular file');
    if (found.size > 0) {
      const last = Buffer.alloc(1);
      await handle.read(last, 0, 1, found.size - 1);
      if (last[0] !== 0x0a) await handle.write('\n');
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function made(file: string): Promise<FileHandle> {
  const flags = O_RDWR | O_APPEND | O_NONBLOCK;
  try {
    const handle = await open(file, flags | O_CREAT | O_EXCL, MODE);
    await handle.chmod(MODE);
    return handle;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await open(file, flags);
  }
}
