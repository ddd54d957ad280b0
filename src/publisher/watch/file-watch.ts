/**
 * Detects whether files have changed. Events of their folders say when to look; stat says whether something
 * changed. Files and folders come and go and are renamed into place. On network file systems, which give no events,
 * a regular look finds the changes. Reads no file.
 */
import { realpathSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { logOnce } from '../../io/log.ts';

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode. A folder that was made again gets no events on the old watcher. */
  readonly id: string;
}

export class FileWatch {
  readonly #files: readonly string[];
  readonly #folders = new Map<string, Watched>();
  /** Called at each event. The waiting code sets it. */
  onEvent: () => void = () => undefined;

  constructor(files: readonly string[]) {
    this.#files = files;
    this.refresh();
  }

  /** The state of all files as a text. It is equal if no file was changed, replaced, made or removed. */
  state(): string {
    return this.#files.map(signature).join('\n');
  }

  /** Watches the current folders: those of the files, and those of the files that links lead to. */
  refresh(): void {
    const wanted = new Set(this.#files.flatMap((file) => [path.dirname(file), path.dirname(target(file))]));
    for (const [folder, { watcher, id }] of this.#folders) {
      if (wanted.has(folder) && idOf(folder) === id) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#watch(folder);
  }

  close(): void {
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #watch(folder: string): void {
    const id = idOf(folder);
    if (id === null) return; // absent so far; the next look tries again
    try {
      const watcher = watch(folder, () => this.onEvent());
      watcher.on('error', () => {
        watcher.close();
        this.#folders.delete(folder);
      });
      this.#folders.set(folder, { watcher, id });
    } catch (error) {
      // Usually the limit fs.inotify.max_user_watches. Without events, regular looks find the changes.
      logOnce('notice', `no events of ${folder}: ${(error as Error).message}`);
    }
  }
}

function signature(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

function idOf(folder: string): string | null {
  try {
    const { dev, ino } = statSync(folder, { bigint: true });
    return `${dev} ${ino}`;
  } catch {
    return null; // gone or unreadable: reading the file reports it
  }
}

/** The file that a path leads to through links. */
function target(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file; // absent so far
  }
}
