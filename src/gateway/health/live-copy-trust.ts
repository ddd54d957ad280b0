/**
 * Whether the live copy still verifies under keys that have changed since the last cycle. Reads them and one stored
 * envelope.
 */
import { StepError } from '../../errors.ts';
import type { BundleConfig } from '../config.ts';
import { Copies } from '../record/copies.ts';
import { stored } from '../record/version-history.ts';
import type { BundleStatus } from './status.ts';
import { ringMark, startingRing } from '../keys/trusted-keys.ts';

/**
 * @returns null where the keys are those of the last report, or where a look is not possible: the report then
 * stands.
 */
export function verifiesNow(stateDir: string, bundle: BundleConfig, live: BundleStatus): boolean | null {
  try {
    const ring = startingRing(bundle);
    if (live.ring === ringMark(ring) || live.version === null || live.digest === null) return null;
    const copies = new Copies(stateDir, bundle.name, null);
    const ref = { version: live.version, digest: live.digest };
    if (copies.envelope(ref) === null) return null; // not readable for this user
    return stored(copies, ref, ring) !== null;
  } catch (error) {
    if (error instanceof StepError) return null; // keys that cannot be read are the next cycle's CONFIG, not a change
    throw error;
  }
}
