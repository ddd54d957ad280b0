/**
 * The map files that an MTA opens: are they there, and do they look like what was installed? map-damage.ts reads
 * their bytes, which a health check seldom needs.
 */
import { lstatSync, rmSync, type Stats } from 'node:fs';
import path from 'node:path';
import { isAbsent, tempName } from '../../io/atomic-file.ts';
import { SCRATCH_NAME } from '../../io/scratch-file.ts';
import type { GatewayState, MapFileRecord } from '../record/state.ts';
import { MAPS, ENDINGS, ROUTED_DOMAINS, type MainMap, type MapType } from '../map-files.ts';

export type LiveMaps = NonNullable<GatewayState['maps']>;

const COMPILED = [...new Set(Object.values(ENDINGS))];

/** Whether any compiled map is at its place, ours or not. */
export const mapsExist = (mapDir: string): boolean =>
  MAPS.some((map) => COMPILED.some((ending) => isRegular(path.join(mapDir, map + ending))));

/** Whether each of these maps is at its place in all of these types. */
export const mapsComplete = (mapDir: string, maps: readonly MainMap[], types: readonly MapType[]): boolean =>
  maps.every((map) => types.every((type) => isRegular(path.join(mapDir, map + ENDINGS[type]))));

const isRegular = (file: string): boolean => lstatOrNull(file)?.isFile() === true;

export type MapFiles = Readonly<Record<string, MapFileRecord>>;

/**
 * What a look at the live map files says: the first that is not what was installed, and those whose bytes must be
 * read to know.
 */
export interface Look {
  readonly damage: string | null;
  readonly unsure: readonly string[];
}

export function lookAtMaps(mapDir: string, files: MapFiles): Look {
  const unsure: string[] = [];
  for (const [name, record] of Object.entries(files)) {
    const found = lstatOrNull(path.join(mapDir, name));
    const damage = found === null ? `${name} is missing` : wrongKind(name, found, record);
    if (damage !== null) return { damage, unsure: [] };
    if (found?.ino !== record.ino || found.mtimeMs !== record.mtimeMs) unsure.push(name);
  }
  return { damage: null, unsure };
}

function wrongKind(name: string, found: Stats, record: MapFileRecord): string | null {
  if (!found.isFile()) return `${name} is not a regular file`;
  return found.size === record.bytes ? null : `${name} has ${found.size} bytes, ${record.bytes} were installed`;
}

/** Removes what a killed run left beside the maps. Needs the lock. */
export function removeUnfinished(mapDir: string): void {
  rmSync(path.join(mapDir, SCRATCH_NAME), { force: true, recursive: true });
  for (const map of [...MAPS, ROUTED_DOMAINS]) removeHalfMade(mapDir, map);
}

/** The same of one map. */
export function removeHalfMade(mapDir: string, map: string): void {
  const text = tempName(path.join(mapDir, map));
  const left = [text, tempName(path.join(mapDir, `${map}.cdb`)), ...COMPILED.map((ending) => text + ending)];
  for (const file of left) rmSync(file, { force: true, recursive: true });
}

export function lstatOrNull(file: string): Stats | null {
  try {
    return lstatSync(file);
  } catch (error) {
    // A file in the place of the folder: then nothing is in it.
    if (isAbsent(error) || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  }
}
