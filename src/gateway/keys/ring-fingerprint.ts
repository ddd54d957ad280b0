/**
 * Whether the key directory is still the one that the last cycle saw, without checking a key: `health` starts in
 * milliseconds. Reads that directory and nothing else; nothing is trusted for it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { publicKeyBlocks } from '../../bundle/trust/pem.ts';
import { defaultRootThreshold } from '../../bundle/trust/root-threshold.ts';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import type { BundleConfig } from '../config.ts';

/** What of a bundle's configuration says which keys are trusted at first. */
export type RingConfig = Pick<BundleConfig, 'keys' | 'threshold' | 'root_threshold' | 'ring'>;

/** The `*.pub` of a key directory, in order. @throws HostError CONFIG */
export function publicKeyFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.pub') && !name.startsWith('.'))
      .sort()
      .map((name) => path.join(folder, name));
  } catch (error) {
    throw new HostError('CONFIG', `cannot read the key directory ${folder}: ${whyUnread(error, folder)}`, error);
  }
}

/** Raw public keys, each once or several times. */
type Keys = Iterable<Uint8Array>;

function isThere(folder: string): boolean {
  try {
    return statSync(folder, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw new HostError('CONFIG', `cannot look at ${folder}: ${whyUnread(error, folder)}`, error);
  }
}

/** A text that stands for a ring: other keys, root keys, another threshold or step give another one. */
export function markOf(keys: Keys, threshold: number, step: number, roots: Keys, rootThreshold: number): string {
  const texts = (of: Keys) => [...new Set(Array.from(of, (raw) => Buffer.from(raw).toString('base64')))].sort();
  const rooted = texts(roots);
  return JSON.stringify([texts(keys), threshold, step, ...(rooted.length === 0 ? [] : [rooted, rootThreshold])]);
}

/** Where the root keys of a bundle lie: they sign the steps of a rotation. */
export const rootFolder = (keys: string): string => path.join(keys, 'root');

/** The `*.pub` in it; none where there is no such folder. @throws HostError CONFIG */
export function rootKeyFiles(keys: string): string[] {
  const folder = rootFolder(keys);
  return isThere(folder) ? publicKeyFiles(folder) : [];
}

/** What `ringMark` would say of the directory, if all in it is as it should be. @throws what reading throws */
export function directoryMark({ keys, threshold, ring, root_threshold: rootThreshold }: RingConfig): string {
  const roots = rootKeyFiles(keys).map(rawKey);
  const different = new Set(roots.map((raw) => raw.toString('base64'))).size;
  return markOf(
    publicKeyFiles(keys).map(rawKey),
    threshold,
    ring,
    roots,
    rootThreshold ?? defaultRootThreshold(different),
  );
}

function rawKey(file: string): Buffer {
  const [block = ''] = publicKeyBlocks(readFileSync(file, 'latin1'));
  return Buffer.from(block, 'base64').subarray(-32);
}
