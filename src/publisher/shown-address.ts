/**
 * What a message may quote of an entry: only the address at its start. The same field may contain a password, a
 * hash or a token, before or after the address (docs/commands.md section 3). Pure.
 */
const LONGEST = 80;

/** An optional `smtp:`, a local part of plain characters or in quotes, an @, and the characters of a domain. */
const ADDRESS =
  /^(?:smtp:)?((?:[A-Za-z0-9._+='&/~^-]|[^\u0000-\u007f\s]){1,64}|"(?:[^"\\]|\\.){1,64}")?@(?:[A-Za-z0-9._-]|[^\u0000-\u009f\s])+/iu;
/** Characters that a terminal does not show, or shows as a plain space. */
const UNSEEN = /[^\S ]|[\p{Cc}\p{Cf}\u034f\u115f\u1160\u2800\u3164\uffa0]/gu;

/** The address that a field begins with, in quotes; `the entry` if it does not begin with one. */
export function shownAddress(field: string): string {
  const address = ADDRESS.exec(field.slice(0, 4 * LONGEST))?.[0];
  if (address === undefined) return 'the entry';
  const text = address.length > LONGEST ? `${address.slice(0, LONGEST)}...` : address;
  return JSON.stringify(text).replace(UNSEEN, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`);
}
