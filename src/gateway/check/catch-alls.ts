/** Tables that make a whole domain known, or gone, whatever relaymap's list says. Pure. */
import { nameOf, typeOf, withoutProxy } from '../mta/postfix/tables.ts';
import type { CatchAll, PostfixFacts } from './facts.ts';
import { several, type Finding } from './finding.ts';
import { RELOAD, shell } from '../mta/postfix/shell-lines.ts';

export function catchAllFindings({ catchAlls, unasked, faults }: PostfixFacts): Finding[] {
  const groups = new Map<string, CatchAll[]>();
  for (const each of catchAlls) {
    const key = JSON.stringify([each.parameter, each.table, each.byRow]);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [
    ...[...groups.values()].map(finding),
    ...unasked.filter((table) => !faults.some((fault) => fault.table === table)).map(unaskedNote),
  ];
}

function finding(group: readonly CatchAll[]): Finding {
  const [first] = group;
  const { parameter, table, byRow } = first ?? { parameter: '', table: '', byRow: false };
  const domains = group.map((each) => each.domain);
  const what = byRow ? `holds ${several(domains.map((d) => `@${d}`))}` : `matches any address of ${several(domains)}`;
  const effect =
    parameter === 'relocated_maps'
      ? 'every recipient there is refused as having moved, those of the list too'
      : "every address there is a known one, and relaymap's list refuses nobody";
  return {
    level: 'error',
    text: `${parameter}: ${table} ${what}: ${effect}.`,
    type: byRow && SOURCES.has(typeOf(table)) ? removal(table, domains) : [search(table, domains[0] ?? '')],
  };
}

/** Types that are made from a text file of the same name. */
const SOURCES = new Set(['hash', 'btree', 'lmdb', 'cdb', 'dbm', 'texthash']);
const SHOWN = 5;

function removal(table: string, domains: readonly string[]): string[] {
  const rows = domains.slice(0, SHOWN).map((d) => `-e '/^@${d.replace(/[^\w-]/g, String.raw`\$&`)}[[:space:]]/Id'`);
  const edit = `sed -i ${rows.join(' ')} ${shell(nameOf(table))}`;
  const make = typeOf(table) === 'texthash' ? RELOAD : `postmap ${shell(withoutProxy(table))}`;
  return [edit, make];
}

const search = (table: string, domain: string): string =>
  `postmap -q ${shell(`nobody@${domain}`)} ${shell(withoutProxy(table))}   # take out what answers`;

const unaskedNote = (table: string): Finding => ({
  level: 'note',
  text: `Not known: whether ${table} covers a whole domain. It could not be asked.`,
  type: [`postmap -q nobody@example.org ${shell(withoutProxy(table))}`],
  isUnknown: true,
});
