/**
 * Explains why a file cannot be read or written. For "permission denied" it names the user of this process, the
 * owner of the file or folder that is in the way, and the command that gives the service the right too. Changes
 * nothing.
 */
import { accessSync, constants, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { accountName, groupWord, userWord } from './accounts.ts';

const { R_OK, W_OK, X_OK } = constants;

/** Why a file could not be read: the system's own words, or more if a right is missing. */
export const whyUnread = (error: unknown, file: string): string => why(error, file, false);

/** The same for a file that is to be written. */
export const whyUnwritten = (error: unknown, file: string): string => why(error, file, true);

function why(error: unknown, file: string, write: boolean): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code !== 'EACCES') return message;
  const barred = barrier(path.resolve(file), write);
  const me = accountName(process.geteuid?.() ?? 0);
  if (barred === null) return `${message} (as ${me})`;
  const { place, stat } = barred;
  const name = place === path.resolve(file) ? 'it' : `${stat.isDirectory() ? 'the folder ' : ''}${place}`;
  const owner = `${userWord(stat.uid)}:${groupWord(stat.gid)}`;
  const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
  return `permission denied for ${me}: ${name} is ${owner}, mode ${mode}. To mend it: ${mending(place, stat, write)}`;
}

/**
 * The first folder on the path that this process may not enter, else the file it may not read or write; null if
 * there is none.
 */
function barrier(file: string, write: boolean): { readonly place: string; readonly stat: Stats } | null {
  const parts = file.split('/').slice(1);
  let place = '/';
  for (const part of parts) {
    if (!allows(place, X_OK)) return found(place);
    const next = path.join(place, part);
    const stat = statOf(next);
    // A file that is created, or replaced by a rename, needs only its folder to be writable.
    if (write && (stat === null || !stat.isDirectory())) return allows(place, W_OK | X_OK) ? null : found(place);
    if (stat === null) return null;
    place = next;
  }
  return allows(place, write ? W_OK | X_OK : R_OK) ? null : found(place);
}

function found(place: string): { place: string; stat: Stats } | null {
  const stat = statOf(place);
  return stat === null ? null : { place, stat };
}

/** A reader gets the right through the group (a setgid folder says which group), a writer by owning the place. */
function mending(place: string, stat: Stats, write: boolean): string {
  if (write) return `chown ${userWord(process.geteuid?.() ?? 0)} ${place}`;
  const folder = statOf(path.dirname(place));
  const handedDown = folder !== null && (folder.mode & 0o2000) !== 0 && folder.gid !== 0 ? folder.gid : null;
  const group = groupWord(handedDown ?? process.getegid?.() ?? 0);
  return `chgrp ${group} ${place} && chmod ${stat.isDirectory() ? 'g+rx' : '0640'} ${place}`;
}

function statOf(place: string): Stats | null {
  try {
    return statSync(place);
  } catch {
    return null; // absent, or in a folder that we may not enter
  }
}

function allows(place: string, mode: number): boolean {
  try {
    accessSync(place, mode);
    return true;
  } catch {
    return false;
  }
}
