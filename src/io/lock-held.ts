/**
 * Whether a run holds the lock of a state directory, as anybody may ask: the kernel's list of locks names the file's inode. A service whose
 * /proc has no such list (ProcSubset=pid) goes by the lock file itself, which is empty while nobody has the lock. Reads only.
 */
import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @param locks the kernel's list. */
export function isAtWork(stateDir: string, locks = '/proc/locks'): boolean {
  let size: number;
  let ino: number;
  try {
    ({ size, ino } = lstatSync(path.join(stateDir, 'lock')));
  } catch {
    return false; // no lock, no run
  }
  try {
    // NUMBER: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF; whoever waits has an arrow after the number.
    return new RegExp(`^[0-9]+: FLOCK .*:${ino} 0 EOF$`, 'm').test(readFileSync(locks, 'latin1'));
  } catch {
    return size > 0; // a killed run leaves its number behind: then damage is told some seconds later, no more
  }
}
