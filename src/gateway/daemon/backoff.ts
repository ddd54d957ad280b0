/**
 * When a gateway asks: a while of chance after its schedule says so; and how long a bundle that failed is left
 * alone, twice as long after each failure, so that a central side that is down is not run over when it comes back,
 * and a table that is refused is not taken every minute. Decides only; chance and time are told.
 */
import type { Code } from '../../errors.ts';
import type { BundleOutcome } from '../outcome.ts';

/** Milliseconds. */
const FIRST = 60_000;
const LONGEST = 600_000;

/** Kept, but nothing that a pause would help: held by hand, waiting for another bundle, another run at work. */
const NO_FAILURE: ReadonlySet<Code> = new Set(['HELD', 'WAITING', 'BUSY']);

interface Pause {
  readonly failures: number;
  /** By the steady clock. */
  readonly until: number;
}

/**
 * How long after the schedule's time a poll begins, so that a thousand gateways do not come in the same second.
 * @param jitter `schedule.jitter`, milliseconds. @param chance from 0 to 1.
 */
export const afterTick = (jitter: number, chance: number): number => chance * jitter;

export class Pace {
  readonly #pauses = new Map<string, Pause>();
  readonly #longest: number;

  /**
   * @param warnAfter `health.warn_after`: nobody is left alone for so long that it alone would raise an alarm.
   * Milliseconds.
   */
  constructor(warnAfter: number) {
    this.#longest = Math.min(LONGEST, warnAfter / 4);
  }

  /** @param now by the steady clock. */
  isDue(bundle: string, now: number): boolean {
    return now >= (this.#pauses.get(bundle)?.until ?? 0);
  }

  /** What it failed by may be mended: it is asked at the next time. */
  forget(bundle: string): void {
    this.#pauses.delete(bundle);
  }

  /**
   * @param chance from 0 to 1: a thousand gateways that failed together come back one by one.
   * @returns the milliseconds for which it is left alone now.
   */
  note({ name, outcome, code }: Pick<BundleOutcome, 'name' | 'outcome' | 'code'>, now: number, chance: number): number {
    if (outcome !== 'kept' || code === null || NO_FAILURE.has(code)) {
      this.#pauses.delete(name);
      return 0;
    }
    const failures = (this.#pauses.get(name)?.failures ?? 0) + 1;
    const whole = Math.min(this.#longest, FIRST * 2 ** Math.min(failures - 1, 10));
    const pause = whole * (0.5 + chance / 2);
    this.#pauses.set(name, { failures, until: now + pause });
    return pause;
  }
}
