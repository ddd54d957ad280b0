/**
 * The public keys of a bundle as they lie in its folder, by keyid: what `relaymap keys` shows. Reads that folder
 * alone.
 */
import { readFileSync } from 'node:fs';
import { keyid, parsePublicKey } from '../../bundle/trust/public-key.ts';
import type { BundleConfig } from '../config.ts';
import { publicKeyFiles, rootKeyFiles as rootFiles } from './ring-fingerprint.ts';

export interface KeyFile {
  readonly file: string;
  /** Null where the file holds no usable key. */
  readonly keyid: string | null;
  readonly why: string | null;
}

/** @throws HostError CONFIG where the folder cannot be read */
export const keyFiles = ({ keys }: Pick<BundleConfig, 'keys'>): KeyFile[] => publicKeyFiles(keys).map(keyFile);

/** Those that may sign the steps of a rotation. */
export const rootKeyFiles = ({ keys }: Pick<BundleConfig, 'keys'>): KeyFile[] => rootFiles(keys).map(keyFile);

function keyFile(file: string): KeyFile {
  try {
    return { file, keyid: keyid(parsePublicKey(readFileSync(file, 'latin1'))), why: null };
  } catch (error) {
    return { file, keyid: null, why: (error as Error).message };
  }
}
