/**
 * Makes a manifest's payload, signs it, and checks whether one is signed by these keys (docs/bundle-format.md
 * sections 2 and 3). Reads and writes nothing.
 */
import { decodeEnvelope, encodeEnvelope, MANIFEST_TYPE, pae, type Signature } from '../../bundle/trust/envelope.ts';
import { isoTime, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import { verifyManifest, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { StepError } from '../../errors.ts';
import { PublishError } from '../errors.ts';
import type { Signer, TrustedKey } from '../keys/signer.ts';

const DAY = 86_400_000;

export interface ManifestFacts {
  readonly name: string;
  readonly version: number;
  /** The manifest's `created`. Fractions of a second are dropped. */
  readonly created: Date;
  /** Milliseconds. */
  readonly validFor: number;
  /** The newest key ring step that is out. */
  readonly keyring: number;
  readonly entry: TableEntry;
  /** The table of next hops; null for none. */
  readonly transport: TableEntry | null;
  /** The approval of a shrinking, and until when it holds. */
  readonly approval: Approval | null;
}

export type Approval = NonNullable<Manifest['shrinkApproved']>;

export function manifestPayload(facts: ManifestFacts): Uint8Array {
  const created = wholeSecond(facts.created);
  const { approval } = facts;
  return Buffer.from(
    JSON.stringify({
      format: 1,
      name: facts.name,
      version: facts.version,
      created: isoTime(created),
      expires: isoTime(new Date(created.getTime() + facts.validFor)),
      keyring: facts.keyring,
      ...(approval === null ? {} : { shrinkApproved: { ...approval, until: isoTime(approval.until) } }),
      tables: { recipients: facts.entry, ...(facts.transport === null ? {} : { transport: facts.transport }) },
    }),
  );
}

/** The signatures of these keys, each verified. @throws PublishError KEY */
export async function signaturesOf(type: string, payload: Uint8Array, keys: readonly Signer[]): Promise<Signature[]> {
  const message = pae(type, payload);
  const signatures: Signature[] = [];
  for (const key of keys) signatures.push({ keyid: key.keyid, sig: await key.sign(message) });
  return signatures;
}

/** The manifest under these signatures, verified as by a gateway that trusts these keys. @throws VerifyError */
export const signedManifest = (
  payload: Uint8Array,
  signatures: readonly Signature[],
  keys: readonly TrustedKey[],
  threshold: number,
): VerifiedManifest => verifyManifest(encodeEnvelope(MANIFEST_TYPE, payload, signatures), ringOf(keys, threshold));

/** Approves tables of this size for a day from `created`. @param hops rows of next hops; null where there are none. */
export function approvalFor(rows: number, domains: number, created: Date, hops: number | null = null): Approval {
  const until = new Date(wholeSecond(created).getTime() + DAY);
  return { until, rows, domains, ...(hops === null ? {} : { transport: { rows: hops } }) };
}

const wholeSecond = (time: Date): Date => new Date(Math.floor(time.getTime() / 1000) * 1000);

/** Whether so many of these keys have signed. */
export function isSignedBy(envelope: Uint8Array, keys: readonly TrustedKey[], threshold: number): boolean {
  try {
    verifyManifest(envelope, ringOf(keys, threshold));
    return true;
  } catch (error) {
    if (error instanceof PublishError) throw error;
    if (error instanceof StepError) return false; // unsigned, signed by others, or another kind
    throw error;
  }
}

/** The signatures of an envelope that are by these keys and good. */
export function goodSignatures(envelope: Uint8Array, keys: readonly TrustedKey[]): Signature[] {
  const { payload, payloadType, signatures } = decodeEnvelope(envelope);
  return signatures.filter((each) => {
    const one = encodeEnvelope(payloadType, payload, [each]);
    return isSignedBy(one, keys, 1);
  });
}

const ringOf = (keys: readonly TrustedKey[], threshold: number) => ({
  keys: new Map(keys.map((k) => [k.keyid, k.publicKey])),
  threshold,
  step: 0,
});
