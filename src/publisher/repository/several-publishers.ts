/**
 * What publishers of one list do about each other (docs/commands.md section 3.1): which version comes next, whether
 * a table of another publisher may be replaced, and what became of a write whose answer says too little. Pure;
 * test/publisher/two-publishers-and-one-manifest.test.ts tries these functions in every interleaving.
 */

/** Hashes of the tables of a manifest, or of what the sources gave. `transport` is null without next hops. */
export interface Tables {
  readonly recipients: string;
  readonly transport: string | null;
}

export const isSameTables = (a: Tables, b: Tables): boolean =>
  a.recipients === b.recipients && a.transport === b.transport;

/** The highest of what is out and what was ever signed here, plus 1. @param out null if nothing is out. */
export const nextVersion = (highest: number, out: number | null): number => Math.max(highest, out ?? 0) + 1;

export interface Reading {
  /** What the sources give now. */
  readonly now: Tables;
  /** What they gave before, the last one last; none before the first reading of this publisher. */
  readonly before: readonly Tables[];
}

export interface Out {
  readonly tables: Tables;
  /** Whether another publisher has put it out. */
  readonly isOthers: boolean;
  /** Hashes of the tables of recipients that were out before it, as far as it is known. */
  readonly earlier: ReadonlySet<string>;
}

/**
 * What a publisher does about what is out. The table of another one is replaced only if the own sources have changed
 * since they were last read here. Nor is it replaced by a table that was out before it and is new to this publisher:
 * its sources are then a replica that lags, and the list would go to and fro.
 */
export function judgeReading({ now, before }: Reading, out: Out | null): 'same' | 'replace' | 'diverged' {
  if (out === null) return 'replace';
  if (isSameTables(now, out.tables)) return 'same';
  if (!out.isOthers) return 'replace';
  const last = before.at(-1);
  if (last === undefined || isSameTables(last, now)) return 'diverged';
  const isNew = !before.some(({ recipients }) => recipients === now.recipients);
  return isNew && out.earlier.has(now.recipients) ? 'diverged' : 'replace';
}

/**
 * What became of a conditional write that was answered, by what lies there afterwards: a refusal may be of a second
 * copy of the own bytes, sent because the first got no answer, and a store may lag or lie.
 * @param isDone what the store has answered.
 * @param there the bytes that were sent, the content that they were to replace, or another.
 */
export function afterWriting(
  isDone: boolean,
  there: 'sent' | 'replaced' | 'other',
): 'written' | 'refused' | 'send again' {
  if (there === 'sent') return 'written';
  if (!isDone) return 'refused';
  // Another publisher has replaced it since, having read it.
  return there === 'replaced' ? 'send again' : 'written';
}

/** The most readings that are remembered. */
const REMEMBERED = 16;

/** What is remembered of readings once one has come to its end: published, found to be out, or diverged. */
export const withReading = <T extends Tables>(before: readonly T[], now: T): T[] =>
  [...before.filter((each) => !isSameTables(each, now)), now].slice(-REMEMBERED);
