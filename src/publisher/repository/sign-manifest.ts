/** Makes the signed manifest (format sections 2 and 3), and knows whether one is signed by all of today's keys. Pure. */
import { encodeEnvelope, MANIFEST_TYPE, pae } from '../../bundle/trust/envelope.ts';
import { isoTime, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import { verifyManifest, type Ring, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { PublishError } from '../errors.ts';
import type { SigningKey } from './signing-key.ts';

const DAY = 86_400_000;

export interface ManifestFacts {
  readonly name: string;
  readonly version: number;
  readonly now: Date;
  /** Milliseconds. */
  readonly validFor: number;
  readonly entry: TableEntry;
  /** Rows and domains of the table where its shrinking is approved for a day. */
  readonly approve: { readonly rows: number; readonly domains: number } | null;
  /** The approval of the manifest before, which stands until it has passed. */
  readonly carried: Manifest['shrinkApproved'];
}

/** Signs, and verifies what it signed as a gateway that trusts all of these keys. */
export function signManifest(facts: ManifestFacts, keys: readonly SigningKey[]): VerifiedManifest {
  const created = new Date(Math.floor(facts.now.getTime() / 1000) * 1000);
  const approval = approvalOf(facts, created);
  const payload = Buffer.from(
    JSON.stringify({
      format: 1,
      name: facts.name,
      version: facts.version,
      created: isoTime(created),
      expires: isoTime(new Date(created.getTime() + facts.validFor)),
      keyring: 0,
      ...(approval === null ? {} : { shrinkApproved: approval }),
      tables: { recipients: facts.entry },
    }),
  );
  const message = pae(MANIFEST_TYPE, payload);
  const signatures = keys.map((k) => ({ keyid: k.keyid, sig: k.sign(message) }));
  return verifyManifest(encodeEnvelope(MANIFEST_TYPE, payload, signatures), ringOf(keys));
}

function approvalOf({ now, approve, carried }: ManifestFacts, created: Date): object | null {
  if (approve !== null) return { until: isoTime(new Date(created.getTime() + DAY)), ...approve };
  return carried !== undefined && now < carried.until ? { ...carried, until: isoTime(carried.until) } : null;
}

/** Whether every one of these keys has signed. */
export function isSignedBy(envelope: Uint8Array, keys: readonly SigningKey[]): boolean {
  try {
    verifyManifest(envelope, ringOf(keys));
    return true;
  } catch {
    return false; // for whatever reason: it is to be signed again
  }
}

function ringOf(keys: readonly SigningKey[]): Ring {
  const ring = new Map(keys.map((k) => [k.keyid, k.publicKey]));
  if (ring.size !== keys.length) throw new PublishError('KEY', 'two of the files in `keys` hold the same key');
  return { keys: ring, threshold: keys.length, step: 0 };
}
