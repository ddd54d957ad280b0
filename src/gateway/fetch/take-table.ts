/**
 * Gets the table of an accepted offer and has it judged: by delta where one is offered, else whole, from the best origin or another that
 * offers the same payload. What passes is kept as a copy; nothing is installed.
 */
import { approves, judgeTable, type Shrinkage } from '../../bundle/offer/guard.ts';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import { GuardError, StepError } from '../../errors.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { BundleConfig } from '../config.ts';
import { baseline } from '../record/version-history.ts';
import { obtainByDelta, obtainWhole, type Findings, type Questions } from './read-table.ts';
import { effectiveNow, worst, type BundleContext, type Offered } from './best-offer.ts';
import type { CopyRef } from '../record/state.ts';
import type { Copy, Spool } from '../record/copies.ts';

interface Kept {
  readonly findings: Findings;
  readonly good: Copy;
  /** See `JudgedTable`. */
  readonly shrinkAccepted: boolean;
}

export interface Obtained extends Kept {
  readonly via: 'full' | 'delta';
}

/** By delta where one is offered, else the whole table: from the best origin, then from those that offer the same payload. */
export async function takeTable(
  cx: BundleContext,
  best: Offered,
  offered: Offered[],
  entry: TableEntry,
): Promise<Obtained> {
  const origins = [best, ...offered.filter((o) => o !== best && o.offer.digest === best.offer.digest)].map(
    (o) => o.origin,
  );
  const byDelta = await tryDelta(cx, best, entry);
  if (byDelta !== null) return { ...byDelta, via: 'delta' };
  const failures: StepError[] = [];
  for (const origin of origins) {
    try {
      const whole = await kept(cx, best.offer, entry, async (spool, questions) => {
        const body = await origin.blob(`recipients/${entry.sha256}.gz`, entry.wireBytes);
        return obtainWhole(body, entry, spool, questions);
      });
      for (const failure of failures) cx.warn(`${failure.code}: ${failure.message}; another mirror had the table`);
      return { ...whole, via: 'full' };
    } catch (error) {
      if (!(error instanceof StepError) || error instanceof GuardError || error.code === 'NO_SPACE') throw error;
      failures.push(error);
    }
  }
  throw worst(failures);
}

/** Null where no delta is offered or whatever is wrong with it; only the judge's word about the table that it makes is final. */
async function tryDelta(cx: BundleContext, best: Offered, entry: TableEntry): Promise<Kept | null> {
  const { state, copies } = cx;
  const skip = state.noDelta;
  state.noDelta = false;
  const base = state.installed;
  const delta = entry.deltas.find((d) => d.from === base?.table && d.wireBytes < entry.wireBytes);
  if (base === null || delta === undefined || cx.force || skip) return null;
  try {
    return await kept(cx, best.offer, entry, async (spool, questions) => {
      const body = await best.origin.blob(`recipients/${delta.from}-${entry.sha256}.delta.gz`, delta.wireBytes);
      return obtainByDelta(body, delta, copies.rows(base.table), entry, spool, questions);
    });
  } catch (error) {
    if (error instanceof GuardError || (error instanceof StepError && error.code === 'NO_SPACE')) throw error;
    state.deltaFailures++;
    state.noDelta = true;
    const why = error instanceof StepError ? `${error.code}: ${error.message}` : (error as Error).message;
    cx.warn(`the delta did not work (${why}); the whole table is taken`);
    return null;
  }
}

/** Obtains a table into a spool, judges it, and keeps it. @throws StepError: nothing is kept then. */
async function kept(
  cx: BundleContext,
  offer: AcceptedOffer,
  entry: TableEntry,
  get: (spool: Spool, questions: Questions) => Promise<Findings>,
): Promise<Kept> {
  const { base, dayAgoRows } = baseline(cx.state, cx.now);
  const { ahead } = cx;
  const spool = cx.copies.spool(entry.sha256);
  ahead?.begin(entry.rows);
  try {
    const findings = await get(spool, {
      required: cx.bundle.required,
      base: base === null ? null : { table: base.table, rows: cx.copies.rows(base.table) },
      ...(ahead === null ? {} : { alsoTo: (block) => ahead.add(block) }),
    });
    const next = { rows: findings.rows, domains: findings.domains.size };
    const lifted = cx.acceptShrink || approves(offer.manifest.shrinkApproved, next, effectiveNow(cx));
    if (base !== null && findings.removed === null) {
      cx.warn('the installed copy cannot be read back; the shrink guard compares counts');
    }
    const judged = judgeTable({
      table: entry.sha256,
      missing: findings.missing,
      foreign: foreign(cx.bundle, findings),
      shrinkage: base === null ? null : shrinkage(cx.bundle, base, findings, dayAgoRows),
      lifted,
    });
    const good = cx.copies.keep(spool, judged);
    ahead?.accept(judged, findings.domains);
    return { findings, good, shrinkAccepted: judged.shrinkAccepted };
  } finally {
    spool.discard();
  }
}

function shrinkage(bundle: BundleConfig, base: CopyRef, findings: Findings, dayAgoRows: number | null): Shrinkage {
  const next = { rows: findings.rows, domains: findings.domains.size };
  return {
    percent: bundle.max_shrink_percent,
    installed: { rows: base.rows, domains: base.domains },
    removed: findings.removed ?? { rows: base.rows - next.rows, domains: base.domains - next.domains },
    next,
    dayAgoRows,
  };
}

function foreign(bundle: BundleConfig, { domains }: Findings): { domain: string; row: number } | null {
  if (bundle.domains === undefined) return null;
  const speaksFor = domainMatcher(bundle.domains);
  for (let id = 0; id < domains.size; id++) {
    const domain = Buffer.from(domains.name(id)).toString();
    if (!speaksFor(domain)) return { domain, row: domains.firstRow(id) };
  }
  return null;
}
