/**
 * main.cf where there is none. Debian's Postfix that was installed with "No configuration" has a master.cf alone, and
 * does not start. Its package says where to begin: with a copy of its own main.cf.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createFile, isAbsent, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { postfixCommand } from '../mta/postfix/commands.ts';
import type { PostfixHere } from '../mta/postfix/main-cf.ts';
import { beforeFile, readBefore } from './main-cf-before.ts';

/** As Debian's package brings it; it sets nothing of who may relay. */
const BEGINNING = '/usr/share/postfix/main.cf.debian';
const DEFAULT_FOLDER = '/etc/postfix';
const ALIASES = '/etc/aliases';

/** No parameter has such a name: the record of what was before says by it that there was no file. */
export const WHOLE_FILE = 'main.cf';

export interface Missing {
  /** The main.cf that is not there. */
  readonly file: string;
  /** What to begin with; null where this system has none. */
  readonly beginning: string | null;
}

/** @returns null where main.cf is there, where there is no Postfix, or where something else is wrong with it */
export function missingMainCf(
  here: PostfixHere,
  folder = process.env['MAIL_CONFIG'] ?? DEFAULT_FOLDER,
): Missing | null {
  if (here.is !== 'broken') return null;
  const file = path.join(folder, 'main.cf');
  if (existsSync(file) || !existsSync(folder)) return null;
  return { file, beginning: existsSync(BEGINNING) ? BEGINNING : null };
}

/** What to say of it: the reason, and the line that ends it. */
export function noMainCf({ file, beginning }: Missing): string[] {
  const why = `there is no ${file}, without which Postfix does not start`;
  if (beginning === null) return [why];
  return [`${why}. --backup-mx --apply makes it. For another kind of host:`, `  cp ${beginning} ${file}`];
}

/** Makes main.cf, after it is written down that there was none. @returns how to take that back at once */
export function makeMainCf({ file, beginning }: Missing & { readonly beginning: string }, configFile: string) {
  const record = readBefore(configFile);
  const folder = path.dirname(file);
  const own = { ...record[folder], [WHOLE_FILE]: { before: null, after: beginning } };
  writeFileAtomic(beforeFile(configFile), `${JSON.stringify({ ...record, [folder]: own }, null, 2)}\n`, 0o644);
  createFile(file, readFileSync(beginning, 'utf8'), 0o644);
  return () => {
    removeDurable(file);
    if (Object.keys(record).length === 0) removeDurable(beforeFile(configFile));
    else writeFileAtomic(beforeFile(configFile), `${JSON.stringify(record, null, 2)}\n`, 0o644);
  };
}

/**
 * Local mail of this host needs the table of aliases, which the package has not made either.
 * @returns false where that failed
 */
export function makeAliases({ file }: Missing): boolean {
  if (path.dirname(file) !== DEFAULT_FOLDER || !existsSync(ALIASES)) return true;
  return postfixCommand('newaliases', [], DEFAULT_FOLDER).status === 0;
}

/** Whether main.cf says nothing but what `init` began it with, and so can go again. */
export function isAsBegun(file: string, beginning: string): boolean {
  const lines = (name: string) => {
    const text = readFileSync(name, 'utf8').split('\n');
    return text.filter((line) => line.trim() !== '' && !line.startsWith('#')).join('\n');
  };
  try {
    return lines(file) === lines(beginning);
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
