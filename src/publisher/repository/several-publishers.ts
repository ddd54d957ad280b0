/**
 * What publishers of one list do about each other (docs/commands.md section 3.1): which version comes next, whether
 * a table of another publisher may be replaced, and what became of a manifest whose answer was lost. Pure;
 * test/publisher/two-publishers-and-one-manifest.test.ts tries these functions in every interleaving.
 */

/** Hashes of the tables of a manifest, or of what the sources gave. `transport` is null without next hops. */
export interface Tables {
  readonly recipients: string;
  readonly transport: string | null;
}

/** A manifest that is out, or was sent. */
export interface Sent {
  readonly version: number;
  /** SHA-256 of its payload. */
  readonly digest: string;
  readonly tables: Tables;
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
 * What became of a manifest that was sent and not acknowledged, by what is out now:
 * `out`: it is; `same`: another publisher's, with the same tables; `resend`: what it was to replace is still there, so
 * the same bytes may be sent again; `again`: another publisher was faster, so all is read and judged again.
 * @param replaced digest of what it was to replace; null for nothing.
 */
export function afterSending(
  sent: Sent,
  replaced: string | null,
  out: Sent | null,
): 'out' | 'same' | 'resend' | 'again' {
  if (out?.digest === sent.digest) return 'out';
  if ((out?.digest ?? null) === replaced) return 'resend';
  return out !== null && isSameTables(out.tables, sent.tables) ? 'same' : 'again';
}

/** The most readings that are remembered. */
const REMEMBERED = 16;

/** What is remembered of readings once one has come to its end: published, found to be out, or diverged. */
export const withReading = <T extends Tables>(before: readonly T[], now: T): T[] =>
  [...before.filter((each) => !isSameTables(each, now)), now].slice(-REMEMBERED);
