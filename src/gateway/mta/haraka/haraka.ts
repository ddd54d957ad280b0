/**
 * Haraka as relaymap's mail server: its plugin `relaymap` (packaging/haraka) reads the cdb itself and opens it anew
 * when another file is in its place.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isAbsent } from '../../../io/atomic-file.ts';
import type { GatewayConfig } from '../../config.ts';
import { ASKED_MAPS } from '../../map-files.ts';
import { KINDS } from '../../mta-kinds.ts';
import { fileMark } from '../file-mark.ts';
import type { InstanceLook, Mta, Use } from '../mta.ts';

const PLACES = ['/etc/haraka', '/usr/local/haraka', '/srv/haraka', '/opt/haraka'];

/** Folders that `haraka -i` has made, with `config/plugins` in them. */
export const harakaInstances = ({ mta }: Pick<GatewayConfig, 'mta'>): readonly string[] =>
  mta.instances ?? [PLACES.find((place) => existsSync(path.join(place, 'config/plugins'))) ?? '/etc/haraka'];

const fileOf = (folder: string, name: string): string => path.join(folder, 'config', name);

export const DEFAULT_MAP_DIR = '/var/lib/relaymap/maps';

export function haraka(config: GatewayConfig): Mta {
  const instances = harakaInstances(config);
  const marked = (folder: string) => fileMark([fileOf(folder, 'plugins'), fileOf(folder, 'relaymap.ini')]);
  return {
    kind: 'haraka',
    ...KINDS.haraka,
    instances,
    route: (nextHop) => `relay:${nextHop}`,
    marks: () => new Map(instances.map((folder) => [folder, marked(folder)])),
    look: () => instances.map((folder) => lookAt(config, folder)),
    reload: () => 'done',
    reloadServed: () => true,
    isRunning: () => null,
  };
}

function lookAt(config: GatewayConfig, instance: string): InstanceLook {
  try {
    return { instance, uses: harakaUses(config.map_dir, instance), why: null };
  } catch (error) {
    const file = fileOf(instance, 'plugins');
    return { instance, uses: null, why: isAbsent(error) ? `there is no ${file}` : (error as Error).message };
  }
}

/** The plugin names its maps by their folder alone. @throws what reading `config/plugins` throws */
export function harakaUses(mapDir: string, folder: string): Use[] {
  if (!pluginsOf(folder).some(isOurs)) return [];
  if (path.normalize(pluginMapDir(folder)) !== path.normalize(mapDir)) return [];
  return ASKED_MAPS.map((map) => ({ map, where: 'plugin relaymap' }));
}

export const isOurs = (plugin: string): boolean => /^(?:haraka-plugin-)?relaymap$/.test(plugin);

/** In their order. */
export const pluginsOf = (folder: string): string[] =>
  readFileSync(fileOf(folder, 'plugins'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/[#;].*$/, '').trim())
    .filter((line) => line !== '');

export function pluginMapDir(folder: string): string {
  try {
    const ini = readFileSync(fileOf(folder, 'relaymap.ini'), 'utf8');
    return /^\s*map_dir\s*=\s*(\S.*?)\s*$/m.exec(ini)?.[1] ?? DEFAULT_MAP_DIR;
  } catch {
    return DEFAULT_MAP_DIR; // without the file the plugin goes by its defaults
  }
}
