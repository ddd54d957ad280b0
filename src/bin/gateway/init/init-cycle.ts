/** What `init` does whatever the mail server is: its options, the one cycle, and how to go on where that ends badly. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { DEFAULT_CONFIG, type GatewayConfig } from '../../../gateway/config.ts';
import type { ownerBeside } from '../../../gateway/become-owner.ts';
import type { Prepared } from '../../../gateway/init/config-file.ts';
import { mapsExist } from '../../../gateway/maps/live-maps.ts';
import { KINDS } from '../../../gateway/mta-kinds.ts';
import { shell } from '../../../gateway/mta/postfix/shell-lines.ts';
import { StateFiles } from '../../../gateway/record/state.ts';
import { paragraph } from '../../../gateway/say/wrap.ts';
import { log } from '../../../io/log.ts';
import { startAgain } from '../../start-again.ts';
import { fetchCommand } from '../fetch-command.ts';
import { say } from '../init-postfix.ts';

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
  /** The kind of mail server, where it is told. */
  readonly mta?: string;
  /** Configuration folders of Postfix. */
  readonly instance?: readonly string[];
  /** The hosts and networks that the list's next hops may name. */
  readonly nextHops?: string;
  readonly backupMx?: boolean;
  readonly primary?: string;
  readonly hostname?: string;
}

/** The cycle that `init` runs, and what it says where that ends badly. */
export async function initCycle(options: InitOptions, prepared: Prepared, beside: Beside): Promise<number> {
  const { config } = prepared;
  const rebuildState = isLeftOver(config);
  if (rebuildState) {
    const text = `${config.map_dir} has the maps of an earlier installation whose records are gone. They stay in use until this list is installed, and its version begins a new record.`;
    for (const line of paragraph(text)) say(line);
  }
  const status =
    beside === null
      ? await fetchCommand({ ...cycleOptions(options.config), rebuildState })
      : startAgain(beside, ['fetch', '--config', options.config, ...(rebuildState ? ['--rebuild-state'] : [])]);
  if (status !== 0) printNextSteps(options, prepared);
  return status;
}

type Beside = ReturnType<typeof ownerBeside>;

/** What `prepareConfig` is told. */
export const wantedOf = (options: InitOptions) => ({
  instances: [] as readonly string[],
  name: options.name,
  url: options.url,
  key: options.key,
  replace: options.replace,
  ...(options.tokenFile === undefined ? {} : { tokenFile: path.resolve(options.tokenFile) }),
  ...(options.caFile === undefined ? {} : { caFile: path.resolve(options.caFile) }),
  domains: split(options.domains),
  nextHops: split(options.nextHops),
  isBackup: options.backupMx === true,
});

const split = (list: string | undefined): string[] => (list ?? '').split(/[\s,]+/).filter((word) => word !== '');

/** Removing a package together with its state leaves the maps, because Postfix may be using them. */
const isLeftOver = (config: GatewayConfig): boolean =>
  new StateFiles(config.state_dir).read().is === 'absent' &&
  !existsSync(path.join(config.state_dir, 'pending.json')) &&
  mapsExist(config.map_dir);

const cycleOptions = (config: string) => ({
  config,
  force: false,
  acceptShrink: false,
  partial: false,
  dryRun: false,
  rebuildState: false,
  json: false,
});

/** The cycle has reported what is wrong. Prints the command that goes on from here. */
function printNextSteps(options: InitOptions, { bundle, config }: Prepared): void {
  const { config: file, apply } = options;
  const { name: server } = KINDS[config.mta.kind];
  const folder = path.dirname(path.resolve(file));
  const notice = (text: string) => {
    for (const line of paragraph(text)) log('notice', line);
  };
  notice(
    `The configuration of ${server} was not changed. ${file} was written. When you have corrected the problem, type the same command again.`,
  );
  if (bundle.token_file === undefined) {
    notice('If the server requires a token, put it into a file that only root and relaymap can read, and type:');
    log('notice', `  ${typed(options)} --replace --token-file ${shell(path.join(folder, 'token'))}`);
  }
  if (bundle.ca_file === undefined) {
    notice('If its certificate is from a private CA, put the certificate of the CA into a file, and type:');
    log('notice', `  ${typed(options)} --replace --ca-file ${shell(path.join(folder, 'ca.pem'))}`);
  }
  notice('If the URL is wrong, type the command with the right one and --replace.');
  if (apply) notice(`--apply changes ${server} only after a good list has been installed.`);
}

/** The command line that was typed, but for what it says of the server's token and certificate. */
export function typed(options: InitOptions): string {
  const { config, name, url, key, apply, instance } = options;
  const words = ['--name', name, '--url', url, '--key', key];
  if (config !== DEFAULT_CONFIG) words.unshift('--config', config);
  if (options.domains !== undefined) words.push('--domains', options.domains);
  if (options.nextHops !== undefined) words.push('--next-hops', options.nextHops);
  for (const each of instance ?? []) words.push('--instance', each);
  if (options.mta !== undefined) words.push('--mta', options.mta);
  if (options.backupMx === true) words.push('--backup-mx');
  if (options.primary !== undefined) words.push('--primary', options.primary);
  if (options.hostname !== undefined) words.push('--hostname', options.hostname);
  return ['relaymap', 'init', ...words, ...(apply ? ['--apply'] : [])].map(shell).join(' ');
}

export function lastLines(): void {
  if (existsSync('/lib/systemd/system/relaymap.service')) say('To keep it up to date: systemctl start relaymap');
  say('To check everything: relaymap check');
}
