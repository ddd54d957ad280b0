/**
 * Puts compiled maps in place and knows whether the live ones are still what was put there. Renames onto the real path; no hard
 * links, no symlinks: either would keep the old inode alive and Postfix answering from it.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, openSync, readSync, constants } from 'node:fs';
import path from 'node:path';
import { InstallError, StepError } from '../errors.ts';
import { isAbsent, removeDurable } from '../io/atomic-file.ts';
import { MAP_FILES, type CompiledMap } from './compile.ts';
import type { GatewayState, MapFileRecord } from './state.ts';

export type LiveMaps = NonNullable<GatewayState['maps']>;

/** What the record of compiled maps will be once they are installed: a rename keeps inode and mtime. */
export function mapsRecord(map: CompiledMap, inputs: string): LiveMaps {
  const files: Record<string, MapFileRecord> = {};
  for (const { name, file, sha256, bytes } of map.files) {
    const { mtimeMs, ino } = lstatSync(file.temp);
    files[name] = { sha256, bytes, mtimeMs, ino };
  }
  return { inputs, rows: map.rows, files };
}

/**
 * @returns whether a map appeared where there was none, so that Postfix must be reloaded.
 * @throws InstallError; what was renamed before stays, and the pending set says how to go on.
 */
export function install(map: CompiledMap): { appeared: boolean } {
  let appeared = false;
  for (const { name, file } of map.files) {
    try {
      const there = lstatOrNull(file.target);
      if (there !== null && !there.isFile()) removeDurable(file.target); // a link or folder laid in the map's place
      if (name.endsWith('.cdb') && there?.isFile() !== true) appeared = true;
      file.commit();
    } catch (error) {
      if (error instanceof StepError) throw error;
      throw new InstallError(
        'INSTALL_FAILED',
        `${name} cannot be renamed into place: ${(error as Error).message}`,
        error,
      );
    }
  }
  return { appeared };
}

/** Whether any map file is at its place, ours or not. */
export const mapsExist = (mapDir: string): boolean =>
  MAP_FILES.some((name) => name.endsWith('.cdb') && lstatOrNull(path.join(mapDir, name)) !== null);

/** The first live map file that is not what was installed, in words; null if all are. `deep` compares SHA-256 too. */
export function mapDamage(mapDir: string, live: LiveMaps, deep: boolean): string | null {
  for (const [name, record] of Object.entries(live.files)) {
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

function lstatOrNull(file: string) {
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
