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

/** In the order of installing: recipients before domains, a text before the cdb that must not look older than it. */
export const MAP_FILES = ['relay_recipients', 'relay_recipients.cdb', 'relay_domains', 'relay_domains.cdb'] as const;

/** Whether any compiled map is at its place, ours or not; or whether all are. */
export const mapsExist = (mapDir: string, how: 'any' | 'all' = 'any'): boolean => {
  const there = (name: string) => lstatOrNull(path.join(mapDir, name))?.isFile() === true;
  const names = MAP_FILES.filter((name) => name.endsWith('.cdb'));
  return how === 'any' ? names.some(there) : names.every(there);
};

/** The first live map file that is not what was installed, in words; null if all are. `deep` compares SHA-256 too. */
export function mapDamage(
  mapDir: string,
  files: Readonly<Record<string, MapFileRecord>>,
  deep: boolean,
): string | null {
  for (const [name, record] of Object.entries(files)) {
    const file = path.join(mapDir, name);
    const found = lstatOrNull(file);
    if (found === null) return `${name} is missing`;
    if (!found.isFile()) return `${name} is not a regular file`;
    if (found.size !== record.bytes) return `${name} has ${found.size} bytes, ${record.bytes} were installed`;
    if (found.ino !== record.ino || found.mtimeMs !== record.mtimeMs || deep) {
      // A file that was only touched or copied back is as good as before: the bytes decide.
      const sha256 = fileSha256(file);
      if (sha256 !== record.sha256)
        return `${name} has the SHA-256 ${sha256.slice(0, 16)}, installed was ${record.sha256.slice(0, 16)}`;
    }
  }
  return null;
}

/** Takes damaged maps away: deferring mail beats rejecting it. */
export function removeMaps(mapDir: string): void {
  // Domains first: a domain that is not relayed is deferred or denied, but never rejected for want of its recipients.
  for (let i = MAP_FILES.length - 1; i >= 0; i--) removeDurable(path.join(mapDir, MAP_FILES[i] ?? ''));
}

/** Takes away what a killed run left beside the maps. */
export function removeUnfinished(mapDir: string): void {
  for (const name of MAP_FILES) rmSync(tempName(path.join(mapDir, name)), { force: true, recursive: true });
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
