/**
 * Whether files have changed: events of their folders say when to look, stat says what is so. Files come and go, are renamed into place,
 * and so may their folders; where there are no events (network file systems) a look now and then finds the same. Reads no file.
 */
import { realpathSync, statSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { logOnce } from '../../io/log.ts';

interface Watched {
  readonly watcher: FSWatcher;
  /** Device and inode: a folder that was made anew has no events on the old watcher. */
  readonly id: string;
}

export class FileWatch {
  readonly #files: readonly string[];
  readonly #folders = new Map<string, Watched>();
  /** Called at each event; set by whoever waits. */
  onEvent: () => void = () => undefined;

  constructor(files: readonly string[]) {
    this.#files = files;
    this.refresh();
  }

  /** The state of all files; equal texts mean that none was changed, replaced, made or removed. */
  state(): string {
    return this.#files.map(signature).join('\n');
  }

  /** Watches the folders as they are now: those of the files, and of what they are links to. */
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
    if (id === null) return; // not there (yet); the next look tries again
    try {
      const watcher = watch(folder, () => this.onEvent());
      watcher.on('error', () => {
        watcher.close();
        this.#folders.delete(folder);
      });
      this.#folders.set(folder, { watcher, id });
    } catch (error) {
      // Most often the limit of fs.inotify.max_user_watches. Without events changes are found by looking.
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
    return null; // gone, or not to be looked into: reading the file will say so
  }
}

/** Where a file really is, through links. */
function target(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file; // not there (yet)
  }
}
