/**
 * `relaymap init` where the mail server is another one than Postfix: writes configuration and key, runs one cycle,
 * and prints what makes the server ask the maps. With --apply it writes that, where the server has a place for it.
 */
import { HostError } from '../../../errors.ts';
import { becomeOwner, keepRoot, ownerBeside } from '../../../gateway/become-owner.ts';
import { deferringRecord, rememberDeferring } from '../../../gateway/check/deferring-since.ts';
import { prepareConfig } from '../../../gateway/init/config-file.ts';
import { KINDS, type Kind } from '../../../gateway/mta-kinds.ts';
import type { Advisor, SetUp } from '../../../gateway/mta/advisor.ts';
import { advisorOf } from '../../../gateway/mta/advisor-of.ts';
import { paragraph } from '../../../gateway/say/wrap.ts';
import { writeAs } from '../../start-again.ts';
import { say } from '../init-postfix.ts';
import { initCycle, lastLines, wantedOf, type InitOptions } from './init-cycle.ts';

export async function initOther(kind: Kind, options: InitOptions, now: Date): Promise<number> {
  const { name } = KINDS[kind];
  if (options.apply && process.geteuid?.() !== 0)
    throw new HostError('CONFIG', `--apply changes the configuration of ${name}: run it as root`);
  process.umask(0o022); // the service must be able to read these files
  const prepared = prepareConfig(options.config, { ...wantedOf(options), kind });
  for (const line of prepared.wrote) say(line);
  const { config } = prepared;
  const advisor = advisorOf(config);
  if (advisor === null) throw new HostError('INTERNAL', `nobody advises on ${name}`);
  if (options.apply) requirePlace(name, advisor);
  const beside = ownerBeside(config.state_dir);
  const rootAgain = options.apply && beside === null ? keepRoot() : () => undefined;
  const status = await initCycle(options, prepared, beside);
  if (status !== 0) return status;
  rootAgain();
  const setUp = advisor.setUp(true);
  if (setUp.asked.length > 0) {
    say(`${name} asks the maps already (${[...new Set(setUp.asked)].join(', ')}); nothing to change.`);
  } else if (options.apply) {
    advisor.apply(setUp);
    applied(name, setUp);
    if (setUp.deferring.length > 0) {
      const { file, text } = deferringRecord(config.state_dir, now);
      if (beside === null) {
        becomeOwner(config.state_dir);
        rememberDeferring(config.state_dir, now);
      } else writeAs(beside, file, text);
    }
  } else suggest(name, setUp);
  lastLines();
  return 0;
}

/** @throws HostError CONFIG, before a cycle is run */
function requirePlace(name: string, advisor: Advisor): void {
  if (!advisor.isHere()) throw new HostError('CONFIG', `--apply: there is no ${name} here`);
  const { asked, obstacle } = advisor.setUp(true);
  if (asked.length > 0 || obstacle === null) return;
  throw new HostError('CONFIG', `--apply: ${obstacle}; without --apply the lines are printed, to be put in by hand`);
}

function applied(name: string, { snippets, back, deferring }: SetUp): void {
  say(`${name} has been told, by:`);
  for (const { file } of snippets) say(`  ${file}`);
  say('To go back to what was before:');
  for (const line of back) say(`  ${line}`);
  if (deferring.length === 0) return;
  const text =
    'At first, unknown recipients are deferred, not rejected. Search the mail log for them. If no valid address is among them, reject them; after 7 days relaymap check reminds you:';
  for (const line of paragraph(text)) say(line);
  for (const line of deferring) say(`  ${line}`);
}

function suggest(name: string, { snippets, obstacle, byHand, afterwards, back }: SetUp): void {
  if (snippets.length > 0) {
    say(`To have ${name} use the list, type the same with --apply, as root. It writes:`);
    for (const { file, text } of snippets) {
      say(`# ${file}`);
      for (const line of text.trimEnd().split('\n')) say(line);
    }
  } else {
    say(`To have ${name} use the list (--apply cannot: ${obstacle ?? 'it has no place for snippets'}):`);
    for (const line of byHand) say(line);
  }
  say('And then:');
  for (const line of afterwards) say(`  ${line}`);
  say('To go back to what was before:');
  for (const line of back) say(`  ${line}`);
}
