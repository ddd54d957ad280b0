/**
 * `relaymap init`: writes configuration and key, runs one cycle, compares the new map with the one that Postfix
 * uses, and prints the commands that make Postfix use the new map. With --apply it becomes root again at the end
 * and runs them, but only after a good list is installed.
 */
import '../seed-hashes.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { REJECT_CODE, requireType, type Setting } from '../../gateway/init/main-cf-settings.ts';
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
import { kindFor } from './init/init-kind.ts';
import { initCycle, lastLines, wantedOf, type InitOptions } from './init/init-cycle.ts';
import { log } from '../../io/log.ts';
import { say, tellPostfix, withoutPostfix, type Instance } from './init-postfix.ts';
import { writeAs } from '../start-again.ts';
import { becomeOwner, keepRoot, ownerBeside } from '../../gateway/become-owner.ts';
import { openMap } from '../../gateway/maps/open-map.ts';
import { paragraph } from '../../gateway/say/wrap.ts';

export async function initCommand(options: InitOptions, now: Date): Promise<number> {
  const kind = kindFor(options);
  if (kind !== 'postfix') return (await import('./init/init-other-command.ts')).initOther(kind, options, now);
  const here = readPostfix();
  if (options.apply) requireRootAndPostfix(here);
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
  if (instances.length === 0) {
    withoutPostfix(config);
    return 0;
  }
  const map = newMap(config);
  const changed: Setting[] = [];
  try {
    const sample = await sampleRows(path.join(config.map_dir, 'relay_recipients'), SAMPLE);
    rootAgain(); // Postfix commands refuse to run if only the real user is root
    for (const instance of instances) {
      if (several) say('');
      if (several) say(`== Postfix in ${instance.before.postfix.directory} ==`);
      changed.push(...(await tellPostfix(config, instance, map, sample, options.apply)));
    }
  } finally {
    map.close();
  }
  for (const { directory, why } of left) {
    for (const line of paragraph(`Postfix in ${directory} is left as it is: ${why}.`)) say(line);
  }
  if (options.apply) afterwards(config, instances, changed, now);
  unwatched(options.config, prepared.config, directories, several);
  lastLines();
  return 0;
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

function requireRootAndPostfix(here: ReturnType<typeof readPostfix>): void {
  if (process.geteuid?.() !== 0) throw new HostError('CONFIG', '--apply changes main.cf: run it as root');
  if (here.is === 'here') return;
  const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
  throw new HostError('CONFIG', `--apply: ${why}; apt-get install postfix postfix-cdb`);
}
