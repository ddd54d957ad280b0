/** Whether others could change what is relied on here: a file or folder that they can write is refused by name. Looks, and no more. */
import { fstatSync, openSync, closeSync, constants } from 'node:fs';
import { HostError } from '../errors.ts';

const { O_RDONLY, O_NONBLOCK } = constants;

/**
 * A group is another one where it is neither root's nor this process's own, which on many systems is its user's alone.
 * @param what the option that names it. @throws HostError CONFIG, with the line that mends it. What cannot be opened is for its reader.
 */
export function requireUnwritable(what: string, place: string): void {
  let fd: number;
  try {
    fd = openSync(place, O_RDONLY | O_NONBLOCK);
  } catch {
    return; // absent, or not for us: whoever needs it says so, in words of its own
  }
  try {
    const found = fstatSync(fd);
    if (!found.isFile() && !found.isDirectory()) return; // /dev/stdin, say: the shell's, not the disk's
    const { mode, gid } = found;
    const byGroup = (mode & 0o020) !== 0 && gid !== 0 && gid !== process.getegid?.();
    if ((mode & 0o002) === 0 && !byGroup) return;
    const whom = (mode & 0o002) === 0 ? `group ${gid}` : 'everybody';
    throw new HostError(
      'CONFIG',
      `${what} ${place} can be written by ${whom} (mode ${(mode & 0o777).toString(8)}): chmod go-w ${place}`,
    );
  } finally {
    closeSync(fd);
  }
}
