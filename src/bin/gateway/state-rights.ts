/**
 * Whether this process may do what needs the records: root, and the owner of `state_dir`, may. Anybody else is told so before anything is
 * opened, and with the line to type; a record that he cannot read is not a damaged one.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { shell } from '../../gateway/mta/postfix/shell-lines.ts';
import { accountName, userWord } from '../../io/accounts.ts';

/** Not a failure of a cycle: nothing was begun, and nothing can be put on record. */
export class NotAllowed extends HostError {}

/** @throws NotAllowed CONFIG */
export function requireStateRights(stateDir: string): void {
  const me = process.geteuid?.() ?? 0;
  if (me === 0) return;
  const owner = statSync(stateDir, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === me) return; // absent: making it says whether that is allowed
  throw notAllowed(`the records in ${stateDir}`, owner, me);
}

/** The same for whoever only reads these files, by whatever right. @throws NotAllowed CONFIG */
export function requireReadable(what: string, stateDir: string, files: readonly string[]): void {
  for (const file of files) {
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EACCES') continue; // absent, and so on: for its reader
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
