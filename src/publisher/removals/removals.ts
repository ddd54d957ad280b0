/**
 * Keeps an address in the list for `remove_after` after its source has lost it (docs/commands.md section 3). For
 * each source: a row that it gave last time and no longer gives starts to wait, and a row that it gives again stops
 * waiting. If the configuration no longer has the source of a row, or the state was lost, the row waits under
 * `ORPHANS`. Reads what the state keeps; only `keepRemovals` writes.
 */
import { domainOf } from '../../bundle/address/address.ts';
import { gzipped } from '../../bundle/table/gzip-writer.ts';
import type { RowStream } from '../../bundle/table/rows.ts';
import type { PublisherConfig } from '../config.ts';
import type { Gathered } from '../gather/gather.ts';
import { RowRuns, settled, stored } from '../gather/row-runs.ts';
import type { RowSpace } from '../gather/row-space.ts';
import type { RowTable } from '../gather/row-table.ts';
import { isNamedBy } from '../policy-domains.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { packedToKeep } from '../tables/compress.ts';
import { streamed, writeFiles } from '../tables/tables.ts';
import { NONE_WAITING, readWaiting, waitingNow, waitingText, type Waited, type WaitingRows } from './waiting-rows.ts';

/** The name under which rows wait that belong to no known source. */
export const ORPHANS = '';

export interface SourceRemovals extends Waited {
  /** The source's name, or ORPHANS. */
  readonly source: string;
  readonly delay: number;
  /** The source's rows, including those that wait. */
  readonly rows: RowTable;
}

export interface Removals {
  /** The table and each source's rows, including all that wait. */
  readonly gathered: Gathered;
  /** The sources with a `remove_after`, and ORPHANS. */
  readonly sources: readonly SourceRemovals[];
  /** How many rows are in the list only because they wait. */
  readonly rows: number;
  /** When the first of them is due. */
  readonly next: Date | null;
}

export interface Known {
  readonly kept: StateFolder;
  /** The rows of the published table, if it can be read. May be called again. */
  readonly base: (() => RowStream) | null;
  /** Names of the sources when it was published. */
  readonly sources: readonly string[];
}

export const delayOf = (config: PublisherConfig, source: { readonly remove_after?: number | undefined }): number =>
  source.remove_after ?? config.policy.remove_after;

/** Whether any row can wait under this configuration. */
export const hasRemovals = (config: PublisherConfig): boolean =>
  config.source.some((source) => delayOf(config, source) > 0);

/** @throws PublishError STATE if what the state keeps is damaged. */
export async function removals(
  config: PublisherConfig,
  gathered: Gathered,
  known: Known,
  now: Date,
): Promise<Removals> {
  if (!hasRemovals(config)) return { gathered, sources: [], rows: 0, next: null };
  const { kept, base } = known;
  const { space } = gathered;
  const sources: SourceRemovals[] = [];
  let unknown = false;
  for (const source of config.source) {
    const [delay, given] = [delayOf(config, source), gathered.sources.get(source.name)];
    if (delay === 0 || given === undefined) continue;
    const before = kept.sourceRows(source.name);
    if (before === null) unknown = true;
    const isSkipped = isNamedBy(source.skip_domains);
    const isAllowed = allowed(config, isSkipped);
    const waiting = await keptOf(kept, source.name);
    const waited = await waitingNow(before ?? streamed([]), given, waiting, { delay, now, isAllowed }, stream);
    const rows = withWaiting(space, given, waited.waiting.rows);
    sources.push({ ...waited, hasOtherRows: waited.hasOtherRows || before === null, source: source.name, delay, rows });
  }
  const table = together(space, [gathered.table, ...sources.map(({ waiting }) => waiting.rows)]);
  const left = config.policy.remove_after > 0 && known.sources.some((name) => !gathered.sources.has(name));
  const orphans = await keptOf(kept, ORPHANS);
  if (((unknown || left) && base !== null) || orphans.rows.rows > 0) {
    const delay = Math.max(...config.source.map((source) => delayOf(config, source)));
    const isAllowed = allowed(config, () => false);
    const before = (unknown || left) && base !== null ? base() : stream(orphans.rows);
    const waited = await waitingNow(before, table, orphans, { delay, now, isAllowed }, stream);
    sources.push({ ...waited, hasOtherRows: false, source: ORPHANS, delay, rows: waited.waiting.rows });
  }
  return joined(config, gathered, sources);
}

/** The list with the waiting rows, and with postmaster@ of their domains if the policy adds it. */
function joined(config: PublisherConfig, gathered: Gathered, sources: readonly SourceRemovals[]): Removals {
  const waiting = sources.filter((each) => each.waiting.rows.rows > 0);
  const dues = waiting.map(({ waiting: { since }, delay }) => since.reduce((a, b) => Math.min(a, b)) + delay);
  const own = new Map(gathered.sources);
  for (const { source, rows } of sources) if (source !== ORPHANS) own.set(source, rows);
  const further = waiting.map((each) => each.waiting.rows);
  const table = together(gathered.space, [gathered.table, ...further], config.policy.postmaster);
  return {
    gathered: { ...gathered, table, sources: own },
    sources,
    rows: table.rows - gathered.table.rows,
    next: dues.length === 0 ? null : new Date(Math.min(...dues)),
  };
}

/**
 * All rows of the first list and of the others. @param postmaster whether to add postmaster@ for the others'
 * domains.
 */
function together(space: RowSpace, [first, ...others]: readonly RowTable[], postmaster = false): RowTable {
  if (first !== undefined && others.every((each) => each.rows === 0)) return first;
  const rows = new RowRuns(space);
  const isOnDisk = first?.text === null;
  if (first !== undefined && !isOnDisk) rows.addTable(first);
  const domains = new Set<string>();
  for (const each of others) {
    rows.addTable(each);
    if (postmaster) for (const row of rowsOf(each)) domains.add(domainOf(row));
  }
  for (const domain of domains) rows.rows.add(`postmaster@${domain}`);
  // What lies on disk is sorted already.
  return first !== undefined && isOnDisk ? stored(space, [first, rows.sorted()]) : rows.sorted();
}

function withWaiting(space: RowSpace, given: RowTable, waiting: RowTable): RowTable {
  return waiting.rows === 0 ? given : settled(space, together(space, [given, waiting]));
}

/** A row may wait only if a source may give it. A row that the policy no longer allows is removed at once. */
function allowed(config: PublisherConfig, isSkipped: (domain: string) => boolean): (row: string) => boolean {
  const { domains, wildcards } = config.policy;
  const isOurs = domains === undefined ? () => true : isNamedBy(domains);
  const named = new Set(wildcards.map((domain) => `@${domain}`));
  return (row) => {
    const domain = domainOf(row);
    return isOurs(domain) && !isSkipped(domain) && (row !== `@${domain}` || named.has(row));
  };
}

async function keptOf(kept: StateFolder, source: string): Promise<WaitingRows> {
  const text = kept.waitingText(source);
  if (text === null) return NONE_WAITING;
  return (await readWaiting(text)) ?? kept.damagedWaiting(source);
}

const stream = (rows: RowTable): RowStream => streamed(rows.blocks());

function* rowsOf(rows: RowTable): Generator<string> {
  for (const { bytes, starts, count } of rows.blocks()) {
    for (let i = 0; i < count; i++) yield Buffer.from(bytes.subarray(starts[i], (starts[i + 1] ?? 1) - 1)).toString();
  }
}

/**
 * Keeps the waiting rows, after each source's rows. If a run is killed in between, its removals are final. A row that
 * started to wait has no time on record; the next run starts counting for it.
 * @param withRows the sources' rows have not been kept yet.
 */
export async function keepRemovals(
  kept: StateFolder,
  { gathered, sources }: Removals,
  withRows: boolean,
): Promise<void> {
  for (const { source, rows, hasOtherRows } of sources) {
    if (withRows && hasOtherRows) writeFiles([kept.sourceTable(source)], await packedToKeep(rows, gathered.space));
  }
  for (const { source, waiting, isNew } of sources) {
    if (!isNew) continue;
    if (waiting.rows.rows === 0) kept.dropWaiting(source);
    else writeFiles([kept.waitingFile(source)], await gzipped(waitingText(waiting), { level: 1 }));
  }
}

/** A waiting row, for a person to read. */
export interface WaitingRow {
  readonly row: string;
  /** Null if no source in the configuration is known to have given it. */
  readonly source: string | null;
  readonly since: Date;
  readonly until: Date;
}

/** The waiting rows, in order: a selection, or the first ones. */
export function* waitingRows({ sources }: Removals): Generator<WaitingRow> {
  for (const { source, delay, waiting } of sources) {
    let i = 0;
    for (const row of rowsOf(waiting.rows)) {
      const since = waiting.since[i++] ?? 0;
      yield { row, source: source === ORPHANS ? null : source, since: new Date(since), until: new Date(since + delay) };
    }
  }
}
