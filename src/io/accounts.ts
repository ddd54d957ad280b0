/** Names of users and groups, for messages. Reads only /etc/passwd and /etc/group. */
import { readFileSync } from 'node:fs';

/** `user relaymap (997)`, or `user 997` if this host has no name for the number. */
export const accountName = (uid: number): string => named('user', nameOf('/etc/passwd', uid), uid);
export const groupName = (gid: number): string => named('group', nameOf('/etc/group', gid), gid);

/** A user's name, or the number if it has none. chown and chgrp take both. */
export const userWord = (uid: number): string => nameOf('/etc/passwd', uid) ?? String(uid);
export const groupWord = (gid: number): string => nameOf('/etc/group', gid) ?? String(gid);

const named = (kind: string, name: string | null, id: number): string =>
  name === null ? `${kind} ${id}` : `${kind} ${name} (${id})`;

function nameOf(file: string, id: number): string | null {
  const line = rows(file).find((fields) => fields[2] === String(id));
  return line?.[0] ?? null;
}

/** A user's number and group, by name; null if there is no such user. */
export function userByName(name: string): { readonly uid: number; readonly gid: number } | null {
  const line = rows('/etc/passwd').find((fields) => fields[0] === name);
  const [uid, gid] = [Number(line?.[2]), Number(line?.[3])];
  return line === undefined || !Number.isInteger(uid) || !Number.isInteger(gid) ? null : { uid, gid };
}

/** A group's number, by name; null if there is no such group. */
export function groupNumber(name: string): number | null {
  const gid = Number(rows('/etc/group').find((fields) => fields[0] === name)?.[2]);
  return Number.isInteger(gid) ? gid : null;
}

function rows(file: string): string[][] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return []; // callers fall back to numbers
  }
}
