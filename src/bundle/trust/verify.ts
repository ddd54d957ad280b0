/**
 * Makes a VerifiedManifest, and is the only maker. Order (format section 2): envelope, payloadType, signatures over
 * the payload bytes, only then those same bytes as JSON. It does NOT judge name, version or time: that is offer.ts.
 * Pure.
 */
import { createHash } from 'node:crypto';
import { VerifyError } from '../../errors.ts';
import { verify } from './ed25519.ts';
import { decodeEnvelope, MANIFEST_TYPE, pae, type Envelope } from './envelope.ts';
import { parseManifest, type Manifest } from '../offer/manifest.ts';

/** The manifest keys that are trusted now, by keyid, and how many must have signed. */
export interface Ring {
  readonly keys: ReadonlyMap<string, Uint8Array>;
  readonly threshold: number;
  /** The rotation step the keys stand for (format section 6). */
  readonly step: number;
}

declare const verified: unique symbol;
export interface VerifiedManifest {
  readonly [verified]: true;
  readonly manifest: Manifest;
  /** Lower-case hex SHA-256 of the payload: what equivocation is judged by. */
  readonly digest: string;
  /** The envelope as it came, to be kept as proof. */
  readonly envelope: Uint8Array;
}

/** @throws VerifyError, ManifestError */
export function verifyManifest(bytes: Uint8Array, ring: Ring): VerifiedManifest {
  const envelope = decodeEnvelope(bytes);
  if (envelope.payloadType !== MANIFEST_TYPE) {
    throw new VerifyError(
      'WRONG_TYPE',
      `payloadType "${envelope.payloadType.slice(0, 80)}", expected "${MANIFEST_TYPE}"`,
    );
  }
  requireSignatures(envelope, ring.keys, ring.threshold);
  const digest = createHash('sha256').update(envelope.payload).digest('hex');
  return { manifest: parseManifest(envelope.payload), digest, envelope: bytes } as VerifiedManifest;
}

/**
 * The manifest of an envelope that was verified before: its payload has the digest that was put on record then. For
 * a record that holds under the keys of today; no signature is looked at.
 * @throws EnvelopeError, VerifyError BAD_SIGNATURE for another payload, ManifestError
 */
export function verifiedBefore(bytes: Uint8Array, digest: string): VerifiedManifest {
  const { payload } = decodeEnvelope(bytes);
  const found = createHash('sha256').update(payload).digest('hex');
  if (found !== digest)
    throw new VerifyError('BAD_SIGNATURE', `the payload's SHA-256 is ${found}, ${digest} was verified`);
  return { manifest: parseManifest(payload), digest, envelope: bytes } as VerifiedManifest;
}

/** The keyids, of these keys, whose signature is right. */
export function signersOf(envelope: Envelope, keys: ReadonlyMap<string, Uint8Array>): string[] {
  const signed = pae(envelope.payloadType, envelope.payload);
  return envelope.signatures.flatMap(({ keyid, sig }) => {
    const key = keys.get(keyid);
    return key !== undefined && verify(signed, sig, key) ? [keyid] : [];
  });
}

/** @throws VerifyError BAD_SIGNATURE unless `threshold` distinct keys have signed. */
export function requireSignatures(envelope: Envelope, keys: ReadonlyMap<string, Uint8Array>, threshold: number): void {
  const signed = pae(envelope.payloadType, envelope.payload);
  let valid = 0;
  let known = 0;
  // decodeEnvelope has refused a keyid that is named twice, and keyids stand for keys one to one: each counts once.
  for (const { keyid, sig } of envelope.signatures) {
    const key = keys.get(keyid);
    if (key === undefined) continue;
    known++;
    if (verify(signed, sig, key)) valid++;
    if (valid >= threshold) return;
  }
  throw new VerifyError(
    'BAD_SIGNATURE',
    `${valid} valid signatures of trusted keys, ${threshold} needed (${envelope.signatures.length} given, ${known} by trusted keys); ${signers(envelope)}`,
  );
}

const SHOWN = 4;

/** Who signed, as the envelope says. A keyid that is none is counted and not repeated: it is a stranger's text. */
function signers({ signatures }: Envelope): string {
  if (signatures.length === 0) return 'it is not signed';
  const ids = signatures.map(({ keyid }) => keyid).filter((keyid) => /^[0-9a-f]{64}$/.test(keyid));
  const more = signatures.length - Math.min(ids.length, SHOWN);
  return `signed by keyid ${[...ids.slice(0, SHOWN), ...(more > 0 ? [`${more} more`] : [])].join(', ')}`;
}
