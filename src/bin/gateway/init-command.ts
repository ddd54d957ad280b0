/**
 * `relaymap init`: writes configuration and key, runs one cycle, compares the new map with the one that Postfix
 * uses, and prints the commands that make Postfix use the new map. With --apply it becomes root again at the end
 * and runs them, but only after a good list is installed.
 */
import '../seed-hashes.ts';
import { existsSync, readFileSync } from 'node:fs';
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
import { DEFAULT_CONFIG, type GatewayConfig } from '../../gateway/config.ts';
import { prepareConfig, type Prepared } from '../../gateway/init/config-file.ts';
import { comparisonLines } from '../../gateway/init/comparison-lines.ts';
import { deferringRecord, rememberDeferring } from '../../gateway/check/deferring-since.ts';
import { postfixRuns, readPostfix, type PostfixConfig } from '../../gateway/mta/postfix/main-cf.ts';
import { mtaOf } from '../../gateway/mta/of-config.ts';
import { sampleRows } from '../../gateway/maps/sample-rows.ts';
import { today, type Today } from '../../gateway/init/current-recipients.ts';
import { ourTable } from '../../gateway/mta/postfix/map-references.ts';
import { HostError } from '../../errors.ts';
import { log, progress } from '../../io/log.ts';
import { printable } from '../../io/printable.ts';
import { fetchCommand } from './fetch-command.ts';
import { startAgain, writeAs } from '../start-again.ts';
import { becomeOwner, keepRoot, ownerBeside } from '../../gateway/become-owner.ts';
import { mapsExist } from '../../gateway/maps/live-maps.ts';
import { StateFiles } from '../../gateway/record/state.ts';
import { openMap } from '../../gateway/maps/open-map.ts';
import { setting, shell } from '../../gateway/mta/postfix/shell-lines.ts';
import { paragraph } from '../../gateway/say/wrap.ts';

export interface InitOptions {
  readonly config: string;
  readonly name: string;
  readonly url: string;
  readonly key: string;
  readonly domains?: string;
  readonly apply: boolean;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly replace: boolean;
}

const say = (line: string): void => void process.stdout.write(`${printable(line)}\n`);

export async function initCommand(options: InitOptions, now: Date): Promise<number> {
  const here = readPostfix();
  if (options.apply) requireRootAndPostfix(here);
  process.umask(0o022); // the service must be able to read these files
  const prepared = prepareConfig(options.config, {
    ...options,
    ...(options.tokenFile === undefined ? {} : { tokenFile: path.resolve(options.tokenFile) }),
    ...(options.caFile === undefined ? {} : { caFile: path.resolve(options.caFile) }),
    domains: (options.domains ?? '').split(/[\s,]+/).filter((domain) => domain !== ''),
  });
  for (const line of prepared.wrote) say(line);
  const { config } = prepared;
  const before = here.is === 'here' ? await today(config, here.config) : null;
  if (options.apply && before !== null) requireType(config, before.postfix);
  const beside = ownerBeside(config.state_dir);
  const rootAgain = options.apply && beside === null ? keepRoot() : () => undefined;
  const rebuildState = isLeftOver(config);
  if (rebuildState) {
    const text = `${config.map_dir} has the maps of an earlier installation whose records are gone. They stay in use until this list is installed, and its version begins a new record.`;
    for (const line of paragraph(text)) say(line);
  }
  const status =
    beside === null
      ? await fetchCommand({ ...cycleOptions(options.config), rebuildState })
      : startAgain(beside, ['fetch', '--config', options.config, ...(rebuildState ? ['--rebuild-state'] : [])]);
  if (status !== 0) {
    howOn(options, prepared);
    return status;
  }
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

/** Removing a package together with its state leaves the maps, because Postfix may be using them. */
const isLeftOver = (config: GatewayConfig): boolean =>
  new StateFiles(config.state_dir).read().is === 'absent' &&
  !existsSync(path.join(config.state_dir, 'pending.json')) &&
  mapsExist(config.map_dir);

const SAMPLE = 1000;

/** The map that the cycle has installed. */
function newMap(config: GatewayConfig): NewMap & { close: () => void } {
  const map = openMap(path.join(config.map_dir, 'relay_recipients.cdb'), true);
  if (map === null) throw new HostError('INTERNAL', `there is no map in ${config.map_dir} after a good cycle`);
  const domains = readFileSync(path.join(config.map_dir, 'relay_domains'), 'utf8').split('\n').slice(0, -1);
  return { recipients: map.has, domains: domains.map((row) => row.split('\t')[0] ?? ''), close: map.close };
}

const cycleOptions = (config: string) => ({
  config,
  force: false,
  acceptShrink: false,
  partial: false,
  dryRun: false,
  rebuildState: false,
  json: false,
});

function requireRootAndPostfix(here: ReturnType<typeof readPostfix>): void {
  if (process.geteuid?.() !== 0) throw new HostError('CONFIG', '--apply changes main.cf: run it as root');
  if (here.is === 'here') return;
  const why = here.is === 'absent' ? 'there is no Postfix here (no postconf)' : here.why;
  throw new HostError('CONFIG', `--apply: ${why}; apt-get install postfix postfix-cdb`);
}

/** The cycle has reported what is wrong. Prints the command that goes on from here. */
function howOn(options: InitOptions, { bundle }: Prepared): void {
  const { config: file, apply } = options;
  const folder = path.dirname(path.resolve(file));
  const notice = (text: string) => {
    for (const line of paragraph(text)) log('notice', line);
  };
  notice(`Nothing of Postfix has been changed. ${file} is there; when the reason is mended, type the same again.`);
  if (bundle.token_file === undefined) {
    notice('If the server asks for a token, put it into a file that only root and relaymap may read, and type:');
    log('notice', `  ${typed(options)} --replace --token-file ${shell(path.join(folder, 'token'))}`);
  }
  if (bundle.ca_file === undefined) {
    notice('If its certificate is of a CA of your own, put that into a file, and type:');
    log('notice', `  ${typed(options)} --replace --ca-file ${shell(path.join(folder, 'ca.pem'))}`);
  }
  notice('If the URL is mistyped, type the line with the right one and --replace.');
  if (apply) notice('--apply changes Postfix only when a good list is installed.');
}

/** The command line that was typed. */
function typed({ config, name, url, key, domains, apply }: InitOptions): string {
  const words = ['--name', name, '--url', url, '--key', key];
  if (config !== DEFAULT_CONFIG) words.unshift('--config', config);
  if (domains !== undefined) words.push('--domains', domains);
  return ['relaymap', 'init', ...words, ...(apply ? ['--apply'] : [])].map(shell).join(' ');
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

function lastLines(): void {
  if (existsSync('/lib/systemd/system/relaymap.service')) say('To keep it up to date: systemctl start relaymap');
  say('To look at the whole: relaymap check');
}
