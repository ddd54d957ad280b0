/** Users and groups by name, for messages that a person has to act on. Reads /etc/passwd and /etc/group alone. */
import { readFileSync } from 'node:fs';

/** `user relaymap (997)`, or `user 997` where the number has no name here. */
export const accountName = (uid: number): string => named('user', nameOf('/etc/passwd', uid), uid);
export const groupName = (gid: number): string => named('group', nameOf('/etc/group', gid), gid);

/** A user's or group's plain name, or its number: what chown and chgrp take. */
export const userWord = (uid: number): string => nameOf('/etc/passwd', uid) ?? String(uid);
export const groupWord = (gid: number): string => nameOf('/etc/group', gid) ?? String(gid);

const named = (kind: string, name: string | null, id: number): string =>
  name === null ? `${kind} ${id}` : `${kind} ${name} (${id})`;

function nameOf(file: string, id: number): string | null {
  const line = rows(file).find((fields) => fields[2] === String(id));
  return line?.[0] ?? null;
}

/** Number and group of a user by name; null where there is none. */
export function userByName(name: string): { readonly uid: number; readonly gid: number } | null {
  const line = rows('/etc/passwd').find((fields) => fields[0] === name);
  const [uid, gid] = [Number(line?.[2]), Number(line?.[3])];
  return line === undefined || !Number.isInteger(uid) || !Number.isInteger(gid) ? null : { uid, gid };
}

/** The number of a group by name; null where there is none. */
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
    return []; // then numbers have to do
  }
}
