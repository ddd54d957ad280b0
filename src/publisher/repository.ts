/**
 * The published files and the publisher's own memory of them (format section 1; commands.md section 3, `state_dir`). Tables and
 * deltas first, `manifest.json` last; the highest version signed is on record before it goes out.
 */
import { createReadStream, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { decodeEnvelope } from '../bundle/envelope.ts';
import { gunzipOne } from '../bundle/gzip.ts';
import { parseManifest, type Manifest } from '../bundle/manifest.ts';
import { rowBlocks, type RowBlock } from '../bundle/rows.ts';
import { AtomicFile, isAbsent, makeFolder, writeFileAtomic } from '../io/atomic-file.ts';
import { PublishError } from './errors.ts';

const DAY = 86_400_000;
// The folders keep the list confidential; the files in them may be read by whoever may enter, such as a web server's group.
const FOLDER = 0o750;
const FILE = 0o644;

const Table = z.object({ sha256: z.string(), rows: z.number(), domains: z.number(), at: z.string() });

const State = z.object({
  format: z.literal(1),
  name: z.string(),
  /** The highest version ever signed. */
  highest: z.int(),
  /** Published tables that deltas start from, oldest first, the current one last. */
  tables: z.array(Table),
  /** Blobs that the newest manifest no longer names, and since when. */
  unnamed: z.record(z.string(), z.string()),
});

export type PublisherState = z.infer<typeof State>;
export type PublishedTable = z.infer<typeof Table>;

export interface Published {
  readonly manifest: Manifest;
  readonly envelope: Uint8Array;
}

export class Repository {
  readonly #output: string;
  readonly #stateDir: string;

  constructor(output: string, stateDir: string) {
    this.#output = output;
    this.#stateDir = stateDir;
  }

  get lockFile(): string {
    return path.join(this.#stateDir, 'lock');
  }

  makeStateFolder(): void {
    makeFolder(this.#stateDir, 0o700);
  }

  /** Null where nothing was ever published from here. @throws PublishError STATE for a damaged record. */
  state(): PublisherState | null {
    const file = path.join(this.#stateDir, 'state.json');
    let json: unknown;
    try {
      json = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      if (isAbsent(error)) return null;
      throw new PublishError(
        'STATE',
        `${file} is damaged; move it away, then publish with --next-version above all published versions`,
        error,
      );
    }
    const result = z.safeParse(State, json);
    if (!result.success)
      throw new PublishError(
        'STATE',
        `${file} is not a record of this version; move it away, then publish with --next-version`,
      );
    return result.data;
  }

  writeState(state: PublisherState): void {
    writeFileAtomic(path.join(this.#stateDir, 'state.json'), `${JSON.stringify(state, null, 1)}\n`, 0o600);
  }

  /** What is published now; null where nothing is. @throws PublishError STATE for a manifest that cannot be read. */
  published(): Published | null {
    const file = path.join(this.#output, 'manifest.json');
    let envelope: Uint8Array;
    try {
      envelope = readFileSync(file);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw new PublishError('STATE', `cannot read ${file}: ${(error as Error).message}`, error);
    }
    try {
      return { envelope, manifest: parseManifest(decodeEnvelope(envelope).payload) };
    } catch (error) {
      throw new PublishError(
        'STATE',
        `${file} is damaged; move it away, then publish with --next-version above its version`,
        error,
      );
    }
  }

  /** A published file being written. */
  blob(name: string): AtomicFile {
    makeFolder(path.join(this.#output, 'recipients'), FOLDER);
    return new AtomicFile(path.join(this.#output, 'recipients', name), FILE);
  }

  has(name: string): boolean {
    return existsSync(path.join(this.#output, 'recipients', name));
  }

  /** A table kept for the deltas to come. */
  keptTable(sha256: string): AtomicFile {
    makeFolder(path.join(this.#stateDir, 'tables'), 0o700);
    return new AtomicFile(path.join(this.#stateDir, 'tables', `${sha256}.gz`), 0o600);
  }

  hasKept(sha256: string): boolean {
    return existsSync(path.join(this.#stateDir, 'tables', `${sha256}.gz`));
  }

  keptRows(sha256: string): AsyncGenerator<RowBlock> {
    return rowBlocks(gunzipOne(createReadStream(path.join(this.#stateDir, 'tables', `${sha256}.gz`))));
  }

  /** The plain bytes of a published blob, as a gateway would read them. */
  plain(name: string): AsyncGenerator<Uint8Array> {
    return gunzipOne(createReadStream(path.join(this.#output, 'recipients', name)));
  }

  writeManifest(envelope: Uint8Array): void {
    makeFolder(this.#output, FOLDER);
    writeFileAtomic(path.join(this.#output, 'manifest.json'), envelope, FILE);
  }

  /** Drops kept tables that no delta starts from, and blobs that have not been named for a day. */
  clean(state: PublisherState, named: ReadonlySet<string>, now: Date): PublisherState {
    const keep = new Set(state.tables.map((t) => `${t.sha256}.gz`));
    for (const name of names(path.join(this.#stateDir, 'tables'))) {
      if (!keep.has(name)) rmSync(path.join(this.#stateDir, 'tables', name), { force: true });
    }
    const unnamed: Record<string, string> = {};
    for (const name of names(path.join(this.#output, 'recipients'))) {
      if (named.has(name)) continue;
      const since = state.unnamed[name] ?? now.toISOString();
      // A gateway that has read the manifest before may still ask for it.
      if (now.getTime() - Date.parse(since) < DAY) unnamed[name] = since;
      else rmSync(path.join(this.#output, 'recipients', name), { force: true });
    }
    return { ...state, unnamed };
  }
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
