/** What `init`, `check` and `lookup` say of Haraka: its plugins and their order. Only `apply` changes anything. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../../errors.ts';
import { removeDurable, writeFileAtomic } from '../../../io/atomic-file.ts';
import type { GatewayConfig } from '../../config.ts';
import type { Advisor, Remark, SetUp } from '../advisor.ts';
import { asksNextHops } from '../../map-files.ts';
import { absentRemark, unaskedRemark } from '../remarks.ts';
import { harakaInstances, harakaUses, isOurs, pluginMapDir, pluginsOf } from './haraka.ts';

const RESTART = 'systemctl restart haraka';

/** Plugins of Haraka's that accept recipients by themselves. */
const ACCEPTING =
  /^(?:haraka-plugin-)?(rcpt_to\.(?:in_host_list|host_list_base|max_count)|rcpt_to\.in_host_list|relay_all)$/;

export function harakaAdvisor(config: GatewayConfig): Advisor {
  const [folder = ''] = harakaInstances(config);
  const isHere = () => existsSync(path.join(folder, 'config/plugins'));
  const uses = () => (isHere() ? harakaUses(config.map_dir, folder) : []);
  return {
    habits: { ...HABITS, delimiter: settingOf(folder, 'delimiter') },
    sees: () => true,
    isHere,
    ask: () => null,
    setUp: (fresh) =>
      setUp(
        config,
        folder,
        uses().map(({ where }) => where),
        fresh,
      ),
    apply,
    deferring: () => (settingOf(folder, 'defer') === 'true' ? endDeferring(folder) : null),
    examine() {
      if (!isHere()) {
        return [absentRemark('Haraka', path.join(folder, 'config/plugins'), [`haraka -i ${folder}`])];
      }
      return [
        ...unaskedRemark(config, 'Haraka', uses(), setUp(config, folder, [], true)),
        ...otherFolder(config, folder),
        ...absentPlugin(folder),
        ...earlier(folder),
        ...unrouted(config, folder),
      ];
    },
  };
}

const HABITS = { subdomains: false, untrustedRouting: true, leadingHyphen: true, ownerRequestSpecial: false };

const iniOf = (folder: string): string => path.join(folder, 'config/relaymap.ini');

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // not there, or not for this user's eyes
  }
}

const settingOf = (folder: string, name: string): string =>
  new RegExp(`^\\s*${name}\\s*=\\s*(\\S*)`, 'm').exec(textOf(iniOf(folder)) ?? '')?.[1] ?? '';

const endDeferring = (folder: string): string[] => [`sed -i 's/^defer=/; &/' ${iniOf(folder)}`, RESTART];

function setUp(config: GatewayConfig, folder: string, asked: readonly string[], defer: boolean): SetUp {
  const plugins = path.join(folder, 'config/plugins');
  const before = textOf(plugins);
  const ini = [
    '; Written by relaymap init.',
    `map_dir=${config.map_dir}`,
    '; Mail goes out by Haraka itself, to the next hops of the lists:',
    `${asksNextHops(config) ? '' : '; '}next_hops=true`,
    '; Unknown recipients are deferred, not refused:',
    `${defer ? '' : '; '}defer=true`,
    '; Where user+tag@ is to count as user@:',
    '; delimiter=+',
    '',
  ].join('\n');
  const obstacle =
    before === null
      ? `there is no ${plugins}`
      : existsSync(iniOf(folder)) && textOf(iniOf(folder))?.startsWith('; Written by relaymap init.') !== true
        ? `${iniOf(folder)} is there, and was not written by relaymap init`
        : null;
  const named = before !== null && before.split('\n').some((line) => isOurs(line.trim()));
  return {
    asked,
    snippets:
      obstacle === null
        ? [
            { file: iniOf(folder), text: ini },
            { file: plugins, text: named ? (before ?? '') : `relaymap\n${before ?? ''}` },
          ]
        : [],
    obstacle,
    byHand: [
      `# in ${plugins}, before other plugins of recipients:`,
      'relaymap',
      `# in ${iniOf(folder)}:`,
      ...ini.split('\n').filter((line) => line !== ''),
    ],
    afterwards: [`npm install --prefix ${folder} haraka-plugin-relaymap`, RESTART],
    back: [`sed -i '/^relaymap$/d' ${plugins}`, `rm ${iniOf(folder)}`, RESTART],
    deferring: defer ? endDeferring(folder) : [],
  };
}

/** Haraka reads config/plugins at its start alone: that is left to who can restart it. @throws HostError CONFIG */
function apply({ snippets }: SetUp): void {
  const written: string[] = [];
  const before = snippets.map(({ file }) => textOf(file));
  try {
    for (const { file, text } of snippets) {
      written.push(file);
      writeFileAtomic(file, text, 0o644);
    }
  } catch (error) {
    for (const [i, file] of written.entries()) {
      const text = before[i] ?? null;
      if (text === null) removeDurable(file);
      else writeFileAtomic(file, text, 0o644);
    }
    throw new HostError('CONFIG', `the files of Haraka cannot be written: ${(error as Error).message}`, error);
  }
}

function otherFolder({ map_dir: mapDir }: GatewayConfig, folder: string): Remark[] {
  const other = pluginMapDir(folder);
  if (!pluginsOf(folder).some(isOurs) || path.normalize(other) === path.normalize(mapDir)) return [];
  const text = `The plugin relaymap reads ${other}, and relaymap writes ${mapDir}: nobody keeps those maps.`;
  return [{ level: 'error', text, type: [`# in ${iniOf(folder)}:`, `map_dir=${mapDir}`, RESTART] }];
}

/** Haraka starts without a plugin that it cannot find, and says so in its log alone. */
function absentPlugin(folder: string): Remark[] {
  if (!pluginsOf(folder).some(isOurs)) return [];
  const places = ['node_modules/haraka-plugin-relaymap', 'plugins/relaymap.js', 'plugins/relaymap'];
  if (places.some((place) => existsSync(path.join(folder, place)))) return [];
  const text = `config/plugins names relaymap, and ${folder} has no node_modules/haraka-plugin-relaymap: nobody asks the maps.`;
  return [{ level: 'warning', text, type: [`npm install --prefix ${folder} haraka-plugin-relaymap`, RESTART] }];
}

/** The first plugin that accepts a recipient decides. */
function earlier(folder: string): Remark[] {
  const plugins = pluginsOf(folder);
  const own = plugins.findIndex(isOurs);
  const before = plugins.slice(0, Math.max(0, own)).filter((plugin) => ACCEPTING.test(plugin));
  if (before.length === 0) return [];
  return [
    {
      level: 'error',
      text: `${before.join(', ')} stands before relaymap in config/plugins, and may take recipients that the list does not have.`,
      type: [`# in ${path.join(folder, 'config/plugins')}: put relaymap before it`, RESTART],
    },
  ];
}

/** The plugin has Haraka send mail on only where it is told to. */
function unrouted(config: GatewayConfig, folder: string): Remark[] {
  if (!asksNextHops(config) || settingOf(folder, 'next_hops') === 'true') return [];
  const text = `next_hops is set in relaymap.toml, and not in ${iniOf(folder)}: a next hop counts only for mail that another plugin has Haraka send out.`;
  return [{ level: 'warning', text, type: [`# in ${iniOf(folder)}:`, 'next_hops=true', RESTART] }];
}
