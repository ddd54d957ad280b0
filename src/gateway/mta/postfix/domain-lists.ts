/**
 * Which domains a parameter of Postfix's covers, be it by name, by table or by a file of names. Asks tables, reads
 * files of names.
 */
import { readFileSync } from 'node:fs';
import type { PostfixConfig } from './main-cf.ts';
import { isTable, listTable, queryTable, words } from './tables.ts';
import { coversSubdomains, withParents } from './map-references.ts';

export interface DomainList {
  /** The names that stand in it, with those of a file that it names. */
  readonly names: readonly string[];
  readonly tables: readonly string[];
}

export function domainList(postfix: PostfixConfig, parameter: string): DomainList {
  const all = words(postfix.main.get(parameter) ?? '').flatMap((word) =>
    word.startsWith('/') ? fileWords(word) : [word],
  );
  return {
    names: all.filter((word) => !isTable(word)).map((word) => word.toLowerCase()),
    tables: all.filter(isTable),
  };
}

function fileWords(file: string): string[] {
  try {
    const lines = readFileSync(file, 'utf8').split('\n');
    return words(lines.map((line) => line.replace(/#.*$/, '')).join('\n'));
  } catch {
    return []; // Postfix says so itself, at every connection
  }
}

/** Those of `domains` that the list covers. Tables that cannot be asked go to `unasked`. */
export async function covered(
  postfix: PostfixConfig,
  parameter: string,
  domains: readonly string[],
  unasked: (table: string) => void,
): Promise<Set<string>> {
  const { names, tables } = domainList(postfix, parameter);
  const parents = parameter === 'relay_domains' && coversSubdomains(postfix);
  const keysOf = (domain: string) => (parents ? withParents(domain) : [domain]);
  const keys = [...new Set(domains.flatMap(keysOf))];
  const has = new Set(names);
  for (const table of tables) {
    const found = await queryTable(table, keys);
    if (found === null) unasked(table);
    for (const key of found?.keys() ?? []) has.add(key);
  }
  const dotted = names.filter((name) => name.startsWith('.'));
  const isCovered = (domain: string) =>
    keysOf(domain).some((key) => has.has(key)) || dotted.some((suffix) => domain.endsWith(suffix));
  // Words with `!` are left out of account: who excludes a domain knows that it is one.
  return new Set(domains.filter(isCovered));
}

/** Every domain that stands in the list, as far as its tables can be listed; null for those that cannot. */
export async function listed(
  postfix: PostfixConfig,
  parameter: string,
  isLeftOut: (table: string) => boolean,
): Promise<{ readonly domains: Map<string, string | null>; readonly unlistable: readonly string[] }> {
  const { names, tables } = domainList(postfix, parameter);
  const domains = new Map<string, string | null>(
    names.filter((name) => /^\.?[^!.*/][^/]*$/.test(name)).map((name) => [name.replace(/^\./, ''), null]),
  );
  const unlistable: string[] = [];
  for (const table of tables.filter((t) => !isLeftOut(t))) {
    const found: string[] = [];
    const why = await listTable(table, (key) => found.push(key.toString().toLowerCase()));
    if (why !== null) unlistable.push(table);
    for (const name of found) if (!domains.has(name)) domains.set(name, table);
  }
  return { domains, unlistable };
}

/** Those of `domains` that are of no other class: only for these is relay_domains asked. */
export async function ofRelayClass(postfix: PostfixConfig, domains: readonly string[]): Promise<string[]> {
  const others = new Set<string>();
  for (const parameter of ['mydestination', 'virtual_alias_domains', 'virtual_mailbox_domains']) {
    for (const domain of await covered(postfix, parameter, domains, () => undefined)) others.add(domain);
  }
  return domains.filter((domain) => !others.has(domain));
}
