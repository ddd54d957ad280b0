/**
 * Judges a whole table that is about to replace another (docs/commands.md sections 2.3 Guard and 2.4). The shrink rule is the same on
 * both sides. Pure: findings in, a refusal or nothing out.
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
  /** Rows of the table that was in use 24 h ago. */
  readonly dayAgoRows: number | null;
}

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
    return `${s.next.rows} rows against ${s.dayAgoRows} a day ago: more than ${s.percent} % would be gone within a day`;
  }
  return null;
}

/** A publisher's signed word that a table of at least this size may be installed (format section 3, `shrinkApproved`). */
export function approves(approval: (TableSize & { until: Date }) | undefined, next: TableSize, now: Date): boolean {
  return (
    approval !== undefined && now < approval.until && next.rows >= approval.rows && next.domains >= approval.domains
  );
}

export interface TableFindings {
  /** Required addresses, from the local config, that the table does not accept. */
  readonly missing: readonly string[];
  /** The first domain that the bundle may not speak for, and its row. */
  readonly foreign: { readonly domain: string; readonly row: number } | null;
  /** Null where the guard does not apply: nothing installed, lifted by hand, or approved by the publisher. */
  readonly shrinkage: Shrinkage | null;
}

/** @throws GuardError, the first of MISSING_REQUIRED, FOREIGN_DOMAIN, SHRUNK. */
export function judgeTable(findings: TableFindings): void {
  const [missing] = findings.missing;
  if (missing !== undefined)
    throw new GuardError('MISSING_REQUIRED', `the required address ${missing} is not in the table`);
  if (findings.foreign !== null) {
    const { domain, row } = findings.foreign;
    throw new GuardError('FOREIGN_DOMAIN', `row ${row}: the domain ${domain} is not among this bundle's \`domains\``);
  }
  const reason = findings.shrinkage === null ? null : shrunk(findings.shrinkage);
  if (reason !== null) throw new GuardError('SHRUNK', reason);
}
