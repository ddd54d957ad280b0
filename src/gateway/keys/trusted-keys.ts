/**
 * The starting ring of a bundle (docs/bundle-format.md section 6): the public keys in its key directory, and the root
 * keys below it. Reads that directory and nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { MAX_KEYS, startingRing as ringOf, type RootedRing, type StepRules } from '../../bundle/trust/keyring.ts';
import { keyid, parsePublicKey } from '../../bundle/trust/public-key.ts';
import type { Ring } from '../../bundle/trust/verify.ts';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { markOf, publicKeyFiles, rootFolder, rootKeyFiles, type RingConfig } from './ring-fingerprint.ts';

/** The same for who acts on it: others must not be able to add a key. @throws HostError CONFIG */
export function ownRing(bundle: RingConfig): RootedRing {
  requireUnwritable('keys', bundle.keys);
  for (const file of publicKeyFiles(bundle.keys)) requireUnwritable('the public key', file);
  requireUnwritable('the root keys', rootFolder(bundle.keys));
  for (const file of rootKeyFiles(bundle.keys)) requireUnwritable('the root key', file);
  return startingRing(bundle);
}

/** @throws HostError CONFIG: the directory cannot be read, a file is no key, or there are too few or too many keys. */
export function startingRing(bundle: RingConfig): RootedRing {
  const { keys: folder, threshold, ring: step, root_threshold: rootThreshold = null } = bundle;
  const keys = parseAll(publicKeyFiles(folder));
  requireNumber(folder, keys.size, 'threshold', threshold);
  const rootKeys = parseAll(rootKeyFiles(folder));
  requireNumber(rootFolder(folder), rootKeys.size, 'root_threshold', rootThreshold ?? 0);
  return ringOf({ keys, threshold, rootKeys, rootThreshold, step });
}

function parseAll(files: readonly string[]): Map<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const file of files) {
    const raw = parse(file);
    keys.set(keyid(raw), raw);
  }
  return keys;
}

function requireNumber(folder: string, found: number, option: string, needed: number): void {
  if (found >= needed && found <= MAX_KEYS) return;
  const rule = found > MAX_KEYS ? `at most ${MAX_KEYS} are allowed` : `${option} is ${needed}`;
  const others = found === 0 ? otherNames(folder) : [];
  const uncounted = others.length === 0 ? '' : `. Only names that end in .pub count, not ${others.join(', ')}`;
  throw new HostError('CONFIG', `${folder} holds ${found} different public keys (*.pub); ${rule}${uncounted}`);
}

/** Some of what lies in the folder and is not looked at. */
function otherNames(folder: string): string[] {
  try {
    const all = readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
    return all
      .map(({ name }) => name)
      .filter((name) => !name.endsWith('.pub'))
      .sort()
      .slice(0, 3);
  } catch {
    return []; // of root/, which need not be there
  }
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

/** Stands for a ring: another set of keys or root keys, another threshold or step gives another text. */
export const ringMark = (ring: Ring & Partial<RootedRing>): string =>
  markOf(ring.keys.values(), ring.threshold, ring.step, (ring.rootKeys ?? new Map()).values(), ring.rootThreshold ?? 0);

/** What the configuration holds each step to. */
export const stepRules = ({ name, threshold, root_threshold: rootThreshold }: BundleConfig): StepRules => ({
  name,
  threshold,
  rootThreshold: rootThreshold ?? null,
});

/** @throws HostError CONFIG */
export const trustedBundles = (config: GatewayConfig): TrustedBundle[] =>
  config.bundle.map((bundle) => ({ bundle, ring: ownRing(bundle) }));

/** A bundle of the config with its starting ring, read while the process still may read it. */
export interface TrustedBundle {
  readonly bundle: BundleConfig;
  readonly ring: RootedRing;
}
