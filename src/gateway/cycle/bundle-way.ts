/**
 * One bundle's way to the network and back (docs/commands.md section 2.3): source -> key ring steps -> verify ->
 * judge the offer -> obtain -> judge the table. Holds no lock and writes nothing but a spool without a name, and key
 * ring steps as soon as they are verified: what else it finds comes back as a value, refusals too.
 */
import { StepError } from '../../errors.ts';
import type { VerifiedStep } from '../../bundle/trust/keyring.ts';
import { askOrigins, isStepDue, underNewerRing } from '../fetch/ask-origins.ts';
import { bestOffer, type Offers } from '../fetch/best-offer.ts';
import type { BundleContext } from '../fetch/bundle-context.ts';
import type { Obtained } from '../fetch/obtained.ts';
import { tablesToTake, takeTables } from '../fetch/take-table.ts';
import { walk, type Walked } from '../fetch/walk.ts';
import { stepRules } from '../keys/trusted-keys.ts';
import { takeSteps } from '../record/chain.ts';
import type { BundleState } from '../record/state.ts';
import { asStepError } from '../step-error.ts';

export interface Way {
  readonly name: string;
  /** What it was judged by: the newest ring too. Its `notes` are what is to be remembered. */
  readonly cx: BundleContext;
  /** The key ring steps that came in this cycle. */
  readonly steps: readonly VerifiedStep[];
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
export async function askBundle(given: BundleContext, clock: () => number): Promise<Way> {
  const started = clock();
  let cx = given;
  let steps: readonly VerifiedStep[] = [];
  let offers: Offers | null = null;
  let refusal: StepError | null = null;
  try {
    let answers = await askOrigins(cx);
    const walked = isStepDue(cx, answers) ? await walkOn(cx) : null;
    if (walked !== null && walked.steps.length > 0) {
      ({ steps } = walked);
      cx = afterSteps(cx, walked);
      await cx.storeSteps?.(steps);
      answers = await underNewerRing(cx, answers);
    }
    offers = bestOffer(cx, answers, walked?.failure ?? null);
  } catch (error) {
    refusal = asStepError(error);
  }
  const { source, bundle } = cx;
  return {
    name: bundle.name,
    cx,
    steps,
    offers,
    obtained: null,
    refusal,
    wireBytes: source.received(),
    ms: Math.round(clock() - started),
  };
}

async function walkOn({ source, ring, bundle, warn, notes, now }: BundleContext): Promise<Walked> {
  const walked = await walk({ origins: source.origins, ring, rules: stepRules(bundle), warn });
  const { end, steps } = walked;
  if (end === 'more') warn(`${steps.length} key ring steps in one cycle are the most; the next cycle asks for more`);
  // A folder says nothing of what the URLs have.
  if (!source.offline && end !== 'unknown') notes.stepAsked(end === 'none' ? now : null);
  return walked;
}

/** What the bundle is judged by once these steps are on record. */
function afterSteps(cx: BundleContext, { steps, ring }: Walked): BundleContext {
  const state = structuredClone(cx.state) as BundleState;
  takeSteps(state, steps, cx.now);
  state.unconditional = true;
  return { ...cx, ring, state };
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
