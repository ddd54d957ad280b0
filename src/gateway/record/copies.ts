/**
 * The last good copies of one bundle, and the only reader and writer of them: signed envelopes and compressed
 * tables below
 * `state_dir/bundles/NAME/`. A table is hashed again each time it is read. Nothing here judges: a table is kept
 * only on the judge's word. Whatever changes a name in that folder is done under the lock; a spool has no name and
 * needs none.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream, lstatSync, openSync } from 'node:fs';
import path from 'node:path';
import type { JudgedTable } from '../../bundle/offer/guard.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { rowBlocks, type RowBlock, type RowStream } from '../../bundle/table/rows.ts';
import type { VerifiedManifest } from '../../bundle/trust/verify.ts';
import { HostError, StepError, TableError } from '../../errors.ts';
import { AtomicFile, makeFolder, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { havePassed } from '../../io/v8-collect.ts';
import { ScratchFile } from '../../io/scratch-file.ts';
import { Envelopes } from './envelopes.ts';
import { STEPS_FOLDER, StepFiles } from './step-files.ts';
import type { CopyRef, EnvelopeRef } from './state.ts';

const MODE = 0o640;

declare const good: unique symbol;
/** A good table of a bundle, from which maps may be made. Only `keep` and `reopen` make one. */
export interface Copy {
  readonly [good]: true;
  /** Lower-case hex SHA-256 of its text. */
  readonly table: string;
  /** Hashed again as they are read. Ends in an error unless they are this table: nothing of them counts before that. */
  rows(): RowStream;
  /** The table of next hops that belongs to it, read in the same way; null for none. */
  readonly nextHops: { readonly table: string; rows(): RowStream } | null;
}

/** A spool of so many bytes needs no file: a thousand small bundles would else hold a thousand of them open. */
const IN_MEMORY = 64 * 1024;
/** What is moved to memory where the disk has no room for it twice. */
const MOST_IN_MEMORY = 128 * 1024 * 1024;

/** A table's body while it is being read and judged. */
export class Spool {
  readonly table: string;
  readonly #folder: string;
  #first: Uint8Array[] = [];
  #length = 0;
  #file: ScratchFile | null = null;

  constructor(folder: string, table: string) {
    this.#folder = folder;
    this.table = table;
  }

  /** @throws HostError NO_SPACE */
  write(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#file === null && this.#length <= IN_MEMORY) {
      this.#first.push(new Uint8Array(bytes));
      return;
    }
    if (this.#file === null) {
      makeFolder(this.#folder, 0o750);
      this.#file = new ScratchFile(this.#folder);
      for (const chunk of this.#first.splice(0)) this.#file.write(chunk);
    }
    this.#file.write(bytes);
  }

  /** Each chunk is the reader's to keep. */
  chunks(): Iterable<Uint8Array> {
    return this.#file?.chunks() ?? this.#first;
  }

  /** Each chunk is good until the next one. */
  copyTo(write: (chunk: Uint8Array) => void): void {
    if (this.#file === null) this.#first.forEach(write);
    else this.#file.copyTo(write);
  }

  /**
   * Gives back its room on the disk, and is as good as before. @returns false where there is none, or too much to
   * hold
   */
  moveToMemory(): boolean {
    if (this.#file === null || this.#length > MOST_IN_MEMORY) return false;
    this.#first = [...this.#file.chunks()];
    this.#file.discard();
    this.#file = null;
    return true;
  }

  /** Gives its room back; safe to call at any time. */
  discard(): void {
    this.#file?.discard();
    this.#first = [];
  }
}

export class Copies {
  readonly folder: string;
  readonly envelopes: Envelopes;
  readonly steps: StepFiles;
  readonly #gid: number | null;

  /** @param gid the group that may read copies, where there is one. */
  constructor(stateDir: string, name: string, gid: number | null) {
    this.folder = path.join(stateDir, 'bundles', name);
    this.envelopes = new Envelopes(this.folder);
    this.steps = new StepFiles(this.folder);
    this.#gid = gid;
  }

  /** For the body of a table that is about to be read; needs no lock. */
  spool(table: string): Spool {
    return new Spool(this.folder, table);
  }

  /**
   * Keeps what was spooled: both tables are one copy.
   * @param spool null where its table is kept already, and so with the next hops'
   */
  keep(spool: Spool | null, judged: JudgedTable, nextHops: Spool | null = null): Copy {
    const pairs = [
      [spool, judged.table],
      [nextHops, judged.nextHops],
    ] as const;
    for (const [spooled, table] of pairs) {
      if (spooled !== null && spooled.table !== table)
        throw new StepError('INTERNAL', `the table ${spooled.table} was spooled, ${table ?? 'none'} was judged`);
    }
    for (const [spooled] of pairs) if (spooled !== null) this.#keep(spooled);
    return this.reopen(judged.table, judged.nextHops);
  }

  #keep(spool: Spool): void {
    makeFolder(this.folder, 0o750);
    const target = this.#table(spool.table);
    // A folder cannot be renamed onto; this one is ours, and nothing but copies belongs here.
    if (lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true) removeDurable(target);
    try {
      this.#write(target, spool);
    } catch (error) {
      // There may be room for the table and not for its spool beside it.
      if (!(error instanceof HostError && error.code === 'NO_SPACE' && spool.moveToMemory())) throw error;
      this.#write(target, spool);
    }
  }

  #write(target: string, spool: Spool): void {
    const file = new AtomicFile(target, MODE);
    try {
      this.#giveToGroup(file);
      spool.copyTo((chunk) => file.write(chunk));
      file.commit();
    } finally {
      file.discard();
    }
  }

  /** A table that was kept before, and the next hops that belong to it. */
  reopen(table: string, nextHops: string | null = null): Copy {
    const opened = (sha256: string) => ({ table: sha256, rows: () => this.rows(sha256) });
    return { ...opened(table), nextHops: nextHops === null ? null : opened(nextHops) } as unknown as Copy;
  }

  /**
   * The rows of a kept table. Throws before it ends unless the whole text has the right hash: nothing of it counts
   * before that.
   */
  async *rows(sha256: string): AsyncGenerator<RowBlock> {
    const hash = createHash('sha256');
    const hashed = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
        havePassed(chunk.length);
      }
    };
    yield* rowBlocks(hashed(gunzipOne(openTable(this.#table(sha256)))));
    const found = hash.digest('hex');
    if (found !== sha256)
      throw new TableError('HASH_MISMATCH', `a kept copy has the hash ${found}, expected ${sha256}`);
  }

  /** The same, not hashed: for a base, which is proved by the hash of the table that a delta makes of it. */
  async *unprovenRows(sha256: string): AsyncGenerator<RowBlock> {
    yield* rowBlocks(gunzipOne(openTable(this.#table(sha256))));
  }

  /** Whether a kept table is there and has its hash. */
  async isWhole(sha256: string): Promise<boolean> {
    return (await this.fault(sha256)) === null;
  }

  /** What is wrong with a copy, in words; whatever it is, it is no copy to build maps from. */
  async fault(sha256: string): Promise<string | null> {
    try {
      for await (const _ of this.rows(sha256)) void _;
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** Stores the envelope of a verified manifest whose table is kept. */
  keepEnvelope(v: VerifiedManifest): EnvelopeRef {
    return this.envelopes.keepGood(v);
  }

  /** The bytes of a stored envelope, or null where it is missing or does not hold the payload it is named after. */
  envelope(ref: EnvelopeRef): Uint8Array | null {
    return this.envelopes.read(ref);
  }

  /** Where two signed payloads of one version are kept, for a person. */
  get evidenceFolder(): string {
    return path.join(this.folder, 'evidence');
  }

  /** @param other in hand, or stored; where it is gone, there is evidence of the one payload alone. */
  keepEvidence(v: VerifiedManifest, other: VerifiedManifest | EnvelopeRef): string {
    const folder = this.evidenceFolder;
    makeFolder(folder, 0o750);
    const name = (digest: string) => path.join(folder, `${v.manifest.version}-${digest.slice(0, 16)}.json`);
    const earlier = 'envelope' in other ? other.envelope : this.envelope(other);
    if (earlier !== null) writeFileAtomic(name(other.digest), earlier, MODE);
    writeFileAtomic(name(v.digest), v.envelope, MODE);
    return folder;
  }

  /** Removes tables and envelopes that nothing names. */
  clean(tables: ReadonlySet<string>, good: readonly EnvelopeRef[], seen: readonly EnvelopeRef[]): void {
    this.envelopes.clean(good, seen, [...Array.from(tables, tableName), 'evidence', STEPS_FOLDER]);
  }

  #giveToGroup(file: AtomicFile): void {
    try {
      if (this.#gid !== null) file.giveToGroup(this.#gid);
    } catch {
      // Refused: copies are then readable by their owner alone, which is all that a cycle needs.
    }
  }

  #table(sha256: string): string {
    return path.join(this.folder, tableName(sha256));
  }
}

const tableName = (sha256: string): string => `${sha256}.gz`;

/** No link is followed, and a pipe that someone laid there ends at once instead of never. */
function openTable(file: string): AsyncIterable<Buffer> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return createReadStream('', { fd });
}

/** Stands for both tables of a copy. */
const pair = ({ table, transport }: CopyRef): string => `${table} ${transport?.table ?? ''}`;

/** The tables that a copy is made of. */
export const tablesOf = ({ table, transport }: CopyRef): string[] => [
  table,
  ...(transport === null ? [] : [transport.table]),
];

/** The copies to keep: the newest of `keep` distinct tables, and always the newest that is older than a day. */
export function keptCopies(all: readonly CopyRef[], keep: number, now: Date): CopyRef[] {
  const newest = new Map<string, CopyRef>();
  for (const copy of all) {
    newest.delete(pair(copy));
    newest.set(pair(copy), copy);
  }
  const distinct = [...newest.values()];
  const day = dayOld(distinct, now);
  const recent = distinct.slice(-keep);
  return day === undefined || recent.includes(day) ? recent : [day, ...recent];
}

/** The newest copy that has been there for a day. */
export function dayOld(copies: readonly CopyRef[], now: Date): CopyRef | undefined {
  return copies.filter((c) => Date.parse(c.since) <= now.getTime() - 86_400_000).at(-1);
}
