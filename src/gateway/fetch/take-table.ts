/**
 * Reads the table of an accepted offer into a spool and has it judged: by delta where one is offered, else whole,
 * from the best origin or another that offers the same payload. Needs no lock: nothing is kept here, and the judge
 * is asked again before the table is.
 */
import { approves, judgeTable, type JudgedTable, type Shrinkage } from '../../bundle/offer/guard.ts';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { RemovedRows } from '../../bundle/table/removed-rows.ts';
import { rowBlocks } from '../../bundle/table/rows.ts';
import { GuardError, StepError } from '../../errors.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { BundleConfig } from '../config.ts';
import type { Spool } from '../record/copies.ts';
import type { CopyRef } from '../record/state.ts';
import { baseline } from '../record/version-history.ts';
import { effectiveNow, worst, type Offers } from './best-offer.ts';
import type { BundleContext } from './bundle-context.ts';
import { obtainByDelta, obtainWhole, type Findings, type Questions, type SpoolWriter } from './read-table.ts';

/**
 * A table that was read to its end and is what the manifest says of it. Whether it may be kept, the judge says once
 * more.
 */
export interface Obtained {
  readonly entry: TableEntry;
  readonly via: 'full' | 'delta';
  /** Null in a dry run. Whoever has this discards it. */
  readonly spool: Spool | null;
  readonly findings: Findings;
  /** The copy whose rows were compared with it. */
  readonly base: CopyRef | null;
}

/** @throws StepError, the judge's above all; nothing is left then. */
export async function takeTable(cx: BundleContext, { offered, best }: Offers): Promise<Obtained> {
  const entry = best.offer.manifest.tables.recipients;
  const byDelta = await tryDelta(cx, best, entry);
  if (byDelta !== null) return byDelta;
  const same = offered.filter((o) => o !== best && o.offer.digest === best.offer.digest);
  const failures: StepError[] = [];
  for (const { origin } of [best, ...same]) {
    try {
      const whole = await obtain(cx, best.offer, 'full', async (spool, questions) => {
        const body = await origin.blob(`recipients/${entry.sha256}.gz`, entry.wireBytes);
        return obtainWhole(body, entry, spool, questions);
      });
      for (const failure of failures) cx.warn(`${failure.code}: ${failure.message}; another mirror had the table`);
      return whole;
    } catch (error) {
      if (!(error instanceof StepError) || error instanceof GuardError || error.code === 'NO_SPACE') throw error;
      failures.push(error);
    }
  }
  throw worst(failures);
}

/**
 * Null where no delta is offered or whatever is wrong with it; only the judge's word about the table that it makes
 * is final.
 */
async function tryDelta(cx: BundleContext, best: Offers['best'], entry: TableEntry): Promise<Obtained | null> {
  const { state, copies, notes } = cx;
  notes.delta('did not fail');
  const base = state.installed;
  const delta = entry.deltas.find((d) => d.from === base?.table && d.wireBytes < entry.wireBytes);
  if (base === null || delta === undefined || cx.force || state.noDelta) return null;
  try {
    return await obtain(cx, best.offer, 'delta', async (spool, questions) => {
      const body = await best.origin.blob(`recipients/${delta.from}-${entry.sha256}.delta.gz`, delta.wireBytes);
      return obtainByDelta(body, delta, copies.rows(base.table), entry, spool, questions);
    });
  } catch (error) {
    if (error instanceof GuardError || (error instanceof StepError && error.code === 'NO_SPACE')) throw error;
    notes.delta('failed');
    const why = error instanceof StepError ? `${error.code}: ${error.message}` : (error as Error).message;
    cx.warn(`the delta did not work (${why}); the whole table is taken`);
    return null;
  }
}

/** Nothing is written in a dry run. */
const NOWHERE: SpoolWriter = { write: () => undefined };

async function obtain(
  cx: BundleContext,
  offer: AcceptedOffer,
  via: Obtained['via'],
  get: (spool: SpoolWriter, questions: Questions) => Promise<Findings>,
): Promise<Obtained> {
  const entry = offer.manifest.tables.recipients;
  const { base } = baseline(cx.state, cx.now);
  const spool = cx.dryRun ? null : cx.copies.spool(entry.sha256);
  const { early } = cx;
  try {
    early?.begin(entry.rows);
    const findings = await get(spool ?? NOWHERE, {
      required: cx.bundle.required,
      base: base === null ? null : { table: base.table, rows: cx.copies.rows(base.table) },
      ...(early === null ? {} : { alsoTo: (block) => early.add(block) }),
    });
    const obtained: Obtained = { entry, via, spool, findings, base };
    if (base !== null && findings.removed === null) {
      cx.warn('the installed copy cannot be read, so the shrink guard compares no rows, only how many there are');
    }
    const judged = await judgeObtained(cx, offer, obtained);
    early?.accept(judged, findings.domains);
    return obtained;
  } catch (error) {
    spool?.discard();
    throw error;
  }
}

/** By what is on record in `cx.state`, which may have changed since the table was read. @throws GuardError */
export async function judgeObtained(cx: BundleContext, offer: AcceptedOffer, obtained: Obtained): Promise<JudgedTable> {
  const { base, dayAgoRows } = baseline(cx.state, cx.now);
  const { findings, entry } = obtained;
  const next = { rows: findings.rows, domains: findings.domains.size };
  const lifted = cx.acceptShrink || approves(offer.manifest.shrinkApproved, next, effectiveNow(cx));
  let shrinkage: Shrinkage | null = null;
  if (base !== null) {
    const removed = base.table === obtained.base?.table ? findings.removed : await removedFrom(cx, base, obtained);
    shrinkage = {
      percent: cx.bundle.max_shrink_percent,
      installed: { rows: base.rows, domains: base.domains },
      removed: removed ?? { rows: base.rows - next.rows, domains: base.domains - next.domains },
      next,
      dayAgoRows,
    };
  }
  const { missing } = findings;
  return judgeTable({ table: entry.sha256, missing, foreign: foreign(cx.bundle, findings), shrinkage, lifted });
}

/** What of a copy that was installed meanwhile this table lacks; null where the copy cannot be read. */
async function removedFrom(
  cx: BundleContext,
  base: CopyRef,
  { spool, findings }: Obtained,
): Promise<Findings['removed']> {
  if (spool === null) return null;
  const removed = new RemovedRows(cx.copies.rows(base.table));
  try {
    for await (const block of rowBlocks(gunzipOne(inTurn(spool.chunks())))) await removed.push(block);
    await removed.end();
    return { rows: removed.rows, domains: removed.domains.missingIn(findings.domains) };
  } catch (error) {
    cx.warn(
      `the installed copy cannot be read (${(error as Error).message}), so the shrink guard compares no rows, only how many there are`,
    );
    return null;
  } finally {
    await removed.close();
  }
}

async function* inTurn(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
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
