/**
 * A manifest goes out only if gateways at the newest published key ring step take it (docs/bundle-format.md
 * section 6). Otherwise a configuration that names too few keys would stop every gateway at the version before.
 */
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { parseStep } from '../../bundle/trust/keyring.ts';
import { verifyManifest, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { VerifyError } from '../../errors.ts';
import { PublishError } from '../errors.ts';
import type { Store } from '../repository/store.ts';
import { stepKey } from './key-folder.ts';

/**
 * @param step the newest that was published here; 0 for none.
 * @throws PublishError VERIFY; KEY if the step cannot be read
 */
export async function requireNewestStep(
  store: Store,
  step: number,
  { envelope, manifest }: VerifiedManifest,
): Promise<void> {
  const ring = step === 0 ? null : await ringOf(store, step);
  if (ring === null) return;
  try {
    verifyManifest(envelope, ring);
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    throw new PublishError(
      'VERIFY',
      `gateways at key ring step ${step} would refuse version ${manifest.version}: ${error.message}. ` +
        `Nothing is put out; keys, cosigners and threshold of the configuration have to satisfy the step`,
      error,
    );
  }
}

/** Null where there is none, also if its publishing was interrupted: `keyring publish` does it again. */
async function ringOf(store: Store, step: number) {
  const key = stepKey(step);
  const stored = await store.get(key);
  if (stored === null) return null;
  try {
    const { keys, threshold } = parseStep(decodeEnvelope(stored.bytes).payload);
    return { keys, threshold, step };
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    throw new PublishError('KEY', `cannot read the key ring step ${store.place(key)}: ${error.message}`, error);
  }
}
