/**
 * The starting ring of a bundle (format section 6): the public keys in its key directory. Reads that directory and
 * nothing else.
 */
import { readFileSync } from 'node:fs';
import { keyid, parsePublicKey } from '../../bundle/trust/public-key.ts';
import type { Ring } from '../../bundle/trust/verify.ts';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { markOf, publicKeyFiles } from './ring-fingerprint.ts';

const MAX_KEYS = 16;

/** The same for who acts on it: others must not be able to add a key. @throws HostError CONFIG */
export function ownRing(bundle: Pick<BundleConfig, 'keys' | 'threshold' | 'ring'>): Ring {
  requireUnwritable('keys', bundle.keys);
  for (const file of publicKeyFiles(bundle.keys)) requireUnwritable('the public key', file);
  return startingRing(bundle);
}

/** @throws HostError CONFIG: the directory cannot be read, a file is no key, or there are too few or too many keys. */
export function startingRing(bundle: Pick<BundleConfig, 'keys' | 'threshold' | 'ring'>): Ring {
  const keys = new Map<string, Uint8Array>();
  for (const file of publicKeyFiles(bundle.keys)) {
    const raw = parse(file);
    keys.set(keyid(raw), raw);
  }
  if (keys.size < bundle.threshold || keys.size > MAX_KEYS) {
    const rule = keys.size > MAX_KEYS ? `at most ${MAX_KEYS} are allowed` : `threshold is ${bundle.threshold}`;
    throw new HostError('CONFIG', `${bundle.keys} holds ${keys.size} different public keys (*.pub); ${rule}`);
  }
  return { keys, threshold: bundle.threshold, step: bundle.ring };
}

function parse(file: string): Uint8Array {
  let pem: string;
  try {
    pem = readFileSync(file, 'latin1');
  } catch (error) {
    throw new HostError('CONFIG', `cannot read the public key ${file}: ${whyUnread(error, file)}`, error);
  }
  try {
    return parsePublicKey(pem);
  } catch (error) {
    throw new HostError('CONFIG', `${file}: ${(error as Error).message}`, error);
  }
}

/** Stands for a starting ring: another set of keys, threshold or step gives another text. */
export const ringMark = (ring: Ring): string => markOf([...ring.keys.values()], ring.threshold, ring.step);

/** @throws HostError CONFIG */
export const trustedBundles = (config: GatewayConfig): TrustedBundle[] =>
  config.bundle.map((bundle) => ({ bundle, ring: ownRing(bundle) }));

/** A bundle of the config with its starting ring, read while the process still may read it. */
export interface TrustedBundle {
  readonly bundle: BundleConfig;
  readonly ring: Ring;
}
