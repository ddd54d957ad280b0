/**
 * Whether this process may use the state: only root and the owner of `state_dir` may. Anyone else is told so first,
 * with the command to type. Otherwise a file that they cannot read would look damaged.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { shell } from '../../gateway/mta/postfix/shell-lines.ts';
import { accountName, userWord } from '../../io/accounts.ts';

/** Not the failure of a cycle: nothing has begun, and nothing can be recorded. */
export class NotAllowed extends HostError {}

/** @throws NotAllowed CONFIG */
export function requireStateRights(stateDir: string): void {
  const me = process.geteuid?.() ?? 0;
  if (me === 0) return;
  const owner = statSync(stateDir, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === me) return; // absent: creating it reports whether we may
  throw notAllowed(`the records in ${stateDir}`, owner, me);
}

/** The same for a command that only reads these files, whatever gives it the right. @throws NotAllowed CONFIG */
export function requireReadable(what: string, stateDir: string, files: readonly string[]): void {
  for (const file of files) {
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') continue; // its reader reports absence and other errors
      const owner = statSync(stateDir, { throwIfNoEntry: false })?.uid ?? 0;
      throw notAllowed(what, owner, process.geteuid?.() ?? 0);
    }
  }
}

function notAllowed(what: string, owner: number, me: number): NotAllowed {
  const who = owner === 0 ? 'root' : `root and ${userWord(owner)}`;
  const line = ['sudo', 'relaymap', ...process.argv.slice(2)].map(shell).join(' ');
  return new NotAllowed(
    'CONFIG',
    `this needs ${what}, which ${who} may use and ${accountName(me)} may not; type: ${line}`,
  );
}
