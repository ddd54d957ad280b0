/**
 * Whether the key directory is still the one that the last cycle saw, without checking a key: `health` starts in
 * milliseconds. Reads that directory and nothing else; nothing is trusted for it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { publicKeyBlocks } from '../../bundle/trust/pem.ts';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import type { BundleConfig } from '../config.ts';

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

/** A text that stands for a ring: other keys, another threshold or step give another one. */
export function markOf(keys: readonly Uint8Array[], threshold: number, step: number): string {
  const texts = keys.map((raw) => Buffer.from(raw).toString('base64'));
  return JSON.stringify([[...new Set(texts)].sort(), threshold, step]);
}

/** What `ringMark` would say of the directory, if all in it is as it should be. @throws what reading throws */
export function directoryMark({ keys, threshold, ring }: BundleConfig): string {
  const raw = publicKeyFiles(keys).map((file) => {
    const [block = ''] = publicKeyBlocks(readFileSync(file, 'latin1'));
    return Buffer.from(block, 'base64').subarray(-32);
  });
  return markOf(raw, threshold, ring);
}
