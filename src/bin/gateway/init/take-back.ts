/**
 * `relaymap init --take-back`: what `init --apply` changed in main.cf is as it was before, as far as nobody has changed
 * it since.
 */
import path from 'node:path';
import { HostError } from '../../../errors.ts';
import { isAsBegun, missingMainCf, WHOLE_FILE } from '../../../gateway/init/first-main-cf.ts';
import { removeDurable } from '../../../io/atomic-file.ts';
import {
  beforeFile,
  forgetBefore,
  goBack,
  readBefore,
  wayBack,
  type WayBack,
} from '../../../gateway/init/main-cf-before.ts';
import { postfixCommand, reasonOf } from '../../../gateway/mta/postfix/commands.ts';
import { postfixRuns, readPostfix } from '../../../gateway/mta/postfix/main-cf.ts';
import { say } from '../init-postfix.ts';

/** @returns the exit status. @throws HostError CONFIG */
export function takeBack(configFile: string): number {
  if (process.geteuid?.() !== 0) throw new HostError('CONFIG', '--take-back changes main.cf: run it as root');
  const all = Object.entries(readBefore(configFile));
  if (all.length === 0) {
    say(`There is nothing to take back: no ${beforeFile(configFile)}`);
    return 1;
  }
  for (const [directory, changes] of all) {
    const made = changes[WHOLE_FILE];
    const here = readPostfix(directory);
    // Somebody has taken it away since.
    if (made !== undefined && missingMainCf(here, directory) !== null) continue;
    if (here.is !== 'here') {
      const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
      throw new HostError('CONFIG', `--take-back: ${directory}: ${why}`);
    }
    const way = wayBack(changes, here.config);
    goBack(here.config, way);
    tell(directory, way);
    if (made !== undefined && whole(path.join(directory, WHOLE_FILE), made.after, postfixRuns(here.config))) continue;
    if (!postfixRuns(here.config)) continue;
    const { status, stderr } = postfixCommand('postfix', ['reload'], directory);
    if (status !== 0)
      throw new HostError('CONFIG', `Postfix in ${directory} could not be reloaded: ${reasonOf(stderr)}`);
    say('Postfix has been reloaded.');
  }
  forgetBefore(configFile);
  say(`${configFile} and the maps stay; to stop asking for lists: systemctl disable --now relaymap`);
  return 0;
}

/** The file that `init` began goes again where Postfix does not need it. @returns whether it is gone */
function whole(file: string, beginning: string, runs: boolean): boolean {
  if (!isAsBegun(file, beginning)) {
    say(`${file} was made by init, and stays: it says what somebody has added.`);
    return false;
  }
  if (runs) {
    say(`${file} was made by init, and stays while Postfix runs. To be as before: postfix stop && rm ${file}`);
    return false;
  }
  removeDurable(file);
  say(`${file} was made by init, and is gone again.`);
  return true;
}

function tell(directory: string, { set, unset, theirs }: WayBack): void {
  say(`${directory}/main.cf says again what it said before:`);
  for (const { name, value } of set) say(`  ${name} = ${value}`);
  for (const name of unset) say(`  (no ${name})`);
  if (set.length + unset.length === 0) say('  (it did already)');
  if (theirs.length === 0) return;
  say('These have been changed since, and stay:');
  for (const name of theirs) say(`  ${name}`);
}
