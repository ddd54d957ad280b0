/**
 * The walk through key ring steps (docs/bundle-format.md section 6): asks every origin for the next step, takes a valid
 * one from any, and goes on until none gives one. Stores nothing.
 */
import { judgeStep, type RootedRing, type StepRules, type VerifiedStep } from '../../bundle/trust/keyring.ts';
import { StepError, VerifyError } from '../../errors.ts';
import type { Origin } from './source.ts';

/** The most steps of a cycle. */
export const MOST_STEPS = 32;

export interface Walked {
  readonly steps: readonly VerifiedStep[];
  /** The ring after them. */
  readonly ring: RootedRing;
  /** Why the walk ended, where it was not because there is no next step. */
  readonly failure: VerifyError | null;
  /** How sure it is that no step follows: an origin said so; `more` steps may follow; or nobody could be asked. */
  readonly end: 'none' | 'more' | 'unknown';
}

export interface WalkContext {
  readonly origins: readonly Origin[];
  readonly ring: RootedRing;
  readonly rules: StepRules;
  readonly warn: (message: string) => void;
}

export async function walk({ origins, ring: first, rules, warn }: WalkContext): Promise<Walked> {
  const steps: VerifiedStep[] = [];
  let ring = first;
  while (steps.length < MOST_STEPS) {
    const from = ring;
    const answers = await Promise.all(origins.map((origin) => askForStep(origin, from, rules)));
    const valid = answers.filter((a): a is VerifiedStep => a !== null && !(a instanceof VerifyError));
    const failures = answers.filter((a) => a instanceof VerifyError);
    const [step] = valid;
    if (step === undefined) {
      // A step that is there and not valid says more than one that could not be fetched.
      const failure = failures.find(({ cause }) => cause instanceof VerifyError) ?? failures.at(-1) ?? null;
      return { steps, ring, failure, end: answers.includes(null) ? 'none' : 'unknown' };
    }
    const rival = valid.find(({ digest }) => digest !== step.digest);
    if (rival !== undefined) {
      const ids = [step, rival].map(({ digest }) => digest.slice(0, 16)).join(' and ');
      const failure = new VerifyError('BAD_KEYRING', `two signed payloads of key ring step ${ring.step + 1}: ${ids}`);
      return { steps, ring, failure, end: 'unknown' };
    }
    for (const { cause, message } of failures) if (cause instanceof VerifyError) warn(`BAD_KEYRING: ${message}`);
    steps.push(step);
    ({ ring } = step);
  }
  return { steps, ring, failure: null, end: 'more' };
}

/** @returns null where there is no such step; why it does not count, with the reason as its cause */
async function askForStep(
  origin: Origin,
  ring: RootedRing,
  rules: StepRules,
): Promise<VerifiedStep | VerifyError | null> {
  const number = ring.step + 1;
  try {
    const bytes = await origin.step(number);
    return bytes === null ? null : judgeStep(bytes, ring, rules);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const why =
      error instanceof VerifyError ? error.message : `key ring step ${number}: ${error.code}: ${error.message}`;
    return new VerifyError('BAD_KEYRING', `${origin.label}: ${why}`, error);
  }
}
