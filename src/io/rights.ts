/**
 * Whether a stranger could change what is relied on here. One rule for both sides, as sshd has it for its own files: the file or folder,
 * every folder above it and every link on the way belong to root or to this process's user, and nobody else may write them. A folder with
 * the sticky bit, such as /tmp, may be written by others: what lies in it is safe from them. Looks, and no more.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import path from 'node:path';
import { HostError } from '../errors.ts';
import { accountName } from './accounts.ts';

const STICKY = 0o1000;
/** As many links as Linux follows. */
const MAX_LINKS = 40;

/**
 * A group is another one where it is neither root's nor this process's own, which on many systems is its user's alone.
 * @param what the option that names it. @throws HostError CONFIG, with the line that mends it. What cannot be found is for its reader.
 */
export function requireUnwritable(what: string, place: string): void {
  const reason = writableByOthers(what, place);
  if (reason !== null) throw new HostError('CONFIG', reason);
}

/**
 * Why a place is not safe from strangers, in words with the line that mends it; null if it is.
 * @param also a user who is no stranger here, such as the owner of the state that root is about to become.
 */
export function writableByOthers(what: string, place: string, also: number | null = null): string | null {
  const steps = stepsTo(path.resolve(place));
  const last = steps.at(-1);
  // What is no file and no folder at the end is the shell's, not the disk's: /dev/stdin, say.
  if (last?.path !== '/' && last?.isEnd === true && !last.stat.isFile() && !last.stat.isDirectory()) return null;
  // Whoever owns the root of the file system can do all of this anyway: in a user namespace that may be nobody's number.
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
  /** It is what the place leads to, not something on the way. */
  readonly isEnd: boolean;
}

const above = ({ path: at, stat }: Step, what: string, place: string): string =>
  stat.isSymbolicLink() ? `the link ${at} on the way to ${what} ${place}` : `the folder ${at} above ${what} ${place}`;

/** Every folder and link that is passed on the way to a place, and what is there; ends early where something is absent. */
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
    return null; // absent, or not for us: whoever needs it says so, in words of its own
  }
}
