/**
 * Whom Postfix takes mail for today, before relaymap's map is named: tables listed as far as they can be. Reads
 * only.
 */
import { foldCase } from '../../bundle/address/case-folding.ts';
import type { GatewayConfig } from '../config.ts';
import { covered, listed, ofRelayClass } from '../mta/postfix/domain-lists.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isTable, listTable, withoutProxy, words } from '../mta/postfix/tables.ts';
import { isMisspelt, isOurs } from '../mta/postfix/map-references.ts';
import { askSmtpd, type RcptAnswer } from '../mta/postfix/ask-smtpd.ts';
import { usesOf } from '../mta/postfix/uses.ts';
import { STALE_MAP } from '../map-files.ts';
import type { Use } from '../mta/mta.ts';
import { accessTables, unseen } from './unseen.ts';

export interface OldTable {
  readonly table: string;
  /** Its keys, each with a line feed; null where it cannot be listed. */
  readonly keys: Buffer | null;
  readonly rows: number;
  /** Why it cannot be listed. */
  readonly why: string;
  /** An access check names it, and not relay_recipient_maps: it stays where it is. */
  readonly isAccess: boolean;
}

export interface Today {
  readonly postfix: PostfixConfig;
  /** The tables of relay_recipient_maps that are not relaymap's. */
  readonly tables: readonly OldTable[];
  /** Why every address is taken; null where a table decides, or where that is not known. */
  readonly everyone: string | null;
  /** The domains of which every address is taken, where Postfix was asked and refuses others; null for all. */
  readonly open: readonly string[] | null;
  /** By address, what Postfix answers a stranger today; null where it could not be asked. */
  readonly answers: ReadonlyMap<string, RcptAnswer> | null;
  /** What decides as well and was not looked at. */
  readonly unseen: readonly string[];
  /** Where Postfix names our maps already. */
  readonly uses: readonly Use[];
  /**
   * Domains of relay_domains that are of no other class, as far as they can be listed, with the table that names
   * each; null for a name in main.cf.
   */
  readonly domains: ReadonlyMap<string, string | null>;
  /** The domains of the tables' rows that are relayed today; with a table that cannot be asked, all of them may be. */
  readonly relayed: ReadonlySet<string>;
  /** Tables of relay_domains that cannot be listed. */
  readonly unlistable: readonly string[];
}

/** Asked of at most so many rows, a few milliseconds each. */
const ASKED = 5000;
const DOMAINS = 50;

/** @param looked the instances of this host that are looked at */
export async function today(config: GatewayConfig, postfix: PostfixConfig, looked: readonly string[]): Promise<Today> {
  const value = words(postfix.main.get('relay_recipient_maps') ?? '').filter(isTable);
  const isNone = (table: string) =>
    isOurs(config, 'relay_recipients', table) || isMisspelt(config, 'relay_recipients', table);
  const others = value.filter((table) => !isNone(table));
  const ours = ['relay_recipients', STALE_MAP] as const;
  const access = accessTables(postfix).filter((table) => !ours.some((map) => isOurs(config, map, table)));
  const tables: OldTable[] = [];
  for (const table of others) tables.push(await oldTable(table, false));
  for (const table of access) tables.push(await oldTable(table, true));
  const known = await listed(postfix, 'relay_domains', (table) => isOurs(config, 'relay_domains', table));
  const names = await ofRelayClass(postfix, [...known.domains.keys()]);
  const own = config.bundle.flatMap((b) => b.domains ?? []).filter((domain) => !domain.startsWith('*.'));
  const strangers = [...new Set([...names, ...own])].slice(0, DOMAINS).map((domain) => `${NOBODY}@${domain}`);
  const answers = await askSmtpd(postfix, [...strangers, ...addressesOf(tables)]);
  return {
    postfix,
    tables,
    ...everyone(postfix, value, access, strangers, answers, looked),
    answers,
    uses: usesOf(config, postfix),
    relayed: await relayedOf(postfix, tables),
    domains: new Map(names.map((name) => [name, known.domains.get(name) ?? null])),
    unlistable: known.unlistable,
  };
}

function addressesOf(tables: readonly OldTable[]): string[] {
  const found = new Set<string>();
  for (const table of tables) {
    for (const key of keysOf(table)) {
      if (found.size >= ASKED) return [...found];
      if (/^[^@\s]+@[^@\s]+$/.test(key)) found.add(foldCase(key));
    }
  }
  return [...found];
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

async function oldTable(table: string, isAccess: boolean): Promise<OldTable> {
  const chunks: Buffer[] = [];
  let rows = 0;
  const why = await listTable(table, (key) => {
    chunks.push(Buffer.concat([key, LF]));
    rows++;
    // Small pieces cost more than their bytes: a list may have millions.
    if (chunks.length === 4096) chunks.splice(0, chunks.length, Buffer.concat(chunks));
  });
  return { table, keys: why === null ? Buffer.concat(chunks) : null, rows, why: why ?? '', isAccess };
}

const LF = Buffer.from('\n');

/** Whether everybody is accepted: by what Postfix says, else by its parameters as far as nothing else decides. */
function everyone(
  postfix: PostfixConfig,
  value: readonly string[],
  access: readonly string[],
  strangers: readonly string[],
  answers: Today['answers'],
  looked: readonly string[],
): Pick<Today, 'everyone' | 'unseen' | 'open'> {
  const beside = unseen(postfix, looked);
  const reason = reasonFor(postfix, value);
  const said = strangers.flatMap((address) => answers?.get(address) ?? []);
  if (said.length > 0) {
    const open = strangers.filter((address) => (answers?.get(address)?.code ?? 500) < 400);
    const taken = open.length > 0;
    const delays = said.find(
      ({ code, text }) => code >= 400 && code < 500 && !/User unknown|unknown in|Relay access denied/.test(text),
    );
    const unclear = delays === undefined ? [] : [`an answer of ${delays.code} ${delays.text}`];
    return {
      everyone: taken ? (reason ?? 'Postfix was asked, and takes them') : null,
      open: open.length === said.length ? null : open.map((address) => domainOf(address) ?? ''),
      unseen: [...beside, ...unclear],
    };
  }
  if (reason === null || (access.length === 0 && beside.length === 0))
    return { everyone: reason, open: null, unseen: beside };
  return { everyone: null, open: null, unseen: [`${reason}, but something else may refuse`, ...access, ...beside] };
}

function reasonFor({ main }: PostfixConfig, value: readonly string[]): string | null {
  if (value.length === 0) return 'relay_recipient_maps is empty';
  const all = value.find(isStatic);
  if (all !== undefined) return `relay_recipient_maps holds ${all}`;
  return main.get('smtpd_reject_unlisted_recipient') === 'no' ? 'smtpd_reject_unlisted_recipient = no' : null;
}

/** A table that knows everybody holds no list that could be lost. */
export const isStatic = (table: string): boolean => withoutProxy(table).startsWith('static:');

/** A local part that nobody has. */
const NOBODY = 'relaymap-init-of-an-address-that-nobody-has';

/** The keys of a listed table, one at a time. */
export function* keysOf({ keys }: OldTable): Generator<string> {
  if (keys === null) return;
  let start = 0;
  for (let end = keys.indexOf(0x0a); end >= 0; end = keys.indexOf(0x0a, start)) {
    yield keys.subarray(start, end).toString();
    start = end + 1;
  }
}
