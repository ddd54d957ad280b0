/**
 * `relaymap init --take-back`: what `init --apply` changed in main.cf is as it was before, as far as nobody has changed
 * it since.
 */
import { HostError } from '../../../errors.ts';
import {
  beforeFile,
  forgetBefore,
  goBack,
  readBefore,
  wayBack,
  type WayBack,
} from '../../../gateway/init/main-cf-before.ts';
import { postfixCommand } from '../../../gateway/mta/postfix/commands.ts';
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
    const here = readPostfix(directory);
    if (here.is !== 'here') {
      const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
      throw new HostError('CONFIG', `--take-back: ${directory}: ${why}`);
    }
    const way = wayBack(changes, here.config);
    goBack(here.config, way);
    tell(directory, way);
    if (!postfixRuns(here.config)) continue;
    const { status, stderr } = postfixCommand('postfix', ['reload'], directory);
    if (status !== 0) throw new HostError('CONFIG', `Postfix in ${directory} could not be reloaded: ${stderr}`);
    say('Postfix has been reloaded.');
  }
  forgetBefore(configFile);
  say(`${configFile} and the maps stay; to stop asking for lists: systemctl disable --now relaymap`);
  return 0;
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
