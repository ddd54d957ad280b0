/**
 * Whether someone else could change a file that we rely on. Both sides use the same rule, which sshd uses too: root
 * or this process's user owns the file or folder, every folder above it and every link on the path, and nobody else
 * may write them. A folder with the sticky bit, such as /tmp, may be writable: others cannot replace what is in it.
 * Changes nothing.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import path from 'node:path';
import { HostError } from '../errors.ts';
import { accountName } from './accounts.ts';

const STICKY = 0o1000;
/** The most links that Linux follows. */
const MAX_LINKS = 40;

/**
 * Writable by root's group or by this process's own group is safe: on many systems only the user is in that group.
 * @param what the option that names the place. @throws HostError CONFIG, with the command that mends it. A place
 *   that does not exist is left to its reader.
 */
export function requireUnwritable(what: string, place: string): void {
  const reason = writableByOthers(what, place);
  if (reason !== null) throw new HostError('CONFIG', reason);
}

/**
 * Says why a place is not safe from others, with the command that mends it; null if it is safe.
 * @param also a user who counts as safe, such as the owner of the state that root is about to become.
 */
export function writableByOthers(what: string, place: string, also: number | null = null): string | null {
  const steps = stepsTo(path.resolve(place));
  const last = steps.at(-1);
  // The shell, not the disk, supplies a place that is neither file nor folder, such as /dev/stdin.
  if (last?.path !== '/' && last?.isEnd === true && !last.stat.isFile() && !last.stat.isDirectory()) return null;
  // The owner of the root folder can change anything anyway. In a user namespace it may be `nobody`.
  const root = steps[0]?.stat.uid ?? 0;
  const known = new Set([0, root, process.geteuid?.() ?? 0, ...(also === null ? [] : [also])]);
  for (const step of steps) {
    const name = step.isEnd ? `${what} ${place}` : above(step, what, place);
    const { uid, gid, mode } = step.stat;
    if (!known.has(uid)) {
      const line = `chown ${step.stat.isSymbolicLink() ? '-h ' : ''}root ${step.path}`;
      return `${name} belongs to ${accountName(uid)}, who is neither root nor the user of this process: ${line}`;
    }
    if (step.stat.isSymbolicLink() || (!step.isEnd && (mode & STICKY) !== 0)) continue;
    const byGroup = (mode & 0o020) !== 0 && gid !== 0 && gid !== process.getegid?.();
    if ((mode & 0o002) === 0 && !byGroup) continue;
    const whom = (mode & 0o002) === 0 ? `group ${gid}` : 'everybody';
    return `${name} can be written by ${whom} (mode ${(mode & 0o777).toString(8)}): chmod go-w ${step.path}`;
  }
  return null;
}

interface Step {
  readonly path: string;
  readonly stat: Stats;
  /** The place itself, not a folder or link on the path. */
  readonly isEnd: boolean;
}

const above = ({ path: at, stat }: Step, what: string, place: string): string =>
  stat.isSymbolicLink() ? `the link ${at} on the way to ${what} ${place}` : `the folder ${at} above ${what} ${place}`;

/** Every folder and link on the path to a place, and the place itself. Ends early where something does not exist. */
function stepsTo(place: string): Step[] {
  const steps: Step[] = [];
  let rest = place.split('/').filter((name) => name !== '');
  let at = '/';
  let links = 0;
  for (;;) {
    const stat = look(at);
    if (stat === null) return steps;
    if (!stat.isSymbolicLink()) steps.push({ path: at, stat, isEnd: rest.length === 0 });
    else {
      steps.push({ path: at, stat, isEnd: false });
      if (++links > MAX_LINKS) return steps;
      const target = readlinkSync(at).split('/');
      rest = [...target.filter((name) => name !== ''), ...rest];
      at = target[0] === '' ? '/' : path.dirname(at);
    }
    const next = rest.shift();
    if (next === undefined) return steps;
    at = path.join(at, next);
  }
}

function look(place: string): Stats | null {
  try {
    return lstatSync(place);
  } catch {
    return null; // absent or unreadable: its reader reports that
  }
}
