/**
 * Root goes on as the owner of the publisher's state, so that what it writes stays the service's. Where there is no state yet, that is the
 * owner of the folder in which it will be, or the package's user.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../errors.ts';
import { accountName, userByName } from '../../io/accounts.ts';
import { makeFolderOf } from '../../io/atomic-file.ts';
import { becomeOwner } from '../become-owner.ts';

const SERVICE = 'relaymap-publish';
const SERVICE_STATE = '/var/lib/relaymap-publish';

/** Whose keys root takes beside its own: the owner of the state. Null where there is none. */
export function stateOwner(stateDir: string): number | null {
  try {
    return statSync(existing(stateDir)).uid;
  } catch {
    return null; // whoever makes the state says what is wrong with its place
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
 * Somebody who is neither root nor the owner of the state is told so, before anything of it seems to be missing or damaged.
 * @throws HostError CONFIG
 */
export function requireState(stateDir: string, writes: boolean): void {
  try {
    accessSync(existing(stateDir), constants.R_OK | constants.X_OK | (writes ? constants.W_OK : 0));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') return; // whoever uses it says what is wrong with it
    const owner = stateOwner(stateDir);
    const whose = owner === null ? 'root' : accountName(owner);
    const goOn = `sudo relaymap-publish ${process.argv.slice(2).join(' ')}`;
    throw new HostError('CONFIG', `state_dir ${stateDir} is for root and for ${whose}, its owner: ${goOn}`, error);
  }
}

/** The place itself, or the nearest folder above it that is there. */
function existing(place: string): string {
  return existsSync(place) || place === '/' ? place : existing(path.dirname(place));
}
