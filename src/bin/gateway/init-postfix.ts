/** The last part of `relaymap init`: what one Postfix has to be told, printed, or told. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { applySettings, changes, REJECT_CODE, settings, type Setting } from '../../gateway/init/main-cf-settings.ts';
import { compare, type NewMap } from '../../gateway/init/compare.ts';
import { comparisonLines } from '../../gateway/init/comparison-lines.ts';
import type { Today } from '../../gateway/init/current-recipients.ts';
import { DEFAULT_CONFIG, type GatewayConfig } from '../../gateway/config.ts';
import type { BackupOptions, Reasoned } from '../../gateway/init/backup-mx.ts';
import { noMainCf, type Missing } from '../../gateway/init/first-main-cf.ts';
import { keepBefore } from '../../gateway/init/main-cf-before.ts';
import { setArguments, unsetOption } from '../../gateway/mta/postfix/edit.ts';
import { postfixRuns, type PostfixConfig } from '../../gateway/mta/postfix/main-cf.ts';
import { ourTable } from '../../gateway/mta/postfix/map-references.ts';
import { setting, shell } from '../../gateway/mta/postfix/shell-lines.ts';
import { paragraph } from '../../gateway/say/wrap.ts';
import { progress } from '../../io/log.ts';
import { printable } from '../../io/printable.ts';
import { backupMxSettings } from './init/backup-mx.ts';

export const say = (line: string): void => void process.stdout.write(`${printable(line)}\n`);

/** What an instance takes mail for today, and whether lines to type have to name it. */
export interface Instance {
  readonly before: Today;
  readonly isNamed: boolean;
}

/**
 * Compares one Postfix with the list, and prints what it has to be told, or tells it.
 * @returns what was changed
 */
export async function tellPostfix(
  config: GatewayConfig,
  instance: Instance,
  map: NewMap,
  sample: readonly string[],
  how: Telling,
): Promise<readonly Setting[]> {
  const { before } = instance;
  const done = progress(() => 'comparing with what Postfix accepts today');
  const seen = await compare(before, map, sample).finally(done);
  const more = how.backup === null ? [] : backupMxSettings(before.postfix, how.backup, map.domains);
  // What a backup MX takes out of it needs no advice.
  const others = seen.otherClasses.filter(({ parameter }) => more.every(({ name }) => name !== parameter));
  const found = { ...seen, otherClasses: others };
  for (const line of comparisonLines(before, found)) say(line);
  const wanted = changes(before.postfix, [...settings(config, before, found, map.domains), ...more]);
  if (how.isApplied) apply(instance, wanted, how.configFile);
  else suggest(instance, wanted);
  reasons(more.filter(({ name }) => wanted.some((each) => each.name === name)));
  return how.isApplied ? wanted : [];
}

/** How `init` was typed. */
export interface Telling {
  readonly isApplied: boolean;
  /** The configuration, beside which is kept what main.cf said before. */
  readonly configFile: string;
  /** Null without --backup-mx. */
  readonly backup: BackupOptions | null;
}

function reasons(all: readonly Reasoned[]): void {
  if (all.length > 0) say('Why:');
  for (const { name, why } of all) for (const line of paragraph(`- ${name}: ${why}.`)) say(`  ${line}`);
}

/** `postconf`, or `postconf -c /etc/postfix-in` where a host has several. */
const tool = (name: string, { before, isNamed }: Instance): string =>
  isNamed ? `${name} -c ${shell(before.postfix.directory)}` : name;

/** systemd does not know of a Postfix that it did not start. */
const startLine = (instance: Instance): string =>
  !instance.isNamed && existsSync('/lib/systemd/system/postfix.service')
    ? 'systemctl start postfix'
    : `${tool('postfix', instance)} start`;

const editLine = (instance: Instance, { name, value }: Setting): string =>
  `  ${tool('postconf', instance)} ${setArguments(name, value).map(shell).join(' ')}`;

function suggest(instance: Instance, wanted: readonly Setting[]): void {
  if (wanted.length === 0) {
    say(`${usedLine(instance.before.uses)}.`);
    return;
  }
  say('To have Postfix use the list (or type the same with --apply, as root):');
  for (const each of wanted) say(editLine(instance, each));
  say(`  ${tool('postfix', instance)} reload`);
  deferringLine(instance, wanted);
}

function apply(instance: Instance, wanted: readonly Setting[], configFile: string): void {
  const { postfix, uses } = instance.before;
  if (wanted.length === 0) say(`${usedLine(uses)}; nothing to change.`);
  else {
    keepBefore(configFile, postfix, wanted);
    applySettings(postfix, wanted);
    say('Postfix has been told:');
    for (const each of wanted) say(editLine(instance, each));
    back(instance, wanted);
    const more = configFile === DEFAULT_CONFIG ? '' : ` --config ${shell(path.resolve(configFile))}`;
    say('All of it in one line:');
    say(`  relaymap init --take-back${more}`);
    deferringLine(instance, wanted);
  }
  if (!postfixRuns(postfix)) say(`Postfix does not run: ${startLine(instance)}`);
  else if (wanted.length === 0) say('It need not be reloaded.');
}

function usedLine(uses: Today['uses']): string {
  const places = uses.filter(({ map }) => map === 'relay_recipients').map(({ where }) => where);
  return `Postfix uses the map already (${places.join(', ')})`;
}

function back(instance: Instance, wanted: readonly Setting[]): void {
  const { raw, set }: PostfixConfig = instance.before.postfix;
  say('To go back to what was before:');
  for (const { name } of wanted) {
    const value = raw.get(name) ?? '';
    say(
      set.has(name)
        ? editLine(instance, { name, value })
        : `  ${tool('postconf', instance)} ${unsetOption(name)} ${name}`,
    );
  }
}

function deferringLine(instance: Instance, wanted: readonly Setting[]): void {
  if (!wanted.some(({ name }) => name === REJECT_CODE)) return;
  const text = `With 450 whoever is not on the list is deferred, not refused. Read the log for "User unknown in relay recipient table"; after 7 days relaymap check reminds you to end that:`;
  for (const line of paragraph(text)) say(line);
  say(`  ${tool('postconf', instance)} -X ${REJECT_CODE}`);
}

/** @param bare a Postfix without main.cf */
export function withoutPostfix(config: GatewayConfig, bare: Missing | null): void {
  if (bare === null) say('There is no Postfix here to compare with. Where there is one:');
  else {
    const [why = '', ...lines] = noMainCf(bare);
    for (const line of [...paragraph(`Postfix is here, but ${why}`), ...lines, 'Then:']) say(line);
  }
  for (const map of ['relay_recipients', 'relay_domains'] as const) {
    const [line = ''] = setting(map === 'relay_domains' ? map : 'relay_recipient_maps', [ourTable(config, null, map)]);
    say(`  ${line}`);
  }
}
