/**
 * The public keys of a bundle as they lie in its folder, by keyid: what `relaymap keys` shows. Reads that folder
 * alone.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { keyid, parsePublicKey } from '../../bundle/trust/public-key.ts';
import type { BundleConfig } from '../config.ts';
import { publicKeyFiles } from './ring-fingerprint.ts';

export interface KeyFile {
  readonly file: string;
  /** Null where the file holds no usable key. */
  readonly keyid: string | null;
  readonly why: string | null;
}

/** @throws HostError CONFIG where the folder cannot be read */
export const keyFiles = ({ keys }: Pick<BundleConfig, 'keys'>): KeyFile[] => publicKeyFiles(keys).map(keyFile);

/** Those that may sign the steps of a rotation. */
export function rootKeyFiles({ keys }: Pick<BundleConfig, 'keys'>): KeyFile[] {
  const folder = path.join(keys, 'root');
  return existsSync(folder) ? publicKeyFiles(folder).map(keyFile) : [];
}

function keyFile(file: string): KeyFile {
  try {
    return { file, keyid: keyid(parsePublicKey(readFileSync(file, 'latin1'))), why: null };
  } catch (error) {
    return { file, keyid: null, why: (error as Error).message };
  }
}
