/**
 * `relaymap init`: writes configuration and key, runs one cycle, compares the new map with the one that Postfix
 * uses, and prints the commands that make Postfix use the new map. With --apply it becomes root again at the end
 * and runs them, but only after a good list is installed.
 */
import '../seed-hashes.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REJECT_CODE, requireType, type Setting } from '../../gateway/init/main-cf-settings.ts';
import { INTERFACES, RELAY, type BackupOptions } from '../../gateway/init/backup-mx.ts';
import { instancesFor, type Instances } from '../../gateway/init/instances.ts';
import type { NewMap } from '../../gateway/init/compare.ts';
import type { GatewayConfig } from '../../gateway/config.ts';
import { prepareConfig } from '../../gateway/init/config-file.ts';
import { deferringRecord, rememberDeferring } from '../../gateway/check/deferring-since.ts';
import { postfixRuns, readPostfix } from '../../gateway/mta/postfix/main-cf.ts';
import { mtaOf } from '../../gateway/mta/of-config.ts';
import { sampleRows } from '../../gateway/maps/sample-rows.ts';
import { today } from '../../gateway/init/current-recipients.ts';
import { HostError } from '../../errors.ts';
import { makeAliases, makeMainCf, missingMainCf, noMainCf, type Missing } from '../../gateway/init/first-main-cf.ts';
import { kindFor } from './init/init-kind.ts';
import { askMissing, isComplete, judgeOptions, type Unasked } from './init/ask-missing.ts';
import { hostnameOf, lookAhead, primaryOf, relaysForStrangers, type Outlook } from './init/backup-mx.ts';
import { outlookLines } from './init/backup-mx-lines.ts';
import { initCycle, lastLines, wantedOf, type InitOptions } from './init/init-cycle.ts';
import { log, progress } from '../../io/log.ts';
import { say, tellPostfix, withoutPostfix, type Instance } from './init-postfix.ts';
import { writeAs } from '../start-again.ts';
import { becomeOwner, keepRoot, ownerBeside } from '../../gateway/become-owner.ts';
import { openMap } from '../../gateway/maps/open-map.ts';
import { paragraph } from '../../gateway/say/wrap.ts';

export async function initCommand(given: Unasked & { readonly takeBack: boolean }, now: Date): Promise<number> {
  if (given.takeBack) return (await import('./init/take-back.ts')).takeBack(given.config);
  const kind = kindFor(given);
  judgeOptions(given, () => kind === 'postfix');
  const options = isComplete(given) ? given : await askMissing(given);
  if (kind !== 'postfix') return (await import('./init/init-other-command.ts')).initOther(kind, options, now);
  const here = readPostfix();
  const backup = options.backupMx === true ? backupOf(options) : null;
  const bare = missingMainCf(here);
  if (options.apply) requireRootAndPostfix(here, backup === null ? null : bare);
  // Nothing is written where it cannot be told which are meant.
  const meant = instancesFor(here, options.instance ?? []);
  process.umask(0o022); // the service must be able to read these files
  const prepared = prepareConfig(options.config, {
    ...wantedOf(options),
    kind,
    instances: meant.several ? meant.chosen.map(({ directory }) => directory) : [],
  });
  for (const line of prepared.wrote) say(line);
  const { chosen, left, several } = configured(meant, here, options.instance, prepared.config);
  const directories = chosen.map(({ directory }) => directory);
  const config = several
    ? { ...prepared.config, mta: { ...prepared.config.mta, instances: directories } }
    : prepared.config;
  const instances: Instance[] = [];
  for (const each of chosen) {
    instances.push({ before: await today(config, each, directories), isNamed: several });
    if (options.apply) requireType(config, each);
  }
  const beside = ownerBeside(config.state_dir);
  const rootAgain = options.apply && beside === null ? keepRoot() : () => undefined;
  const status = await initCycle(options, prepared, beside);
  if (status !== 0) return status;
  if (bare !== null && backup !== null && options.apply) {
    rootAgain();
    instances.push(await begin(bare, config, options.config));
  }
  if (instances.length === 0) {
    withoutPostfix(config, bare);
    return 0;
  }
  const map = newMap(config);
  const changed: Setting[] = [];
  const outlooks: Outlook[] = [];
  try {
    const sample = await sampleRows(path.join(config.map_dir, 'relay_recipients'), SAMPLE);
    rootAgain(); // Postfix commands refuse to run if only the real user is root
    if (backup !== null) {
      const done = progress(() => 'asking DNS where mail would go');
      for (const { before } of instances)
        outlooks.push(await lookAhead(config, before.postfix, backup, map.domains).finally(done));
    }
    for (const instance of instances) {
      if (several) say('');
      if (several) say(`== Postfix in ${instance.before.postfix.directory} ==`);
      const how = { isApplied: options.apply, configFile: options.config, backup };
      changed.push(...(await tellPostfix(config, instance, map, sample, how)));
    }
  } finally {
    map.close();
  }
  for (const { directory, why } of left) {
    for (const line of paragraph(`Postfix in ${directory} is left as it is: ${why}.`)) say(line);
  }
  const isOpen = options.apply && backup !== null && (await relays(instances, map.domains));
  if (options.apply) afterwards(config, instances, changed, now);
  for (const [i, outlook] of outlooks.entries()) {
    const { directory } = instances[i]?.before.postfix ?? {};
    const now = readPostfix(directory);
    if (now.is === 'here') for (const line of outlookLines(outlook, now.config)) say(line);
  }
  unwatched(options.config, prepared.config, directories, several);
  lastLines();
  return isOpen ? 1 : 0;
}

/** A Postfix that had no main.cf: there is nothing to compare with, and it does not run yet. */
async function begin(bare: Missing, config: GatewayConfig, configFile: string): Promise<Instance> {
  const { file, beginning } = bare;
  if (beginning === null) throw new HostError('CONFIG', noMainCf(bare));
  const undo = makeMainCf({ file, beginning }, configFile);
  try {
    const here = readPostfix();
    if (here.is !== 'here') throw new HostError('CONFIG', `${file}, a copy of ${beginning}, is not taken by postconf`);
    requireType(config, here.config);
    say(`There was no ${file}: it begins as a copy of ${beginning}.`);
    if (!makeAliases(bare)) log('warning', 'The table of aliases could not be made: newaliases');
    return { before: await today(config, here.config, [here.config.directory]), isNamed: false };
  } catch (error) {
    undo();
    throw error;
  }
}

const backupOf = ({ primary, hostname }: InitOptions): BackupOptions => ({
  ...(primary === undefined ? {} : { primary: primaryOf(primary) }),
  ...(hostname === undefined ? {} : { hostname: hostnameOf(hostname) }),
});

/** Whether a Postfix of these takes mail of strangers for anybody: then this is no backup MX yet. */
async function relays(instances: readonly Instance[], domains: readonly string[]): Promise<boolean> {
  let isOpen = false;
  for (const { before } of instances) {
    const { directory } = before.postfix;
    const taken = await relaysForStrangers(before.postfix, domains);
    if (taken === null) say('Postfix does not run, so it was not tested whether strangers can relay through it.');
    else if (taken.length === 0) say('Postfix was asked as a stranger, and relays to no other domain.');
    else {
      isOpen = true;
      log('error', `Postfix in ${directory} accepts mail from strangers for ${taken.join(', ')}: it is an open relay.`);
      log('error', `To see what allows it: postconf -c ${directory} ${RELAY}; postconf -c ${directory} -P`);
    }
  }
  return isOpen;
}

/** Where nobody names one on the command line, a configuration that was there before may. */
function configured(
  meant: Instances,
  here: ReturnType<typeof readPostfix>,
  typedOnes: InitOptions['instance'],
  { mta }: GatewayConfig,
): Instances {
  const isSame = mta.instances?.join() === meant.chosen.map(({ directory }) => directory).join();
  if (typedOnes !== undefined || mta.instances === undefined || isSame) return meant;
  return instancesFor(here, mta.instances);
}

/** Reloads what was changed, and remembers since when strangers are deferred. */
function afterwards(
  config: GatewayConfig,
  instances: readonly Instance[],
  changed: readonly Setting[],
  now: Date,
): void {
  const run = instances.some(({ before }) => postfixRuns(before.postfix));
  if (changed.length > 0 && run) {
    if (mtaOf(config).reload() === 'pending') log('error', 'Postfix could not be reloaded: postfix reload');
    else say('Postfix has been reloaded.');
    if (changed.some(({ name }) => name === INTERFACES))
      log('warning', `${INTERFACES} takes effect only after a restart: systemctl restart postfix`);
  }
  const beside = ownerBeside(config.state_dir);
  if (beside === null) becomeOwner(config.state_dir);
  if (!changed.some(({ name }) => name === REJECT_CODE)) return;
  const { file, text } = deferringRecord(config.state_dir, now);
  if (beside === null) rememberDeferring(config.state_dir, now);
  else writeAs(beside, file, text);
}

/** An instance that the configuration does not name is neither reloaded when a map appears nor looked at. */
function unwatched(file: string, { mta }: GatewayConfig, directories: readonly string[], several: boolean): void {
  if (!several || directories.every((each) => mta.instances?.includes(each))) return;
  const all = [...new Set([...(mta.instances ?? []), ...directories])];
  for (const line of paragraph(
    `${file} does not name these instances, so they are neither reloaded when a map appears nor watched. Below [mta]:`,
  )) {
    say(line);
  }
  say(`  instances = ${JSON.stringify(all)}`);
}

const SAMPLE = 1000;

/** The map that the cycle has installed. */
function newMap(config: GatewayConfig): NewMap & { close: () => void } {
  const map = openMap(path.join(config.map_dir, 'relay_recipients.cdb'), true);
  if (map === null) throw new HostError('INTERNAL', `there is no map in ${config.map_dir} after a good cycle`);
  const domains = readFileSync(path.join(config.map_dir, 'relay_domains'), 'utf8').split('\n').slice(0, -1);
  return { recipients: map.has, domains: domains.map((row) => row.split('\t')[0] ?? ''), close: map.close };
}

/** @param bare a Postfix without main.cf, where `init` may make it */
function requireRootAndPostfix(here: ReturnType<typeof readPostfix>, bare: Missing | null): void {
  if (process.geteuid?.() !== 0) throw new HostError('CONFIG', '--apply changes main.cf: run it as root');
  if (here.is === 'here' || (bare !== null && bare.beginning !== null)) return;
  const missing = missingMainCf(here);
  if (missing !== null)
    throw new HostError(
      'CONFIG',
      noMainCf(missing).map((line, i) => (i === 0 ? `--apply: ${line}` : line)),
    );
  const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
  throw new HostError('CONFIG', `--apply: ${why}; apt-get install postfix postfix-cdb`);
}
