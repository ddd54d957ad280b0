/**
 * One bundle's way to the network and back (docs/commands.md section 2.3): source -> verify -> judge the offer ->
 * obtain -> judge the table. Holds no lock and writes nothing but a spool without a name: what it finds comes back
 * as a value, refusals too.
 */
import { StepError } from '../../errors.ts';
import { bestOffer, type BundleContext, type Offers } from '../fetch/best-offer.ts';
import type { Obtained } from '../fetch/obtained.ts';
import { tablesToTake, takeTables } from '../fetch/take-table.ts';
import { asStepError } from '../step-error.ts';

export interface Way {
  readonly name: string;
  /** What it was judged by. Its `notes` are what is to be remembered. */
  readonly cx: BundleContext;
  /** Null where it was refused. */
  readonly offers: Offers | null;
  /** Null where no table is needed, or none was asked for. */
  readonly obtained: Obtained | null;
  readonly refusal: StepError | null;
  readonly wireBytes: number;
  readonly ms: number;
}

/**
 * Whether a table of the best offer must be downloaded: it is neither live nor waiting, and the bundle is not
 * held.
 */
export function needsTable({ cx, offers }: Way): boolean {
  if (offers === null) return false;
  return cx.state.held === null && tablesToTake(cx, offers.best.offer).length > 0;
}

/** Asks every origin of a bundle. @param clock monotonic milliseconds */
export async function askBundle(cx: BundleContext, clock: () => number): Promise<Way> {
  const started = clock();
  let offers: Offers | null = null;
  let refusal: StepError | null = null;
  try {
    offers = await bestOffer(cx);
  } catch (error) {
    refusal = asStepError(error);
  }
  const { source, bundle } = cx;
  return {
    name: bundle.name,
    cx,
    offers,
    obtained: null,
    refusal,
    wireBytes: source.received(),
    ms: Math.round(clock() - started),
  };
}

/** Goes on with what was offered: downloads its table, if it needs one. */
export async function takeBundle(way: Way, clock: () => number): Promise<Way> {
  const { cx, offers } = way;
  if (offers === null || !needsTable(way)) return way;
  const started = clock();
  let obtained: Obtained | null = null;
  let refusal: StepError | null = null;
  try {
    obtained = await takeTables(cx, offers);
  } catch (error) {
    refusal = asStepError(error);
    cx.notes.see(offers.best.offer);
  }
  const ms = way.ms + Math.round(clock() - started);
  return { ...way, obtained, refusal, wireBytes: cx.source.received(), ms };
}
