/** Lines that a person can paste into a shell. */

/** A word for the shell. */
export const shell = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

export const RELOAD = 'postfix reload';

/** The lines that set a parameter of main.cf. */
export const setting = (name: string, words: readonly string[]): string[] => [
  `postconf -e ${shell(`${name} = ${words.join(', ')}`)}`,
  RELOAD,
];
