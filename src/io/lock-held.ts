/**
 * Whether a run holds the lock of a state directory. Anyone may ask. It looks for the lock file's inode in the
 * kernel's list of locks. A service with ProcSubset=pid cannot see that list; it checks the size of the lock file,
 * which is empty while nobody holds the lock. Reads only.
 */
import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @param locks the kernel's list of locks. @param name of the lock file. */
export function isAtWork(stateDir: string, locks = '/proc/locks', name = 'lock'): boolean {
  let size: number;
  let ino: number;
  try {
    ({ size, ino } = lstatSync(path.join(stateDir, name)));
  } catch {
    return false; // no lock, no run
  }
  try {
    // NUMBER: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF. A process that waits has an arrow after the number.
    return new RegExp(`^[0-9]+: FLOCK .*:${ino} 0 EOF$`, 'm').test(readFileSync(locks, 'latin1'));
  } catch {
    return size > 0; // a killed run leaves its number, which only delays reports of damage
  }
}
