/**
 * Judges a whole table that is about to replace another (docs/commands.md sections 2.3 Guard and 2.4). Gateway and
 * publisher share the shrink rule and the history of row counts. Pure: findings in, a refusal or nothing out.
 * docs/SECURITY.md says what the guard promises.
 */
import { GuardError } from '../../errors.ts';

/** What a table holds, in rows and distinct domains. */
export interface TableSize {
  readonly rows: number;
  readonly domains: number;
}

export interface Shrinkage {
  readonly percent: number;
  /** The table in use, and what of it the new one lacks. */
  readonly installed: TableSize;
  readonly removed: TableSize;
  readonly next: TableSize;
  /** Rows of the table that was in use 24 h ago: `rowsDayAgo` of the history. Null without a history. */
  readonly dayAgoRows: number | null;
}

/** How many rows the table in use has had since this time (ISO 8601). A history is a list of these, oldest first. */
export interface RowCount {
  readonly at: string;
  readonly rows: number;
}

const DAY = 86_400_000;
/** A history with more entries than this is thinned to a resolution of SLOT. */
const MAX_HISTORY = 512;
const SLOT = 600_000;

const FREE_ROWS = 10;
const FREE_DOMAINS = 1;

/** Why the new table has shrunk too far, in words with both values; null if it has not. */
export function shrunk(s: Shrinkage): string | null {
  const over = (lost: number, of: number, free: number) => lost > free && lost * 100 > s.percent * of;
  if (over(s.removed.rows, s.installed.rows, FREE_ROWS)) {
    return `${s.removed.rows} of the ${s.installed.rows} rows in use would go, more than ${s.percent} %`;
  }
  if (over(s.removed.domains, s.installed.domains, FREE_DOMAINS)) {
    return `${s.removed.domains} of the ${s.installed.domains} domains in use would go, more than ${s.percent} %`;
  }
  if (s.dayAgoRows !== null && over(s.dayAgoRows - s.next.rows, s.dayAgoRows, FREE_ROWS)) {
    return `${s.next.rows} rows against ${s.dayAgoRows} a day ago or less: more than ${s.percent} % would be gone in a day`;
  }
  return null;
}

/**
 * Rows of the table that was in use 24 h ago. With less than 24 h of history the oldest entry counts; null without
 * any.
 */
export function rowsDayAgo(history: readonly RowCount[], now: Date): number | null {
  return (dayOld(history, now) ?? history[0])?.rows ?? null;
}

/**
 * The history after a table of `rows` came into use.
 * @param shrinkAccepted the table has shrunk too far and was accepted all the same: the history starts anew with it.
 */
export function rememberRows(
  history: readonly RowCount[],
  rows: number,
  now: Date,
  shrinkAccepted: boolean,
): RowCount[] {
  const entry = { at: now.toISOString(), rows };
  if (shrinkAccepted) return [entry];
  // A clock that was ahead left times in the future. They count as now: the least that can be said of them.
  const past = history.map((h) => (Date.parse(h.at) > now.getTime() ? { at: entry.at, rows: h.rows } : h));
  const old = dayOld(past, now);
  const needed = old === undefined ? past : past.slice(past.lastIndexOf(old));
  // The same count again changes nothing: the older time says more.
  const next = needed.at(-1)?.rows === rows ? needed : [...needed, entry];
  return next.length > MAX_HISTORY ? thinned(next) : next;
}

/** The newest entry that is 24 h old. */
const dayOld = (history: readonly RowCount[], now: Date): RowCount | undefined =>
  history.filter((h) => Date.parse(h.at) <= now.getTime() - DAY).at(-1);

/**
 * Keeps the oldest entry, and of each SLOT two: its highest count, from the slot's first time on, and its last
 * count. Up to ten minutes of the history then count as the highest of them: the guard may refuse more for it, and
 * never less.
 */
function thinned(history: readonly RowCount[]): RowCount[] {
  const slots = new Map<number, RowCount[]>();
  for (const h of history) {
    const slot = Math.floor(Date.parse(h.at) / SLOT);
    const [highest = h] = slots.get(slot) ?? [];
    slots.set(slot, [{ at: highest.at, rows: Math.max(highest.rows, h.rows) }, h]);
  }
  return [...history.slice(0, 1), ...[...slots.values()].flat()].filter((h, i, all) => h.rows !== all[i - 1]?.rows);
}

/**
 * The same for a table of next hops. One that goes to the last row has shrunk, however few there were: mail for a
 * domain without its next hop follows the MX, which may be this very host.
 */
export function hopsShrunk(s: Shrinkage): string | null {
  if (s.next.rows === 0 && s.installed.rows > 0)
    return `all of the ${s.installed.rows} next hops in use would go: mail would follow the MX of its domain`;
  const reason = shrunk(s);
  return reason === null ? null : `of the next hops, ${reason}`;
}

/**
 * A publisher's signed word that a table of at least this size may be installed (format section 3,
 * `shrinkApproved`).
 */
export function approves(approval: (TableSize & { until: Date }) | undefined, next: TableSize, now: Date): boolean {
  return (
    approval !== undefined && now < approval.until && next.rows >= approval.rows && next.domains >= approval.domains
  );
}

export interface TableFindings {
  /** Lower-case hex SHA-256 of the table's text. */
  readonly table: string;
  /** Required addresses, from the local config, that the table does not accept. */
  readonly missing: readonly string[];
  /** The first domain that the bundle may not speak for, and its row. */
  readonly foreign: { readonly domain: string; readonly row: number } | null;
  /** Null where there is nothing to compare with. */
  readonly shrinkage: Shrinkage | null;
  /** The shrink guard is lifted, by hand or by the publisher's approval. */
  readonly lifted: boolean;
  /** Of the table of next hops; absent where they are not asked for. */
  readonly nextHops?: HopFindings | null;
}

export interface HopFindings {
  /** Lower-case hex SHA-256 of the table's text; null where the bundle has none, which counts as no rows. */
  readonly table: string | null;
  readonly foreign: TableFindings['foreign'];
  /** The first next hop that the bundle may not name, and its row. */
  readonly foreignHop: { readonly host: string; readonly row: number } | null;
  readonly shrinkage: Shrinkage | null;
  readonly lifted: boolean;
}

declare const judged: unique symbol;
/** The judge's word that a table may be kept. Only `judgeTable` gives it. */
export interface JudgedTable {
  readonly [judged]: true;
  /** As in the findings. */
  readonly table: string;
  /** It has shrunk too far, and the guard was lifted. */
  readonly shrinkAccepted: boolean;
  /** The table of next hops that goes with it; null for none. */
  readonly nextHops: string | null;
  /** The same of the next hops. */
  readonly hopsAccepted: boolean;
}

/** @throws GuardError, the first of MISSING_REQUIRED, FOREIGN_DOMAIN, FOREIGN_NEXT_HOP, SHRUNK. */
export function judgeTable(findings: TableFindings): JudgedTable {
  const [missing] = findings.missing;
  if (missing !== undefined)
    throw new GuardError('MISSING_REQUIRED', `the required address ${missing} is not in the table`);
  const hops = findings.nextHops ?? null;
  requireOwn(findings.foreign, '');
  requireOwn(hops?.foreign ?? null, ' of next hops');
  if (hops !== null && hops.foreignHop !== null) {
    const { host, row } = hops.foreignHop;
    throw new GuardError(
      'FOREIGN_NEXT_HOP',
      `row ${row} of next hops: ${host} is not among this bundle's \`next_hops\``,
    );
  }
  const reason = findings.shrinkage === null ? null : shrunk(findings.shrinkage);
  if (reason !== null && !findings.lifted) throw new GuardError('SHRUNK', reason);
  const hopReason = hops === null || hops.shrinkage === null ? null : hopsShrunk(hops.shrinkage);
  if (hopReason !== null && hops?.lifted !== true) throw new GuardError('SHRUNK', hopReason);
  return {
    table: findings.table,
    shrinkAccepted: reason !== null,
    nextHops: hops?.table ?? null,
    hopsAccepted: hopReason !== null,
  } as JudgedTable;
}

function requireOwn(foreign: TableFindings['foreign'], of: string): void {
  if (foreign === null) return;
  const { domain, row } = foreign;
  throw new GuardError(
    'FOREIGN_DOMAIN',
    `row ${row}${of}: the domain ${domain} is not among this bundle's \`domains\``,
  );
}
