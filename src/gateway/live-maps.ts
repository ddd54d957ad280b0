/**
 * The map files that an MTA opens: are they there, and are they still what was installed? Reads them, and removes them when there
 * is no other way.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, rmSync, type Stats } from 'node:fs';
import path from 'node:path';
import { isAbsent, removeDurable, tempName } from '../io/atomic-file.ts';
import type { GatewayState, MapFileRecord } from './state.ts';

export type LiveMaps = NonNullable<GatewayState['maps']>;

/** The bases of the map files, in the order of installing: recipients before domains. */
export const MAPS = ['relay_recipients', 'relay_domains'] as const;

/** A compiled map's ending, by map type. The cdb is always written: `lookup` and `health` read it. */
export const ENDINGS = { cdb: '.cdb', lmdb: '.lmdb', hash: '.db', btree: '.db' } as const;
export type MapType = keyof typeof ENDINGS;

const COMPILED = [...new Set(Object.values(ENDINGS))];

/** Whether any compiled map is at its place, ours or not. */
export const mapsExist = (mapDir: string): boolean =>
  MAPS.some((map) => COMPILED.some((ending) => isRegular(path.join(mapDir, map + ending))));

/** Whether every map of these types is at its place. */
export const mapsComplete = (mapDir: string, types: readonly MapType[]): boolean =>
  MAPS.every((map) => types.every((type) => isRegular(path.join(mapDir, map + ENDINGS[type]))));

const isRegular = (file: string): boolean => lstatOrNull(file)?.isFile() === true;

/** The first live map file that is not what was installed, in words; null if all are. `deep` compares SHA-256 too. */
export function mapDamage(mapDir: string, files: MapFiles, deep: boolean): string | null {
  for (const [name, record] of Object.entries(files)) {
    const damage = fileDamage(mapDir, name, record, deep);
    if (damage !== null) return damage;
  }
  return null;
}

type MapFiles = Readonly<Record<string, MapFileRecord>>;

function fileDamage(mapDir: string, name: string, record: MapFileRecord, deep: boolean): string | null {
  const file = path.join(mapDir, name);
  const found = lstatOrNull(file);
  if (found === null) return `${name} is missing`;
  if (!found.isFile()) return `${name} is not a regular file`;
  if (found.size !== record.bytes) return `${name} has ${found.size} bytes, ${record.bytes} were installed`;
  if (found.ino === record.ino && found.mtimeMs === record.mtimeMs && !deep) return null;
  // A file that was only touched or copied back is as good as before: the bytes decide.
  const sha256 = readableSha256(file);
  if (sha256 === null) return `${name} has changed or is to be hashed, and cannot be read by this user`;
  if (sha256 === record.sha256) return null;
  return `${name} has the SHA-256 ${sha256.slice(0, 16)}, installed was ${record.sha256.slice(0, 16)}`;
}

function readableSha256(file: string): string | null {
  try {
    return fileSha256(file);
  } catch {
    return null; // not for this user's eyes, or gone since
  }
}

/** Takes damaged map files away, domains first: deferring mail beats rejecting it. What is good stays. */
export function removeDamaged(mapDir: string, files: MapFiles): void {
  for (const [name, record] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (fileDamage(mapDir, name, record, true) !== null) removeDurable(path.join(mapDir, name));
  }
}

/** Takes away what a killed run left beside the maps. */
export function removeUnfinished(mapDir: string): void {
  for (const map of MAPS) {
    const text = tempName(path.join(mapDir, map));
    const left = [text, tempName(path.join(mapDir, `${map}.cdb`)), ...COMPILED.map((ending) => text + ending)];
    for (const file of left) rmSync(file, { force: true, recursive: true });
  }
}

export function lstatOrNull(file: string): Stats | null {
  try {
    return lstatSync(file);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** Lower-case hex; of nothing where the file cannot be read. */
export function fileSha256(file: string): string {
  const hash = createHash('sha256');
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const chunk = Buffer.allocUnsafe(1024 * 1024);
    for (let left = fstatSync(fd).size; left > 0;) {
      const read = readSync(fd, chunk);
      if (read === 0) break;
      hash.update(chunk.subarray(0, read));
      left -= read;
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}
