/** Whether live map files are to the byte what was installed. Removes damaged ones where they cannot be made again. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { removeDurable } from '../../io/atomic-file.ts';
import { isOfNextHops } from '../map-files.ts';
import { lookAtMaps, lstatOrNull, type LiveMaps, type MapFiles } from './live-maps.ts';

/** The first map file that is not what was installed, in words; null if all are. */
export function mapDamage(mapDir: string, files: MapFiles): string | null {
  return lookAtMaps(mapDir, files).damage ?? bytesDamage(mapDir, files, Object.keys(files));
}

/** The same for maps that were hashed before: only those that were touched since are hashed again. */
export function touchedDamage(mapDir: string, files: MapFiles): string | null {
  const { damage, unsure } = lookAtMaps(mapDir, files);
  return damage ?? bytesDamage(mapDir, files, unsure);
}

const DAY = 86_400_000;

/**
 * Whether an earlier run has hashed these files within a day. Bytes that rot on the disk untouched are found once a
 * day.
 */
export function hashedToday({ hashed }: LiveMaps, now: Date): boolean {
  const age = hashed === null ? -1 : now.getTime() - Date.parse(hashed.at);
  return age >= 0 && age < DAY;
}

/** The same where the record of that run counts: only files that were touched since are hashed again. */
export function recordedDamage(mapDir: string, { files, hashed }: LiveMaps): string | null {
  const { damage, unsure } = lookAtMaps(mapDir, files);
  const touched = Object.keys(files).filter((name) => ctimeMs(mapDir, name) !== hashed?.ctimesMs[name]);
  return damage ?? bytesDamage(mapDir, files, [...new Set([...unsure, ...touched])]);
}

/** To be put on record while it is known that these files' bytes are what was installed. */
export function hashedNow(mapDir: string, names: readonly string[], now: Date): LiveMaps['hashed'] {
  const ctimesMs: Record<string, number> = {};
  for (const name of names) {
    const ctime = ctimeMs(mapDir, name);
    if (ctime !== null) ctimesMs[name] = ctime;
  }
  return { at: now.toISOString(), ctimesMs };
}

const ctimeMs = (mapDir: string, name: string): number | null => lstatOrNull(path.join(mapDir, name))?.ctimeMs ?? null;

/** The first of these files whose bytes are others: one that was only touched or copied back is as good as before. */
export function bytesDamage(mapDir: string, files: MapFiles, names: readonly string[]): string | null {
  for (const name of names) {
    const installed = files[name]?.sha256;
    const found = readableSha256(path.join(mapDir, name));
    if (found === null) return `${name} has changed or is to be hashed, and cannot be read by this user`;
    if (found !== installed) {
      return `${name} has the SHA-256 ${found.slice(0, 16)}, installed was ${installed?.slice(0, 16) ?? 'none'}`;
    }
  }
  return null;
}

function readableSha256(file: string): string | null {
  try {
    return fileSha256(file);
  } catch {
    return null; // this user may not read it, or it is gone
  }
}

/**
 * Removes damaged map files, domains first: deferring mail beats rejecting it. What is good stays, and so does the map
 * of next hops: without it mail for every domain of this host would be deferred.
 */
export function removeDamaged(mapDir: string, files: MapFiles): void {
  for (const [name, record] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (isOfNextHops(name)) continue;
    const file = path.join(mapDir, name);
    if (lstatOrNull(file)?.isDirectory() === true) continue; // not ours to delete
    if (mapDamage(mapDir, { [name]: record }) !== null) removeDurable(file);
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
