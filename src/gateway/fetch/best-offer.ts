/**
 * What a bundle's origins offer: all are asked at once, each answer is verified and judged, the highest acceptable
 * version wins (docs/commands.md section 2.3, Mirrors). Notes payloads that were refused. Fetches no table, writes
 * nothing.
 */
import { clockWarning, judgingTime } from '../../bundle/offer/clock.ts';
import { judgeOffer, type AcceptedOffer } from '../../bundle/offer/offer.ts';
import { verifyManifest, type Ring, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { exitStatus, OfferError, StepError } from '../../errors.ts';
import type { EarlyMaps } from '../maps/early-maps.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import type { Copies } from '../record/copies.ts';
import type { Equivocation, Notes } from '../record/remember.ts';
import { isTrusted, trusted } from '../record/version-history.ts';
import { withClock } from './clock-doubt.ts';
import type { Origin, Source } from './source.ts';
import type { BundleState } from '../record/state.ts';

export interface BundleContext {
  readonly bundle: BundleConfig;
  readonly config: GatewayConfig;
  readonly ring: Ring;
  /** As it was when it was last read: another run may change it meanwhile. */
  readonly state: Readonly<BundleState>;
  readonly copies: Copies;
  readonly source: Source;
  readonly now: Date;
  readonly force: boolean;
  readonly acceptShrink: boolean;
  /** Makes the maps while the table is read, where it alone makes them. */
  readonly early: EarlyMaps | null;
  readonly warn: (message: string) => void;
  /** Nothing is written: a table is read and judged, and not spooled. */
  readonly dryRun: boolean;
  /** What this bundle's way wants remembered. */
  readonly notes: Notes;
}

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

/** Asks all origins at once; the highest acceptable version wins, and what the others did wrong is a warning. */
export async function bestOffer(cx: BundleContext): Promise<Offers> {
  const answers = await Promise.all(cx.source.origins.map((origin) => ask(cx, origin)));
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

/** The last refusal, else the last failure. */
export function worst(failures: readonly StepError[]): StepError {
  const refusals = failures.filter((f) => exitStatus(f.code) === 1);
  // Of two payloads of one version neither is judged any further.
  const equivocation = refusals.find((f) => f.code === 'EQUIVOCATION');
  return equivocation ?? refusals.at(-1) ?? failures.at(-1) ?? new StepError('INTERNAL', 'no origin to ask');
}

async function ask(cx: BundleContext, origin: Origin): Promise<Offered | StepError> {
  const { state, ring, copies } = cx;
  try {
    const condition = conditional(cx) ? (state.etags[origin.label] ?? null) : null;
    const etag = condition !== null && holds(condition, state.installed?.digest, cx.now) ? condition.etag : null;
    const answer = await origin.manifest(etag);
    if (answer.is === 'offered') {
      const offer = asked(cx, verifyManifest(answer.bytes, ring));
      return { origin, offer, etag: answer.etag, answeredAt: cx.now.toISOString() };
    }
    const live = state.installed === null ? null : trusted(copies, state, state.installed);
    if (live === null) throw new StepError('INTERNAL', 'a 304 for a payload that is not stored');
    return { origin, offer: asked(cx, live), etag, answeredAt: condition?.at ?? '' };
  } catch (error) {
    if (error instanceof StepError) return withClock(error, cx.now, state.installed);
    throw error;
  }
}

function asked(cx: BundleContext, v: VerifiedManifest): AcceptedOffer {
  warnOfClock(cx, v);
  return judge(cx, v);
}

const HOUR = 3_600_000;

/**
 * Web servers make an ETag of size and whole second, so that two manifests can share one: after an hour the
 * manifest is asked for whole (docs/bundle-format.md section 1).
 */
function holds({ digest, at }: BundleState['etags'][string], installed: string | undefined, now: Date): boolean {
  const age = at === undefined ? -1 : now.getTime() - Date.parse(at);
  return digest === installed && age >= 0 && age < HOUR;
}

/** A 304 says something only about a live copy that still verifies. */
function conditional({ state, force }: BundleContext): boolean {
  return !force && !state.unconditional && state.installed !== null && isTrusted(state, state.installed);
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
      floor: state.floor,
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
