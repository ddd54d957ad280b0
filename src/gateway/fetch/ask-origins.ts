/**
 * What the origins of a bundle answer when they are asked for its manifest, and which of the answers verify under a
 * ring. Judges no offer.
 */
import type { RootedRing } from '../../bundle/trust/keyring.ts';
import { verifyManifest, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { StepError, VerifyError } from '../../errors.ts';
import type { BundleContext } from './bundle-context.ts';
import type { Origin } from './source.ts';
import type { BundleState } from '../record/state.ts';
import { isTrusted, trusted } from '../record/version-history.ts';

export interface Answer {
  readonly origin: Origin;
  /** The envelope as it came; null for a 304, and for no answer. */
  readonly bytes: Uint8Array | null;
  readonly etag: string | null;
  /** When this origin last answered 200, as text. */
  readonly answeredAt: string;
  /** What verifies, or why nothing does. */
  readonly found: VerifiedManifest | StepError;
}

/** Asks all origins at once. Never throws a StepError: it is in the answer. */
export const askOrigins = (cx: BundleContext): Promise<Answer[]> =>
  Promise.all(cx.source.origins.map((origin) => ask(cx, origin)));

/**
 * The answers under a newer ring. Asked again is an origin whose answer says nothing under it: a 304 was about the
 * ring before, and a payload that does not verify may be older than the ring.
 */
export const underNewerRing = (cx: BundleContext, answers: readonly Answer[]): Promise<Answer[]> =>
  Promise.all(
    answers.map(async (answer) => {
      const { bytes, origin } = answer;
      if (bytes === null) return answer.found instanceof StepError ? answer : await ask(cx, origin);
      const found = verdict(() => verifyManifest(bytes, cx.ring));
      return found instanceof StepError ? await ask(cx, origin) : { ...answer, found };
    }),
  );

async function ask(cx: BundleContext, origin: Origin): Promise<Answer> {
  const { state, ring, copies } = cx;
  const condition = conditional(cx) ? (state.etags[origin.label] ?? null) : null;
  const etag = condition !== null && holds(condition, state.installed?.digest, cx.now) ? condition.etag : null;
  try {
    const answer = await origin.manifest(etag);
    if (answer.is === 'offered') {
      const { bytes } = answer;
      const found = withOddity(
        verdict(() => verifyManifest(bytes, ring)),
        origin,
        answer.oddity ?? null,
      );
      return { origin, bytes, etag: answer.etag, answeredAt: cx.now.toISOString(), found };
    }
    const live = state.installed === null ? null : trusted(copies, state, state.installed);
    const found = live ?? new StepError('INTERNAL', 'a 304 for a payload that is not stored');
    return { origin, bytes: null, etag, answeredAt: condition?.at ?? '', found };
  } catch (error) {
    if (error instanceof StepError) return { origin, bytes: null, etag: null, answeredAt: '', found: error };
    throw error;
  }
}

function verdict(verify: () => VerifiedManifest): VerifiedManifest | StepError {
  try {
    return verify();
  } catch (error) {
    if (error instanceof StepError) return error;
    throw error;
  }
}

/** What is no manifest at all is named by its place, and by what it seems to be. */
function withOddity<T>(found: T, { label }: Origin, oddity: string | null): T | VerifyError {
  if (!(found instanceof VerifyError) || found.code !== 'BAD_ENVELOPE') return found;
  return new VerifyError('BAD_ENVELOPE', `${label}: ${found.message}${oddity === null ? '' : `; ${oddity}`}`, found);
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

/** The highest `keyring` that a manifest names which verifies. */
export const namedStep = (answers: readonly Answer[]): number =>
  Math.max(0, ...answers.map(({ found }) => (found instanceof StepError ? 0 : found.manifest.keyring)));

const DAY = 86_400_000;

/**
 * Whether the next key ring step is to be asked for (docs/bundle-format.md section 6): a manifest does not verify, or
 * names a higher step, or a day has passed. A time in the future counts as never.
 */
export function isStepDue(
  { now, source, state, ring }: BundleContext & { readonly ring: RootedRing },
  answers: readonly Answer[],
): boolean {
  if (ring.rootKeys.size === 0) return false;
  const isUnverified = answers.some(({ found }) => found instanceof StepError && found.code === 'BAD_SIGNATURE');
  if (isUnverified || namedStep(answers) > ring.step || source.offline) return true;
  const { askedAt } = state.keyring;
  const age = askedAt === null ? -1 : now.getTime() - Date.parse(askedAt);
  // Where no origin can be reached, the step cannot be either.
  return (age < 0 || age >= DAY) && answers.some(({ bytes, found }) => bytes !== null || !(found instanceof StepError));
}
