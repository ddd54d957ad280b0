/**
 * Whether a run holds the lock of a state directory, as anybody may ask: the kernel's list of locks names the file's inode. Reads only. Where
 * /proc tells nothing it says no.
 */
import { lstatSync, readFileSync } from 'node:fs';
import path from 'node:path';

export function isAtWork(stateDir: string): boolean {
  try {
    const { ino } = lstatSync(path.join(stateDir, 'lock'));
    // NUMBER: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF; whoever waits has an arrow after the number.
    return new RegExp(`^[0-9]+: FLOCK .*:${ino} 0 EOF$`, 'm').test(readFileSync('/proc/locks', 'latin1'));
  } catch {
    return false; // no lock, no run; no /proc, no answer
  }
}
