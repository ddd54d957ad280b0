/** Tables that Postfix would ask and cannot open: it then defers all mail (451) that gets as far as them. Pure. */
import { nameOf, typeOf, withoutProxy } from '../mta/postfix/tables.ts';
import { RELOAD, shell } from '../mta/postfix/shell-lines.ts';
import type { PostfixFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Types that are made from a text file of the same name. */
const COMPILED = new Set(['hash', 'btree', 'lmdb', 'cdb', 'dbm']);

export const tableFindings = ({ faults }: PostfixFacts): Finding[] =>
  faults.map(({ parameter, table, why, source, exists }) => ({
    level: 'error',
    text: `${parameter} names ${table}, which cannot be opened (${why}): Postfix defers the mail that it is asked for, "451 Temporary lookup failure".`,
    type: mending(parameter, table, source, exists),
  }));

function mending(parameter: string, table: string, source: boolean, exists: boolean): string[] {
  const file = nameOf(table);
  if (COMPILED.has(typeOf(table)) && source) return [`postmap ${shell(withoutProxy(table))}`];
  if (exists) return [`ls -l ${shell(file)}   # may the user postfix read it?`];
  if (file.startsWith('/')) return [`postconf ${parameter}   # take ${table} out, or bring ${file} back`, RELOAD];
  return [`postmap -v -q nobody@example.org ${shell(withoutProxy(table))}   # says what is wrong with it`];
}
