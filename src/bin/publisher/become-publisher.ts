/**
 * Root becomes the owner of the publisher's state, so the service can use the files it writes. If there is no state
 * yet, it becomes the owner of the folder that will hold it, or the package's user.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../errors.ts';
import { accountName, userByName } from '../../io/accounts.ts';
import { makeFolderOf } from '../../io/atomic-file.ts';
import { becomeOwner } from '../become-owner.ts';

const SERVICE = 'relaymap-publish';
const SERVICE_STATE = '/var/lib/relaymap-publish';

/** The owner of the state; null if there is no state. Besides its own keys, root accepts this user's. */
export function stateOwner(stateDir: string): number | null {
  try {
    return statSync(existing(stateDir)).uid;
  } catch {
    return null; // creating the state reports what is wrong
  }
}

/** @throws HostError CONFIG */
export async function becomePublisher(stateDir: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const service = stateDir === SERVICE_STATE && !existsSync(stateDir) ? userByName(SERVICE) : null;
  if (service !== null) makeFolderOf(stateDir, 0o700, service);
  await becomeOwner(existing(stateDir));
}

/**
 * Tells anyone but root and the owner of the state so, before the state seems to be missing or damaged.
 * @throws HostError CONFIG
 */
export function requireState(stateDir: string, writes: boolean): void {
  try {
    accessSync(existing(stateDir), constants.R_OK | constants.X_OK | (writes ? constants.W_OK : 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return; // using it reports what is wrong
    const owner = stateOwner(stateDir);
    const whose = owner === null ? 'root' : accountName(owner);
    const goOn = `sudo relaymap-publish ${process.argv.slice(2).join(' ')}`;
    throw new HostError('CONFIG', `state_dir ${stateDir} is for root and for ${whose}, its owner: ${goOn}`, error);
  }
}

/** The place itself, or the nearest folder above it that exists. */
function existing(place: string): string {
  return existsSync(place) || place === '/' ? place : existing(path.dirname(place));
}
