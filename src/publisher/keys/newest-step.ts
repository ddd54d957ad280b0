/**
 * A manifest goes out only if gateways at the newest published key ring step take it (docs/bundle-format.md
 * section 6). Otherwise a configuration that names too few keys would stop every gateway at the version before.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { parseStep } from '../../bundle/trust/keyring.ts';
import { verifyManifest, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { VerifyError } from '../../errors.ts';
import { isAbsent } from '../../io/atomic-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';

/**
 * @param step the newest that was published here; 0 for none.
 * @throws PublishError VERIFY; KEY if the step cannot be read
 */
export function requireNewestStep(output: string, step: number, { envelope, manifest }: VerifiedManifest): void {
  const ring = ringOf(path.join(output, 'keyring', `${step}.json`), step);
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
function ringOf(file: string, step: number) {
  if (step === 0) return null;
  try {
    const { keys, threshold } = parseStep(decodeEnvelope(readFileSync(file)).payload);
    return { keys, threshold, step };
  } catch (error) {
    if (isAbsent(error)) return null;
    const why = error instanceof VerifyError ? error.message : whyUnread(error, file);
    throw new PublishError('KEY', `cannot read the key ring step ${file}: ${why}`, error);
  }
}
