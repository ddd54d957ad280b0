/** The configuration of OpenSMTPD: which tables are relaymap's files, and which rules ask them. Reads only. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isAbsent } from '../../../io/atomic-file.ts';
import { NEXT_HOPS, ROUTED_DOMAINS, STALE_MAP } from '../../map-files.ts';
import type { Use } from '../mta.ts';

export type SmtpdHere =
  | { readonly is: 'absent' }
  | { readonly is: 'broken'; readonly why: string }
  /** Logical lines, without comments, with included files in their places. */
  | { readonly is: 'here'; readonly lines: readonly string[] };

export function readSmtpdConf(file: string): SmtpdHere {
  try {
    return { is: 'here', lines: linesOf(file, 0) };
  } catch (error) {
    return isAbsent(error) ? { is: 'absent' } : { is: 'broken', why: (error as Error).message };
  }
}

const DEPTH = 10;

function linesOf(file: string, depth: number): string[] {
  const text = readFileSync(file, 'utf8').replace(/\\\n/g, ' ');
  return text.split('\n').flatMap((raw) => {
    const line = withoutComment(raw).trim();
    const included = /^include\s+"([^"]+)"$/.exec(line)?.[1];
    if (included !== undefined && depth < DEPTH) return linesOf(path.resolve(path.dirname(file), included), depth + 1);
    return line === '' ? [] : [line];
  });
}

/** Up to a `#` that stands in no quotes. */
const withoutComment = (line: string): string => /^(?:[^#"]|"[^"]*"?)*/.exec(line)?.[0] ?? '';

/**
 * Files that it reads, in the order in which it is told of them. What is out of date comes last: a recipient that is
 * new is known by then.
 */
const FILES = ['relay_recipients', NEXT_HOPS, ROUTED_DOMAINS, 'relay_domains', STALE_MAP] as const;

export interface OurTable {
  readonly name: string;
  readonly map: (typeof FILES)[number];
}

/** The tables that are read from our files, in the order of our maps. */
export function ourTables(mapDir: string, lines: readonly string[]): OurTable[] {
  const tables = lines.flatMap((line) => {
    const [, name = '', file] = /^table\s+<?"?([\w-]+)"?>?\s+"?file:([^"\s]+)"?/.exec(line) ?? [];
    const map = FILES.find((each) => file !== undefined && path.normalize(file) === path.join(mapDir, each));
    return map === undefined ? [] : [{ name, map }];
  });
  return tables.sort((a, b) => FILES.indexOf(a.map) - FILES.indexOf(b.map));
}

/** The rules of `match` that ask them. */
export function smtpdUses(mapDir: string, lines: readonly string[]): Use[] {
  const tables = ourTables(mapDir, lines);
  return tables.flatMap(({ name, map }): Use[] => {
    if (map === ROUTED_DOMAINS) return [];
    if (map === NEXT_HOPS) return routingRule(tables, name, lines);
    if (map === STALE_MAP) return staleFilters(lines, name).map((filter) => ({ map, where: `filter "${filter}"` }));
    const rule = lines.find((line) => line.startsWith('match') && line.includes(`<${name}>`));
    return rule === undefined || /\breject\b/.test(rule) ? [] : [{ map, where: `match ... <${name}>` }];
  });
}

/** The rule that has the domains with a next hop go by an action `relay domain <table>`. */
function routingRule(tables: readonly OurTable[], table: string, lines: readonly string[]): Use[] {
  const list = tables.find(({ map }) => map === ROUTED_DOMAINS)?.name;
  const actions = lines.flatMap((line) => {
    const [, action] = /^action\s+"?([^"\s]+)"?\s+relay\b/.exec(line) ?? [];
    return action !== undefined && new RegExp(`\\bdomain\\s+<${table}>`).test(line) ? [action] : [];
  });
  const rule = lines.find((line) => {
    const [, action] = /\baction\s+"?([^"\s]+)"?\s*$/.exec(line) ?? [];
    return line.startsWith('match') && line.includes(`domain <${list}>`) && actions.includes(action ?? '');
  });
  return rule === undefined ? [] : [{ map: NEXT_HOPS, where: `match ... <${list}>` }];
}

/** What deferring while a list is out of date hangs on: the filters that ask the table, where a listener has them. */
const staleFilters = (lines: readonly string[], table: string): string[] => [
  ...new Set(listeners(lines).flatMap(({ filters }) => filters.filter((name) => defersBy(lines, name, table)))),
];

/** Whether a filter defers the recipients of a table. */
export const defersBy = (lines: readonly string[], filter: string, table: string): boolean =>
  ruleOf(lines, filter).some((rule) => rule.includes(`rcpt-to <${table}>`) && /\b(reject|disconnect)\s+"?4/.test(rule));

/** Whether a filter lets the recipients of a table past those behind it. */
export const letsPast = (lines: readonly string[], filter: string, table: string): boolean =>
  ruleOf(lines, filter).some((rule) => rule.includes(`rcpt-to <${table}>`) && /\bbypass\s*$/.test(rule));

const ruleOf = (lines: readonly string[], filter: string): string[] =>
  lines.filter((line) => /^filter\s+"?([^"\s]+)"?\s+phase\s+rcpt-to\s+match\s/.exec(line)?.[1] === filter);

export interface Listener {
  readonly line: string;
  /** Those of a chain in its place, in their order. */
  readonly filters: readonly string[];
}

/** Who listens, and by which filters. */
export function listeners(lines: readonly string[]): Listener[] {
  const chains = new Map<string, string[]>();
  const filters = (text: string): string[] => {
    const names = text.split(/[\s,{}"]+/).filter((word) => word !== '');
    return names.flatMap((name) => chains.get(name) ?? [name]);
  };
  for (const line of lines) {
    const [, name = '', members] = /^filter\s+"?([^"\s]+)"?\s+chain\s*\{([^}]*)\}/.exec(line) ?? [];
    if (members !== undefined) chains.set(name, filters(members));
  }
  return lines.flatMap((line) => {
    if (!/^listen\s+on\s/.test(line)) return [];
    return [{ line, filters: filters(/\sfilter\s+("[^"]*"|\{[^}]*\}|[^\s{]+)/.exec(line)?.[1] ?? '') }];
  });
}
