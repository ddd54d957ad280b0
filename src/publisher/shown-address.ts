/**
 * What a message may quote of an entry: the address at its start, and nothing else. A password, a hash or a token may stand in the same
 * field, before the address or behind it (docs/commands.md, section 3). Pure.
 */
const LONGEST = 80;

/** An optional `smtp:`, a local part of plain characters or in quotes, an @, and what a domain can hold. */
const ADDRESS =
  /^(?:smtp:)?((?:[A-Za-z0-9._+='&/~^-]|[^\u0000-\u007f\s]){1,64}|"(?:[^"\\]|\\.){1,64}")?@(?:[A-Za-z0-9._-]|[^\u0000-\u009f\s])+/iu;
/** Characters that a terminal does not show, or shows as a plain space. */
const UNSEEN = /[^\S ]|[\p{Cc}\p{Cf}\u034f\u115f\u1160\u2800\u3164\uffa0]/gu;

/** The address that a field begins with, in quotes; `the entry` where it begins with none. */
export function shownAddress(field: string): string {
  const address = ADDRESS.exec(field.slice(0, 4 * LONGEST))?.[0];
  if (address === undefined) return 'the entry';
  const text = address.length > LONGEST ? `${address.slice(0, LONGEST)}...` : address;
  return JSON.stringify(text).replace(UNSEEN, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`);
}
