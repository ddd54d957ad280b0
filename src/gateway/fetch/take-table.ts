/**
 * Reads the tables of an accepted offer into spools and has them judged: by delta where one is offered, else whole,
 * from the best origin or another that offers the same payload. Needs no lock: nothing is kept here, and the judge
 * is asked again before they are.
 */
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import { GuardError, StepError } from '../../errors.ts';
import { hopMatcher } from '../../map/next-hops.ts';
import type { BundleState } from '../record/state.ts';
import { baseline } from '../record/version-history.ts';
import { worst, type Offers } from './best-offer.ts';
import type { BundleContext } from './bundle-context.ts';
import { judgeObtained } from './judge-obtained.ts';
import { discard, entryOf, tableOf, TABLES, type Obtained, type ObtainedTable, type TableName } from './obtained.ts';
import { obtainByDelta, obtainWhole, type Findings, type Questions, type SpoolWriter } from './read-table.ts';

/** The tables of an offer that are neither live nor waiting. */
export function tablesToTake(
  { state, force }: { readonly state: Readonly<BundleState>; readonly force: boolean },
  offer: AcceptedOffer,
): TableName[] {
  const current = state.installed ?? state.waiting;
  return TABLES.filter((name) => {
    const entry = entryOf(offer, name);
    return entry !== null && (force || tableOf(current, name) !== entry.sha256);
  });
}

/** @throws StepError, the judge's above all; nothing is left then. */
export async function takeTables(cx: BundleContext, offers: Offers): Promise<Obtained> {
  const obtained: Record<TableName, ObtainedTable | null> = { recipients: null, transport: null };
  cx.notes.delta('did not fail');
  const { offer } = offers.best;
  try {
    for (const name of tablesToTake(cx, offer)) {
      const entry = entryOf(offer, name);
      if (entry !== null) obtained[name] = await takeTable(cx, offers, name, entry);
    }
    const judged = await judgeObtained(cx, offer, obtained);
    if (obtained.recipients !== null) cx.early?.accept(judged, obtained.recipients.findings.domains);
    return obtained;
  } catch (error) {
    discard(obtained);
    throw error;
  }
}

async function takeTable(
  cx: BundleContext,
  { offered, best }: Offers,
  name: TableName,
  entry: TableEntry,
): Promise<ObtainedTable> {
  const byDelta = await tryDelta(cx, best, name, entry);
  if (byDelta !== null) return byDelta;
  const same = offered.filter((o) => o !== best && o.offer.digest === best.offer.digest);
  const failures: StepError[] = [];
  for (const { origin } of [best, ...same]) {
    try {
      const whole = await obtain(cx, name, entry, 'full', async (spool, questions) => {
        const body = await origin.blob(`${name}/${entry.sha256}.gz`, entry.wireBytes);
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
async function tryDelta(
  cx: BundleContext,
  best: Offers['best'],
  name: TableName,
  entry: TableEntry,
): Promise<ObtainedTable | null> {
  const { state, copies, notes } = cx;
  const base = tableOf(state.installed, name);
  const delta = entry.deltas.find((d) => d.from === base && d.wireBytes < entry.wireBytes);
  if (base === null || delta === undefined || cx.force || state.noDelta) return null;
  try {
    return await obtain(cx, name, entry, 'delta', async (spool, questions) => {
      const body = await best.origin.blob(`${name}/${delta.from}-${entry.sha256}.delta.gz`, delta.wireBytes);
      return obtainByDelta(body, delta, copies.unprovenRows(base), entry, spool, questions);
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
  name: TableName,
  entry: TableEntry,
  via: ObtainedTable['via'],
  get: (spool: SpoolWriter, questions: Questions) => Promise<Findings>,
): Promise<ObtainedTable> {
  const base = tableOf(baseline(cx.state, cx.now).base, name);
  const spool = cx.dryRun ? null : cx.copies.spool(entry.sha256);
  const early = name === 'recipients' ? cx.early : null;
  try {
    early?.begin(entry.rows);
    const findings = await get(spool ?? NOWHERE, {
      required: name === 'recipients' ? cx.bundle.required : [],
      base: base === null ? null : { table: base, rows: cx.copies.rows(base) },
      ...(early === null ? {} : { alsoTo: (block) => early.add(block) }),
      ...(name === 'transport' ? { allows: hopMatcher(cx.bundle.next_hops ?? []) } : {}),
    });
    if (base !== null && findings.removed === null) {
      cx.warn('the installed copy cannot be read, so the shrink guard compares no rows, only how many there are');
    }
    return { entry, via, spool, findings, base };
  } catch (error) {
    spool?.discard();
    throw error;
  }
}
