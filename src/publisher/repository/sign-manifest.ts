/**
 * Makes the signed manifest (docs/bundle-format.md sections 2 and 3), and checks whether one is signed by these
 * keys. Pure.
 */
import { encodeEnvelope, MANIFEST_TYPE, pae } from '../../bundle/trust/envelope.ts';
import { isoTime, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import { verifyManifest, type Ring, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { PublishError } from '../errors.ts';
import type { SigningKey } from './signing-key.ts';

const DAY = 86_400_000;

export interface ManifestFacts {
  readonly name: string;
  readonly version: number;
  /** The manifest's `created`. Fractions of a second are dropped. */
  readonly created: Date;
  /** Milliseconds. */
  readonly validFor: number;
  readonly entry: TableEntry;
  /** The approval of a shrinking, and until when it holds. */
  readonly approval: Approval | null;
}

export type Approval = NonNullable<Manifest['shrinkApproved']>;

/** Signs the manifest, then verifies it as a gateway that trusts all of these keys. */
export function signManifest(facts: ManifestFacts, keys: readonly SigningKey[]): VerifiedManifest {
  const created = wholeSecond(facts.created);
  const { approval } = facts;
  const payload = Buffer.from(
    JSON.stringify({
      format: 1,
      name: facts.name,
      version: facts.version,
      created: isoTime(created),
      expires: isoTime(new Date(created.getTime() + facts.validFor)),
      keyring: 0,
      ...(approval === null ? {} : { shrinkApproved: { ...approval, until: isoTime(approval.until) } }),
      tables: { recipients: facts.entry },
    }),
  );
  const message = pae(MANIFEST_TYPE, payload);
  const signatures = keys.map((k) => ({ keyid: k.keyid, sig: k.sign(message) }));
  return verifyManifest(encodeEnvelope(MANIFEST_TYPE, payload, signatures), ringOf(keys));
}

/** Approves a table of this size for a day from `created`. */
export function approvalFor(rows: number, domains: number, created: Date): Approval {
  return { until: new Date(wholeSecond(created).getTime() + DAY), rows, domains };
}

const wholeSecond = (time: Date): Date => new Date(Math.floor(time.getTime() / 1000) * 1000);

/** Whether every one of these keys has signed. */
export function isSignedBy(envelope: Uint8Array, keys: readonly SigningKey[]): boolean {
  try {
    verifyManifest(envelope, ringOf(keys));
    return true;
  } catch {
    return false; // whatever the reason, sign again
  }
}

/** Whether at least one of these keys has signed. */
export function isSignedByOne(envelope: Uint8Array, keys: readonly SigningKey[]): boolean {
  try {
    verifyManifest(envelope, { ...ringOf(keys), threshold: 1 });
    return true;
  } catch (error) {
    if (error instanceof PublishError) throw error;
    return false; // unsigned, signed by others, or another kind: not ours
  }
}

function ringOf(keys: readonly SigningKey[]): Ring {
  const ring = new Map(keys.map((k) => [k.keyid, k.publicKey]));
  if (ring.size !== keys.length)
    throw new PublishError('KEY', 'two of the files in `keys` hold the same key; name each key once');
  return { keys: ring, threshold: keys.length, step: 0 };
}
