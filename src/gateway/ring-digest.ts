/**
 * Whether the key directory is still the one that the last cycle saw, without checking a key: `health` starts in milliseconds. Reads
 * that directory and nothing else; nothing is trusted for it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../errors.ts';
import type { BundleConfig } from './config.ts';

/** The `*.pub` of a key directory, in order. @throws HostError CONFIG */
export function publicKeyFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.pub') && !name.startsWith('.'))
      .sort()
      .map((name) => path.join(folder, name));
  } catch (error) {
    throw new HostError('CONFIG', `cannot read the key directory ${folder}: ${(error as Error).message}`, error);
  }
}

/** @param keyids in any order. */
export function digestOf(keyids: readonly string[], threshold: number, step: number): string {
  const text = JSON.stringify([[...new Set(keyids)].sort(), threshold, step]);
  return createHash('sha256').update(text).digest('hex');
}

/** What `ringDigest` would say of the directory, if all in it is as it should be. @throws what reading throws */
export function directoryDigest({ keys, threshold, ring }: BundleConfig): string {
  const keyids = publicKeyFiles(keys).map((file) => {
    const base64 = readFileSync(file, 'latin1').replace(/-----[^-]*-----|\s/g, '');
    return createHash('sha256').update(Buffer.from(base64, 'base64').subarray(-32)).digest('hex');
  });
  return digestOf(keyids, threshold, ring);
}
