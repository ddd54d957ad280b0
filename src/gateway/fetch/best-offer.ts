/**
 * What a bundle's origins offer: each answer that verifies is judged, the highest acceptable version wins
 * (docs/commands.md section 2.3, Mirrors). Notes payloads that were refused. Asks nobody, writes nothing.
 */
import { clockWarning, judgingTime } from '../../bundle/offer/clock.ts';
import { judgeOffer, type AcceptedOffer } from '../../bundle/offer/offer.ts';
import type { VerifiedManifest } from '../../bundle/trust/verify.ts';
import { exitStatus, OfferError, StepError, VerifyError } from '../../errors.ts';
import type { Equivocation } from '../record/remember.ts';
import { floorOf } from '../record/version-history.ts';
import { namedStep, type Answer } from './ask-origins.ts';
import type { BundleContext } from './bundle-context.ts';
import { withClock } from './clock-doubt.ts';
import type { Origin } from './source.ts';

/** An acceptable offer and where it came from. */
export interface Offered {
  readonly origin: Origin;
  readonly offer: AcceptedOffer;
  readonly etag: string | null;
  /** When this origin last answered 200, as text. */
  readonly answeredAt: string;
}

export interface Offers {
  /** All that can be taken. */
  readonly offered: readonly Offered[];
  /** The one of the highest version. */
  readonly best: Offered;
}

/**
 * The highest acceptable version of the answers, which are verified under the ring of `cx`. What the others did wrong
 * is a warning.
 * @param failure why the walk to that ring ended too soon. @throws StepError
 */
export function bestOffer(cx: BundleContext, given: readonly Answer[], failure: VerifyError | null): Offers {
  judgeWalk(cx, given, failure);
  const answers = given.map((answer) => judgedAnswer(cx, answer));
  const judged = answers.map((a) => (a instanceof StepError ? a : (contradicted(cx, a, answers) ?? a)));
  const offered = judged.filter((a): a is Offered => !(a instanceof StepError));
  const failures = judged.filter((a): a is StepError => a instanceof StepError);
  const [first, ...others] = offered;
  if (first === undefined) throw worst(failures);
  const best = others.reduce((a, b) => (b.offer.manifest.version > a.offer.manifest.version ? b : a), first);
  for (const failure of failures) cx.warn(`${failure.code}: ${failure.message}`);
  for (const o of offered) {
    if (o.offer.manifest.version < best.offer.manifest.version) {
      cx.warn(
        `${o.origin.label} lags: version ${o.offer.manifest.version}, another mirror has ${best.offer.manifest.version}`,
      );
    }
  }
  return { offered, best };
}

/**
 * What this cycle itself brought to light: another origin's payload of the same version, accepted or refused for
 * another reason.
 */
function contradicted(
  cx: BundleContext,
  { offer }: Offered,
  answers: readonly (Offered | StepError)[],
): OfferError | null {
  if (offer.digest === cx.state.installed?.digest) return null; // what is live stays the measure; the other one is the liar
  const others = answers.flatMap((a) => (a instanceof StepError ? [] : [a.offer]));
  const rival = others.find((o) => o.manifest.version === offer.manifest.version && o.digest !== offer.digest);
  if (rival !== undefined) return equivocation(cx, offer, rival);
  const { version } = offer.manifest;
  const refused = cx.notes.value.seen.find((s) => s.manifest.version === version && s.digest !== offer.digest);
  return refused === undefined ? null : equivocation(cx, offer, refused);
}

/**
 * A walk that failed, or ended below the step that a manifest names, is a warning where a manifest verifies
 * (docs/bundle-format.md section 6).
 * @throws VerifyError BAD_KEYRING where none does
 */
function judgeWalk(
  { ring, bundle, warn }: BundleContext,
  answers: readonly Answer[],
  failure: VerifyError | null,
): void {
  const isVerified = answers.some(({ found }) => !(found instanceof StepError));
  const isUnverified = answers.some(({ found }) => found instanceof StepError && found.code === 'BAD_SIGNATURE');
  if (failure !== null) {
    if (!isVerified && isUnverified) {
      throw new VerifyError('BAD_KEYRING', `no manifest verifies under step ${ring.step}; ${failure.message}`, failure);
    }
    warn(`${failure.code}: ${failure.message}`);
  }
  const named = namedStep(answers);
  if (named <= ring.step) return;
  const how =
    ring.rootKeys.size === 0
      ? `${bundle.keys} stands for step ${ring.step} and has no root keys: put the keys of step ${named} there, and set ring = ${named}`
      : `the steps that can be had end at ${ring.step}`;
  warn(`BAD_KEYRING: the manifest names key ring step ${named}; ${how}`);
}

/** The last refusal, else the last failure. */
export function worst(failures: readonly StepError[]): StepError {
  const refusals = failures.filter((f) => exitStatus(f.code) === 1);
  // Of two payloads of one version neither is judged any further.
  const equivocation = refusals.find((f) => f.code === 'EQUIVOCATION');
  return equivocation ?? refusals.at(-1) ?? failures.at(-1) ?? new StepError('INTERNAL', 'no origin to ask');
}

/** An answer that can be taken, or why not. */
function judgedAnswer(cx: BundleContext, { origin, etag, answeredAt, found }: Answer): Offered | StepError {
  if (found instanceof StepError) return withClock(found, cx.now, cx.state.installed);
  warnOfClock(cx, found);
  try {
    return { origin, offer: judge(cx, found), etag, answeredAt };
  } catch (error) {
    if (error instanceof StepError) return error;
    throw error;
  }
}

/** Judges a verified payload by what is on record in `cx.state`. @throws OfferError */
export function judge(cx: BundleContext, v: VerifiedManifest): AcceptedOffer {
  const { state, config, bundle } = cx;
  const seen = [
    ...(state.floor === null ? [] : [state.floor]),
    ...state.seen,
    ...(state.waiting === null ? [] : [state.waiting]),
  ];
  try {
    return judgeOffer(v, {
      name: bundle.name,
      floor: floorOf(state),
      seen,
      now: cx.now,
      installedCreated: installedCreated(cx),
      maxRows: config.limits.max_rows,
      maxBytes: config.limits.max_bytes,
      valueBytes: Buffer.byteLength(config.maps.value),
      asksNextHops: bundle.next_hops !== undefined,
    });
  } catch (error) {
    if (!(error instanceof OfferError)) throw error;
    const other = seen.find((s) => s.version === v.manifest.version && s.digest !== v.digest);
    if (error.code === 'EQUIVOCATION' && other !== undefined) throw equivocation(cx, v, other, error);
    if (error.code !== 'WRONG_NAME' && error.code !== 'ROLLBACK') cx.notes.see(v);
    throw error;
  }
}

function equivocation(
  cx: BundleContext,
  v: VerifiedManifest,
  other: Equivocation['other'],
  error?: OfferError,
): OfferError {
  cx.notes.equivocation(v, other);
  const reason = error?.message ?? `two signed payloads of version ${v.manifest.version} came in one cycle`;
  const kept = cx.dryRun ? 'a cycle keeps both' : 'both are kept';
  return new OfferError('EQUIVOCATION', `${reason}; ${kept} as evidence in ${cx.copies.evidenceFolder}`, error);
}

const installedCreated = ({ state }: BundleContext): Date | null =>
  state.installed === null ? null : new Date(state.installed.created);

/** A clock that was set back a little must not make an expired manifest good again. */
export const effectiveNow = (cx: BundleContext): Date => judgingTime(cx.now, installedCreated(cx));

function warnOfClock(cx: BundleContext, { manifest }: VerifiedManifest): void {
  const warning = clockWarning(cx.now, manifest.created, installedCreated(cx));
  if (warning !== null) cx.warn(warning);
}
