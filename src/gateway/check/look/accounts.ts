/**
 * Users and groups of the host by its own files: what a user may do is asked of them, without becoming it. Reads
 * /etc/passwd and /etc/group.
 */
import { readFileSync } from 'node:fs';

export interface Account {
  readonly name: string;
  readonly uid: number;
  /** Of all groups that it is in. */
  readonly gids: readonly number[];
}

/** An account by its name or number; null where there is none. */
export function account(who: string | number): Account | null {
  const user = fields('/etc/passwd').find(([name, , uid]) => name === who || Number(uid) === who);
  if (user === undefined) return null;
  const [name = '', , uid, gid] = user;
  const more = fields('/etc/group').flatMap(([, , id, members = '']) =>
    members.split(',').includes(name) ? [Number(id)] : [],
  );
  return { name, uid: Number(uid), gids: [...new Set([Number(gid), ...more])] };
}

function fields(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(':'));
  } catch {
    return []; // no such file: nobody is known
  }
}

export interface Owned {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** Whether the account has one of the rights 4 (read), 2 (write), 1 (search) at a file of this owner and mode. */
export function may({ uid, gids }: Pick<Account, 'uid' | 'gids'>, right: 1 | 2 | 4, file: Owned): boolean {
  if (uid === 0) return true;
  const bits = uid === file.uid ? file.mode >> 6 : gids.includes(file.gid) ? file.mode >> 3 : file.mode;
  return (bits & right) !== 0;
}
