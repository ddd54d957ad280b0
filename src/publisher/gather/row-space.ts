/**
 * How much memory one publish takes for rows, and where those go that do not fit: files without a name in `state_dir`,
 * which are gone when the process ends, however it ends. A run that is killed leaves nothing to clean up, and nobody
 * else can open what it has written.
 */
import os from 'node:os';
import { HostError } from '../../errors.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { ScratchFile } from '../../io/scratch-file.ts';
import { PublishError } from '../errors.ts';

const MIB = 2 ** 20;
/** Bytes of rows. A list that is not larger never touches the disk. */
const IN_MEMORY = 64 * MIB;
/** Of a larger list, so many bytes are sorted at a time. */
const RUN = 24 * MIB;
/** Why a dry run or `explain` cannot write to `state_dir`. A publish writes its lock there, so it can. */
const UNWRITABLE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS']);

export class RowSpace {
  /** Bytes of rows that one collection holds in memory. */
  readonly limit: number;
  /** The same once it has begun to write runs. */
  readonly run: number;
  readonly #folder: string;
  readonly #files = new Set<ScratchFile>();
  #kept = 0;

  /** @param limit another limit than that of this page. */
  constructor(folder: string, limit = IN_MEMORY) {
    this.#folder = folder;
    this.limit = limit;
    this.run = Math.min(limit, RUN);
  }

  /**
   * Counts rows that stay in memory until the publish ends. @returns false if there is no room for them: sources' own
   * rows may take half of the limit together.
   */
  keeps(bytes: number): boolean {
    if (this.#kept + bytes > this.limit / 2) return false;
    this.#kept += bytes;
    return true;
  }

  /** @throws PublishError OUTPUT, HostError NO_SPACE */
  open(): ScratchFile {
    const file = this.#in(this.#folder) ?? this.#in(os.tmpdir());
    if (file === null)
      throw new PublishError('OUTPUT', `cannot write temporary files, neither to ${this.#folder} nor ${os.tmpdir()}`);
    this.#files.add(file);
    return file;
  }

  /** Appends to a file of this space. @throws PublishError OUTPUT, HostError NO_SPACE */
  write(file: ScratchFile, bytes: Uint8Array): void {
    try {
      file.write(bytes);
    } catch (error) {
      if (error instanceof HostError) throw error;
      const why = whyUnwritten(error, this.#folder);
      throw new PublishError('OUTPUT', `cannot write temporary files in ${this.#folder}: ${why}`, error);
    }
  }

  /** Frees one file before the end. */
  free(file: ScratchFile): void {
    this.#files.delete(file);
    file.discard();
  }

  /** Frees all. What lies there cannot be read any more. */
  close(): void {
    for (const file of this.#files) file.discard();
    this.#files.clear();
  }

  #in(folder: string): ScratchFile | null {
    const what = `the rows of a large list for a while, in ${folder}`;
    try {
      return new ScratchFile(folder, true, what);
    } catch (error) {
      if (error instanceof HostError) throw error;
      if (UNWRITABLE.has((error as NodeJS.ErrnoException).code ?? '')) return null;
      throw new PublishError('OUTPUT', `cannot write ${what}: ${whyUnwritten(error, folder)}`, error);
    }
  }
}
