/**
 * Puts compiled maps in place. Renames onto the real path; no hard links, no symlinks: either would keep the old
 * inode alive and Postfix answering from it.
 */
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { InstallError, StepError } from '../../errors.ts';
import { removeEmptyFolder } from '../../io/atomic-file.ts';
import type { CompiledMap } from './compile.ts';
import { lstatOrNull, type LiveMaps } from './live-maps.ts';
import { bytesDamage } from './map-damage.ts';
import type { MapFileRecord } from '../record/state.ts';

/** The record of these maps once they are installed. */
export const mapsRecord = (map: CompiledMap, inputs: string): LiveMaps => ({
  inputs,
  rows: map.rows,
  files: { ...map.same, ...fileRecords(map) },
  hashed: null,
});

/** By name, each file as it will be once it is installed: a rename keeps inode and mtime. */
export function fileRecords(map: CompiledMap): Record<string, MapFileRecord> {
  const files: Record<string, MapFileRecord> = {};
  for (const { name, file, sha256, bytes } of map.files) {
    const { mtimeMs, ino } = lstatSync(file.temp);
    files[name] = { sha256, bytes, mtimeMs, ino };
  }
  return files;
}

/**
 * The record of the live files where they are to the byte, in mode and in group, what these would be; else null. Then
 * there is nothing to install.
 */
export function liveRecords(map: CompiledMap): Record<string, MapFileRecord> | null {
  const files: Record<string, MapFileRecord> = {};
  for (const { name, file, sha256, bytes } of map.files) {
    const live = lstatOrNull(file.target);
    const made = lstatSync(file.temp);
    if (live?.isFile() !== true || live.mode !== made.mode || live.gid !== made.gid || live.size !== bytes) return null;
    files[name] = { sha256, bytes, mtimeMs: live.mtimeMs, ino: live.ino };
    if (bytesDamage(path.dirname(file.target), files, [name]) !== null) return null;
  }
  return files;
}

/**
 * A rename replaces a link or a pipe in a map's place, and not a folder: an empty one is removed, one that holds
 * something is not ours to delete.
 * @throws InstallError INSTALL_FAILED, before anything is renamed.
 */
export function requirePlaces(map: CompiledMap): void {
  for (const { file } of map.files) {
    if (lstatOrNull(file.target)?.isDirectory() !== true) continue;
    try {
      removeEmptyFolder(file.target);
    } catch (error) {
      throw new InstallError('INSTALL_FAILED', `${file.target} is a folder; move it away`, error);
    }
  }
}

/**
 * @returns whether a map appeared where there was none, so that Postfix must be reloaded.
 * @throws InstallError. What was renamed before it stays, and the pending set says how to go on.
 */
export function install(map: CompiledMap): { appeared: boolean } {
  let appeared = false;
  for (const { name, file } of map.files) {
    try {
      const there = lstatOrNull(file.target);
      if (name.includes('.') && there?.isFile() !== true) appeared = true;
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
