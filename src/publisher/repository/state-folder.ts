/**
 * The publisher's own state (docs/commands.md section 3, `state_dir`): the record, tables that deltas start from, and
 * what each source gave last. Always a folder of this host; repository.ts has what is published.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { AtomicFile, isAbsent, makeFolder, writeFileAtomic } from '../../io/atomic-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { STATE_NAMES } from '../config.ts';
import { PublishError } from '../errors.ts';
import { written } from './folder-store.ts';
import { parseState, type PublisherState } from './state.ts';
import { blocksOf, readFileText } from './table-text.ts';

/** Which of the bundle's tables files are of. */
export type TableName = 'recipients' | 'transport';

/** The names of kept files, and the temp names that a killed run leaves. Other files are not ours to delete. */
const OURS = /^\.?[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz(?:\.new)?$/;

export class StateFolder {
  readonly folder: string;
  readonly #table: TableName;

  constructor(folder: string, table: TableName = 'recipients') {
    this.folder = folder;
    this.#table = table;
  }

  /** The same place, for tables of next hops. */
  ofTransport(): StateFolder {
    return new StateFolder(this.folder, 'transport');
  }

  get lockFile(): string {
    return path.join(this.folder, STATE_NAMES.lock);
  }

  make(): void {
    written(this.folder, () => makeFolder(this.folder, 0o700));
  }

  /** Null if nothing was ever published from here. @throws PublishError STATE if the record is damaged. */
  record(): PublisherState | null {
    const file = path.join(this.folder, STATE_NAMES.record);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if (isAbsent(error)) return null;
      throw new PublishError('STATE', `cannot read ${file}: ${whyUnread(error, file)}`, error);
    }
    return parseState(file, text);
  }

  writeRecord(state: PublisherState): void {
    const file = path.join(this.folder, STATE_NAMES.record);
    written(file, () => writeFileAtomic(file, `${JSON.stringify(state, null, 1)}\n`, 0o600));
  }

  /** Starts writing a table that later deltas start from. */
  keptTable(sha256: string): AtomicFile {
    const file = this.#keptPath(sha256);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  hasKept(sha256: string): boolean {
    return existsSync(this.#keptPath(sha256));
  }

  /** A kept table as it is, compressed; null if it is not kept. */
  member(sha256: string): Uint8Array | null {
    const file = this.#keptPath(sha256);
    return existsSync(file) ? readFileSync(file) : null;
  }

  /** The rows of a kept table. @throws PublishError STATE if it is missing or damaged. */
  table(sha256: string): AsyncGenerator<RowBlock> {
    return blocksOf(this.tableText(sha256));
  }

  /** Its text in pieces of whole rows. Read it to the end: only there is its hash checked against its name. */
  tableText(sha256: string): AsyncGenerator<Uint8Array> {
    return readFileText(this.#keptPath(sha256), sha256);
  }

  /** Starts writing a source's own rows, for the guard of the next publish. */
  sourceTable(source: string): AtomicFile {
    const file = this.#sourcePath(source);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  /**
   * The rows that a source gave for the last publish; null if none are kept. The stream throws PublishError STATE
   * if they are damaged.
   */
  sourceRows(source: string): AsyncGenerator<RowBlock> | null {
    const text = this.sourceText(source);
    return text === null ? null : blocksOf(text);
  }

  /** The same, as text in pieces of whole rows. */
  sourceText(source: string): AsyncGenerator<Uint8Array> | null {
    const file = this.#sourcePath(source);
    return existsSync(file) ? readFileText(file, null) : null;
  }

  /** Drops what is kept of sources that no longer exist. @param waiting the sources that may have waiting rows. */
  keepSources(sources: readonly string[], waiting: readonly string[]): void {
    for (const [folder, kept] of [
      [STATE_NAMES.sources, sources],
      [STATE_NAMES.waiting, waiting],
    ] as const) {
      const keep = new Set(kept.map((source) => path.basename(this.#sourcePath(source))));
      const place = path.join(this.folder, folder);
      for (const name of names(place)) if (!keep.has(name)) rmSync(path.join(place, name), { force: true });
    }
  }

  /** Starts writing the rows of a source that wait to be removed. */
  waitingFile(source: string): AtomicFile {
    const file = this.#waitingPath(source);
    return written(file, () => {
      makeFolder(path.dirname(file), 0o700);
      return new AtomicFile(file, 0o600);
    });
  }

  /**
   * Their text in pieces of whole lines; null if none wait. The stream throws PublishError STATE if it is damaged.
   */
  waitingText(source: string): AsyncGenerator<Uint8Array> | null {
    const file = this.#waitingPath(source);
    return existsSync(file) ? readFileText(file, null) : null;
  }

  dropWaiting(source: string): void {
    written(this.#waitingPath(source), () => rmSync(this.#waitingPath(source), { force: true }));
  }

  /** @throws PublishError STATE */
  damagedWaiting(source: string): never {
    const file = this.#waitingPath(source);
    throw new PublishError('STATE', `${file} is damaged; remove it, and what waits to be removed waits from then on`);
  }

  /** Drops every kept table but these. */
  dropTables(needed: readonly string[]): void {
    const keep = new Set(needed.map((sha256) => path.basename(this.#keptPath(sha256))));
    const tables = path.dirname(this.#keptPath(''));
    for (const name of names(tables)) if (!keep.has(name)) rmSync(path.join(tables, name), { force: true });
  }

  #sourcePath(source: string): string {
    return path.join(this.folder, STATE_NAMES.sources, `${createHash('sha256').update(source).digest('hex')}.gz`);
  }

  #waitingPath(source: string): string {
    return path.join(this.folder, STATE_NAMES.waiting, path.basename(this.#sourcePath(source)));
  }

  #keptPath(sha256: string): string {
    const folder = this.#table === 'transport' ? STATE_NAMES.transport : STATE_NAMES.tables;
    return path.join(this.folder, folder, `${sha256}.gz`);
  }
}

/** The files in a folder that publish itself may have written. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && OURS.test(entry.name))
      .map((entry) => entry.name);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
