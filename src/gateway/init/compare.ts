/**
 * Who gets mail today and would get none tomorrow: compares whom Postfix takes mail for with the list that has been
 * installed. Asks tables and the installed map; changes nothing.
 */
import { setImmediate } from 'node:timers/promises';
import { foldCase } from '../../bundle/address/case-folding.ts';
import { lookup, type Has } from '../../map/lookup.ts';
import { covered } from '../mta/postfix/domain-lists.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isTable, queryTable, words } from '../mta/postfix/tables.ts';
import { domainOf, isStatic, keysOf, type OldTable, type Today } from './current-recipients.ts';

export interface NewMap {
  readonly recipients: Has;
  /** Its domains, sorted. */
  readonly domains: readonly string[];
}

export interface Comparison {
  /** Addresses, and `@domain` for whole domains, that are taken now and would be rejected. */
  readonly lost: readonly string[];
  /** Domains of which every address is taken now and of which the list knows nobody. */
  readonly lostDomains: readonly string[];
  /** Domains of the list that are not relayed here: by parameter, those for which the list is never asked. */
  readonly otherClasses: readonly { readonly parameter: string; readonly domains: readonly string[] }[];
  /** How many addresses of today the list has as well. */
  readonly common: number;
  /** Tables that must stay beside relaymap's: they serve domains that the list does not have. */
  readonly kept: readonly OldTable[];
  /** How many addresses of the list's domains are known only by one of those, and stay known. */
  readonly staying: number;
  /** Tables that cannot be listed, and how many of the rows asked for they know. */
  readonly unlisted: readonly { readonly table: OldTable; readonly asked: number; readonly known: number | null }[];
}

/** @param sample rows of the new list, from all over it, to ask of tables that cannot be listed. */
export async function compare(before: Today, map: NewMap, sample: readonly string[]): Promise<Comparison> {
  const own = new Set(map.domains);
  const delimiter = before.postfix.main.get('recipient_delimiter') ?? '';
  const { relayed } = before;
  const strangers = [...before.domains.keys()].filter((domain) => !own.has(domain));
  const isKept = (table: OldTable): boolean => {
    if (table.isAccess || isStatic(table.table)) return false;
    // Nobody knows whom it accepts: SRS and BATV addresses, a directory, a database.
    if (table.keys === null) return true;
    for (const key of keysOf(table)) {
      const domain = domainOf(foldCase(key));
      if (domain !== null && !own.has(domain) && relayed.has(domain)) return true;
    }
    return false;
  };
  const kept = before.tables.filter(isKept);
  const missing = new Set<string>();
  let [common, seen] = [0, 0];
  for (const table of before.tables) {
    for (const key of keysOf(table)) {
      if (++seen % 20_000 === 0) await setImmediate(); // a long list: let the terminal be told
      const row = foldCase(key);
      const domain = domainOf(row);
      if (domain === null || !own.has(domain) || !relayed.has(domain)) continue;
      if (isKnown(row, delimiter, map.recipients)) common++;
      else missing.add(row);
    }
  }
  const byKept = await matched(
    kept.map(({ table }) => table),
    [...missing],
  );
  const rest = [...missing].filter((row) => !byKept(row));
  const byOthers = await matched(decidedBefore(before.postfix), rest);
  // Who is refused today loses nothing; a temporary refusal says nothing.
  const isRefused = (row: string) => (before.answers?.get(row)?.code ?? 0) >= 500;
  const lost = rest.filter((row) => !byOthers(row) && !isRefused(row));
  return {
    lost: lost.sort(),
    lostDomains: before.everyone === null ? [] : strangers.filter((d) => before.open?.includes(d) !== false).sort(),
    otherClasses: await otherClasses(before.postfix, map.domains),
    common,
    kept,
    staying: missing.size - rest.length,
    unlisted: await unlisted(before.tables, sample),
  };
}

async function otherClasses(postfix: PostfixConfig, domains: readonly string[]): Promise<Comparison['otherClasses']> {
  const found = [];
  for (const parameter of ['mydestination', 'virtual_alias_domains', 'virtual_mailbox_domains']) {
    const taken = await covered(postfix, parameter, domains, () => undefined);
    if (taken.size > 0) found.push({ parameter, domains: [...taken].sort() });
  }
  return found;
}

/** Whether the new map takes what an old row took: an address, or a whole domain. */
function isKnown(row: string, delimiter: string, has: Has): boolean {
  if (row.startsWith('@')) return has(row);
  const [, quoted, domain] = /^"(.*)"(@[^@]*)$/.exec(row) ?? [];
  const address = quoted === undefined ? row : quoted.replace(/\\(.)/g, '$1') + (domain ?? '');
  return has(row) || lookup({ address, delimiter }, has, () => true).accepted;
}

/** An address that is an alias stays known without any row; one that has moved away is refused already. */
const DECIDED_BEFORE = ['virtual_alias_maps', 'canonical_maps', 'recipient_canonical_maps', 'relocated_maps'];

const decidedBefore = ({ main }: PostfixConfig): string[] =>
  DECIDED_BEFORE.flatMap((parameter) => words(main.get(parameter) ?? '').filter(isTable));

/** Tells which of these rows one of the tables matches, by themselves or as a whole domain. */
async function matched(tables: readonly string[], rows: readonly string[]): Promise<(row: string) => boolean> {
  const whole = (row: string) => `@${domainOf(row) ?? ''}`;
  const keys = [...new Set(rows.flatMap((row) => [row, whole(row)]))];
  const known = new Set<string>();
  for (const table of tables) for (const key of (await queryTable(table, keys))?.keys() ?? []) known.add(key);
  return (row) => known.has(row) || known.has(whole(row));
}

async function unlisted(tables: readonly OldTable[], sample: readonly string[]): Promise<Comparison['unlisted']> {
  const found: { table: OldTable; asked: number; known: number | null }[] = [];
  for (const table of tables) {
    if (table.keys !== null) continue;
    const isThere = (await queryTable(table.table, sample)) !== null;
    const knows = await matched([table.table], sample);
    const known = isThere ? sample.filter(knows).length : null;
    found.push({ table, asked: sample.length, known });
  }
  return found;
}
