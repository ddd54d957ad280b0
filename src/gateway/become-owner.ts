/** A process that was started as root continues as the owner of `state_dir`. */
import { statSync } from 'node:fs';
import { HostError } from '../errors.ts';
import { isAbsent } from '../io/atomic-file.ts';

/** This Node does not let a running process become another user. */
export class Unchangeable extends HostError {
  readonly uid: number;
  readonly gid: number;

  constructor(stateDir: string, { uid, gid }: { uid: number; gid: number }, cause: unknown) {
    const goOn = `start it as that user: setpriv --reuid ${uid} --regid ${gid} --init-groups relaymap ...`;
    super('CONFIG', `cannot become user ${uid}, the owner of ${stateDir}, on this Node; ${goOn}`, cause);
    this.uid = uid;
    this.gid = gid;
  }
}

// Missing from the types of Node 20, there since 0.9.4: the group postfix must come along.
const initGroups = (user: number, extra: number): void =>
  (process as { initgroups?: (user: number, extra: number) => void }).initgroups?.(user, extra);

let forATime = false;

/**
 * A process started as root becomes the owner of `stateDir`, with that user's groups.
 * @throws HostError CONFIG; Unchangeable on a Node that refuses it to every process, as Debian 13's does.
 */
export function becomeOwner(stateDir: string): void {
  if (process.geteuid?.() !== 0) return;
  let owner: { uid: number; gid: number };
  try {
    owner = statSync(stateDir);
  } catch (error) {
    if (isAbsent(error)) return; // made by this process, as root
    throw new HostError('CONFIG', `cannot look at state_dir ${stateDir}: ${(error as Error).message}`, error);
  }
  if (owner.uid === 0) return;
  try {
    initGroups(owner.uid, owner.gid);
    if (forATime) {
      process.setegid?.(owner.gid);
      process.seteuid?.(owner.uid);
    } else {
      process.setgid?.(owner.gid);
      process.setuid?.(owner.uid);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_STATE') throw new Unchangeable(stateDir, owner, error);
    throw new HostError(
      'CONFIG',
      `cannot become user ${owner.uid}, the owner of ${stateDir}: ${(error as Error).message}`,
      error,
    );
  }
}

/**
 * For `init --apply` alone, which must be root once more after the cycle: `becomeOwner` then holds until the
 * function that is returned is called. What is written to state_dir meanwhile is the owner's, and no link there
 * leads root astray.
 */
export function keepRoot(): () => void {
  forATime = true;
  return () => {
    if (process.getuid?.() !== 0) return;
    process.seteuid?.(0);
    process.setegid?.(0);
    initGroups(0, 0);
  };
}

/**
 * Who has to do what is the owner's to do, where this process is root and its Node does not let it change; null
 * everywhere else.
 */
export function ownerBeside(stateDir: string): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  try {
    process.setegid?.(process.getegid?.() ?? 0); // no change, and refused where any change is
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_STATE') throw error;
  }
  try {
    const { uid, gid } = statSync(stateDir);
    return uid === 0 ? null : { uid, gid };
  } catch (error) {
    if (isAbsent(error)) return null; // made by this process, as root
    throw error;
  }
}
