/** Whom Postfix takes mail for today, before relaymap's map is named: tables listed as far as they can be. Reads only. */
import { foldCase } from '../../bundle/address/case-folding.ts';
import type { GatewayConfig } from '../config.ts';
import { covered, listed, ofRelayClass } from '../mta/postfix/domain-lists.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isTable, listTable, withoutProxy, words } from '../mta/postfix/tables.ts';
import { isOurs } from '../mta/postfix/map-references.ts';

export interface OldTable {
  readonly table: string;
  /** Its keys, each with a line feed; null where it cannot be listed. */
  readonly keys: Buffer | null;
  readonly rows: number;
  /** Why it cannot be listed. */
  readonly why: string;
}

export interface Today {
  readonly postfix: PostfixConfig;
  /** The tables of relay_recipient_maps that are not relaymap's. */
  readonly tables: readonly OldTable[];
  /** Why every address is taken; null where a table decides. */
  readonly everyone: string | null;
  /** Domains of relay_domains that are of no other class, as far as they can be listed, with the table that names each; null for a name in main.cf. */
  readonly domains: ReadonlyMap<string, string | null>;
  /** The domains of the tables' rows that are relayed today; with a table that cannot be asked, all of them may be. */
  readonly relayed: ReadonlySet<string>;
  /** Tables of relay_domains that cannot be listed. */
  readonly unlistable: readonly string[];
}

export async function today(config: GatewayConfig, postfix: PostfixConfig): Promise<Today> {
  const value = words(postfix.main.get('relay_recipient_maps') ?? '').filter(isTable);
  const others = value.filter((table) => !isOurs(config, 'relay_recipients', table));
  const tables: OldTable[] = [];
  for (const table of others) tables.push(await oldTable(table));
  const known = await listed(postfix, 'relay_domains', (table) => isOurs(config, 'relay_domains', table));
  const names = await ofRelayClass(postfix, [...known.domains.keys()]);
  return {
    postfix,
    tables,
    everyone: everyone(postfix, value),
    relayed: await relayedOf(postfix, tables),
    domains: new Map(names.map((name) => [name, known.domains.get(name) ?? null])),
    unlistable: known.unlistable,
  };
}

async function relayedOf(postfix: PostfixConfig, tables: readonly OldTable[]): Promise<Set<string>> {
  const domains = new Set<string>();
  for (const table of tables) {
    for (const key of keysOf(table)) {
      const domain = domainOf(foldCase(key));
      if (domain !== null && /^[^\s]+$/.test(domain)) domains.add(domain);
    }
  }
  let isUnsure = false;
  const relayed = await covered(postfix, 'relay_domains', [...domains], () => (isUnsure = true));
  return isUnsure ? domains : relayed;
}

/** What stands after the last `@`; null where there is none. */
export const domainOf = (row: string): string | null =>
  row.includes('@') ? row.slice(row.lastIndexOf('@') + 1) : null;

async function oldTable(table: string): Promise<OldTable> {
  const chunks: Buffer[] = [];
  let rows = 0;
  const why = await listTable(table, (key) => {
    chunks.push(Buffer.concat([key, LF]));
    rows++;
    // Small pieces cost more than their bytes: a list may have millions.
    if (chunks.length === 4096) chunks.splice(0, chunks.length, Buffer.concat(chunks));
  });
  return { table, keys: why === null ? Buffer.concat(chunks) : null, rows, why: why ?? '' };
}

const LF = Buffer.from('\n');

function everyone({ main }: PostfixConfig, value: readonly string[]): string | null {
  if (value.length === 0) return 'relay_recipient_maps is empty';
  const all = value.find((table) => withoutProxy(table).startsWith('static:'));
  if (all !== undefined) return `relay_recipient_maps holds ${all}`;
  return main.get('smtpd_reject_unlisted_recipient') === 'no' ? 'smtpd_reject_unlisted_recipient = no' : null;
}

/** The keys of a listed table, one at a time. */
export function* keysOf({ keys }: OldTable): Generator<string> {
  if (keys === null) return;
  let start = 0;
  for (let end = keys.indexOf(0x0a); end >= 0; end = keys.indexOf(0x0a, start)) {
    yield keys.subarray(start, end).toString();
    start = end + 1;
  }
}
