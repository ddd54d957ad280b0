/**
 * Whether the live copy still verifies under keys that have changed since the last cycle. Reads them, the stored key
 * ring steps, and one stored envelope.
 */
import { StepError } from '../../errors.ts';
import type { BundleConfig } from '../config.ts';
import { ringMark, startingRing } from '../keys/trusted-keys.ts';
import { currentRing, replayed } from '../record/chain.ts';
import { Copies } from '../record/copies.ts';
import { stored } from '../record/version-history.ts';
import type { BundleStatus } from './status.ts';

/**
 * @returns null where the keys are those of the last report, or where a look is not possible: the report then
 * stands.
 */
export function verifiesNow(stateDir: string, bundle: BundleConfig, live: BundleStatus): boolean | null {
  try {
    const start = { bundle, ring: startingRing(bundle) };
    const copies = new Copies(stateDir, bundle.name, null);
    const numbers = copies.steps.numbers().filter((number) => number > bundle.ring);
    const steps = numbers.map((number) => copies.steps.read(number));
    if (steps.includes(null)) return null; // not readable for this user, or the next cycle's STATE_CORRUPT
    const ring = currentRing(
      replayed(
        start,
        steps.flatMap((step) => step ?? []),
      ),
    );
    if (live.ring === ringMark(ring) || live.version === null || live.digest === null) return null;
    const ref = { version: live.version, digest: live.digest };
    if (copies.envelope(ref) === null) return null; // not readable for this user
    return stored(copies, ref, ring) !== null;
  } catch (error) {
    // Keys that cannot be read are the next cycle's CONFIG, not a change.
    if (error instanceof StepError || (error as NodeJS.ErrnoException).code === 'EACCES') return null;
    throw error;
  }
}
