/**
 * `relaymap init`: writes configuration and key, runs one cycle, compares the new map with the one that Postfix
 * uses, and prints the commands that make Postfix use the new map. With --apply it becomes root again at the end
 * and runs them, but only after a good list is installed.
 */
import '../seed-hashes.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  applySettings,
  changes,
  REJECT_CODE,
  requireType,
  settings,
  type Setting,
} from '../../gateway/init/main-cf-settings.ts';
import { compare, type NewMap } from '../../gateway/init/compare.ts';
import type { GatewayConfig } from '../../gateway/config.ts';
import { prepareConfig } from '../../gateway/init/config-file.ts';
import { comparisonLines } from '../../gateway/init/comparison-lines.ts';
import { deferringRecord, rememberDeferring } from '../../gateway/check/deferring-since.ts';
import { postfixRuns, readPostfix, type PostfixConfig } from '../../gateway/mta/postfix/main-cf.ts';
import { mtaOf } from '../../gateway/mta/of-config.ts';
import { sampleRows } from '../../gateway/maps/sample-rows.ts';
import { today, type Today } from '../../gateway/init/current-recipients.ts';
import { ourTable } from '../../gateway/mta/postfix/map-references.ts';
import { HostError } from '../../errors.ts';
import { kindFor } from './init/init-kind.ts';
import { initCycle, lastLines, say, wantedOf, type InitOptions } from './init/init-cycle.ts';
import { log, progress } from '../../io/log.ts';
import { writeAs } from '../start-again.ts';
import { becomeOwner, keepRoot, ownerBeside } from '../../gateway/become-owner.ts';
import { openMap } from '../../gateway/maps/open-map.ts';
import { setting, shell } from '../../gateway/mta/postfix/shell-lines.ts';
import { paragraph } from '../../gateway/say/wrap.ts';

export async function initCommand(options: InitOptions, now: Date): Promise<number> {
  const kind = kindFor(options);
  if (kind !== 'postfix') return (await import('./init/init-other-command.ts')).initOther(kind, options, now);
  const here = readPostfix();
  if (options.apply) requireRootAndPostfix(here);
  process.umask(0o022); // the service must be able to read these files
  const prepared = prepareConfig(options.config, { ...wantedOf(options), kind });
  for (const line of prepared.wrote) say(line);
  const { config } = prepared;
  const before = here.is === 'here' ? await today(config, here.config) : null;
  if (options.apply && before !== null) requireType(config, before.postfix);
  const beside = ownerBeside(config.state_dir);
  const rootAgain = options.apply && beside === null ? keepRoot() : () => undefined;
  const status = await initCycle(options, prepared, beside);
  if (status !== 0) return status;
  if (before === null) return withoutPostfix(config);
  const map = newMap(config);
  try {
    const sample = await sampleRows(path.join(config.map_dir, 'relay_recipients'), SAMPLE);
    rootAgain(); // Postfix commands refuse to run if only the real user is root
    const done = progress(() => 'comparing with what Postfix accepts today');
    const found = await compare(before, map, sample).finally(done);
    for (const line of comparisonLines(before, found)) say(line);
    const all = settings(config, before, found, map.domains);
    if (options.apply) apply(config, before, all, now);
    else suggest(before, all);
    return 0;
  } finally {
    map.close();
  }
}

const SAMPLE = 1000;

/** The map that the cycle has installed. */
function newMap(config: GatewayConfig): NewMap & { close: () => void } {
  const map = openMap(path.join(config.map_dir, 'relay_recipients.cdb'), true);
  if (map === null) throw new HostError('INTERNAL', `there is no map in ${config.map_dir} after a good cycle`);
  const domains = readFileSync(path.join(config.map_dir, 'relay_domains'), 'utf8').split('\n').slice(0, -1);
  return { recipients: map.has, domains: domains.map((row) => row.split('\t')[0] ?? ''), close: map.close };
}

function requireRootAndPostfix(here: ReturnType<typeof readPostfix>): void {
  if (process.geteuid?.() !== 0) throw new HostError('CONFIG', '--apply changes main.cf: run it as root');
  if (here.is === 'here') return;
  const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
  throw new HostError('CONFIG', `--apply: ${why}; apt-get install postfix postfix-cdb`);
}

function withoutPostfix(config: GatewayConfig): number {
  say('There is no Postfix here to compare with. Where there is one:');
  for (const map of ['relay_recipients', 'relay_domains'] as const) {
    const [line = ''] = setting(map === 'relay_domains' ? map : 'relay_recipient_maps', [ourTable(config, null, map)]);
    say(`  ${line}`);
  }
  return 0;
}

const editLine = ({ name, value }: Setting): string => `  postconf -e ${shell(`${name} = ${value}`)}`;

function suggest({ postfix, uses }: Today, all: readonly Setting[]): void {
  const wanted = changes(postfix, all);
  if (wanted.length === 0) say(`${usedLine(uses)}.`);
  else {
    say('To have Postfix use the list (or type the same with --apply, as root):');
    for (const each of wanted) say(editLine(each));
    say('  postfix reload');
    deferringLine(wanted);
  }
  lastLines();
}

function apply(config: GatewayConfig, { postfix, uses }: Today, all: readonly Setting[], now: Date): void {
  const wanted = changes(postfix, all);
  if (wanted.length === 0) say(`${usedLine(uses)}; nothing to change.`);
  else {
    applySettings(wanted);
    say('Postfix has been told:');
    for (const each of wanted) say(editLine(each));
    back(postfix, wanted);
    deferringLine(wanted);
  }
  if (!postfixRuns(postfix)) say('Postfix does not run: postfix start');
  else if (wanted.length === 0) say('It need not be reloaded.');
  else if (mtaOf(config).reload() === 'pending') log('error', 'Postfix could not be reloaded: postfix reload');
  else say('Postfix has been reloaded.');
  const beside = ownerBeside(config.state_dir);
  if (beside === null) becomeOwner(config.state_dir);
  if (wanted.some(({ name }) => name === REJECT_CODE)) {
    const { file, text } = deferringRecord(config.state_dir, now);
    if (beside === null) rememberDeferring(config.state_dir, now);
    else writeAs(beside, file, text);
  }
  lastLines();
}

function usedLine(uses: Today['uses']): string {
  const places = uses.filter(({ map }) => map === 'relay_recipients').map(({ where }) => where);
  return `Postfix uses the map already (${places.join(', ')})`;
}

function back({ raw, set }: PostfixConfig, wanted: readonly Setting[]): void {
  say('To go back to what was before:');
  for (const { name } of wanted) {
    say(set.has(name) ? editLine({ name, value: raw.get(name) ?? '' }) : `  postconf -X ${name}`);
  }
}

function deferringLine(wanted: readonly Setting[]): void {
  if (!wanted.some(({ name }) => name === REJECT_CODE)) return;
  const text = `With 450 whoever is not on the list is deferred, not refused. Read the log for "User unknown in relay recipient table"; after 7 days relaymap check reminds you to end that:`;
  for (const line of paragraph(text)) say(line);
  say(`  postconf -X ${REJECT_CODE}`);
}
