/** What `check` asks of a Postfix and of its tables. Changes nothing; judges nothing. */
import path from 'node:path';
import type { GatewayConfig } from '../../config.ts';
import { covered, listed, ofRelayClass } from '../../mta/postfix/domain-lists.ts';
import { lstatOrNull } from '../../maps/live-maps.ts';
import { type PostfixConfig, type PostfixHere } from '../../mta/postfix/main-cf.ts';
import { askSmtpd } from '../../mta/postfix/ask-smtpd.ts';
import { instancesOf } from '../../mta/postfix/instances.ts';
import { listTable, nameOf, queryTable, tableFault, typeOf, words } from '../../mta/postfix/tables.ts';
import { usesOf } from '../../mta/postfix/uses.ts';
import { sampleRows } from '../../maps/sample-rows.ts';
import { NOBODY } from '../asked.ts';
import { isMisspelt, isOurs, withParents, coversSubdomains } from '../../mta/postfix/map-references.ts';
import type { CatchAll, Lists, PostfixFacts, PostfixFound, TableFault } from '../facts.ts';
import { tablesOf } from '../refusing.ts';
import { tablesBefore } from '../next-hops.ts';
import { asksNextHops, MAPS, NEXT_HOPS } from '../../map-files.ts';
import { openMap } from '../../maps/open-map.ts';

const ASKED = 20;

/** Of a domain that nobody has (RFC 2606), as the recipient of mail that is none of this host's business. */
const FOREIGN_DOMAIN = 'relaymap-check.example.net';
const FOREIGN = `postmaster@${FOREIGN_DOMAIN}`;

/** What Postfix says to a stranger of addresses that nobody has, and of a few that the list has. */
export async function answers(
  config: GatewayConfig,
  postfix: PostfixConfig,
  domains: readonly string[],
): Promise<Pick<PostfixFacts, 'asked' | 'silent'>> {
  const map = openOrNull(path.join(config.map_dir, 'relay_recipients.cdb'));
  if (map === null) return { asked: null, silent: null };
  let silent: string | null = null;
  try {
    const some = domains.slice(0, ASKED).filter((domain) => !map.has(`@${domain}`));
    const rows = (await sampleRows(path.join(config.map_dir, 'relay_recipients'), ASKED)).filter(isPlain);
    const nobody = some.map((domain) => `${NOBODY}@${domain}`);
    const found = await askSmtpd(postfix, [...nobody, ...rows, FOREIGN], (why) => (silent = why));
    if (found === null) return { asked: null, silent };
    const answered = (addresses: readonly string[]) =>
      addresses.flatMap((address) => {
        const answer = found.get(address);
        return answer === undefined ? [] : [{ domain: address.slice(address.lastIndexOf('@') + 1), ...answer }];
      });
    const [foreign = null] = answered([FOREIGN]);
    return { asked: { nobody: answered(nobody), known: answered(rows), foreign }, silent };
  } catch {
    return { asked: null, silent }; // a map that cannot be read is a finding of its own
  } finally {
    map.close();
  }
}

/** An address that is written the same in an SMTP command and that every Postfix takes. */
const isPlain = (row: string): boolean => /^[a-z0-9][a-z0-9._+-]*[a-z0-9]@[a-z0-9.-]+$/.test(row);

export async function postfixFacts(
  config: GatewayConfig,
  here: PostfixHere,
  runs: boolean,
  domains: readonly string[],
  said: Pick<PostfixFacts, 'asked' | 'silent'>,
): Promise<PostfixFound> {
  if (here.is !== 'here') return here;
  const unasked = new Set<string>();
  const note = (table: string) => unasked.add(table);
  const postfix = here.config;
  const coversAll = await allDomains(config, postfix);
  const lists = {} as Record<keyof Lists, ReadonlySet<string>>;
  for (const parameter of [
    'relay_domains',
    'mydestination',
    'virtual_alias_domains',
    'virtual_mailbox_domains',
  ] as const) {
    lists[parameter] = await covered(postfix, parameter, domains, (table) => {
      if (!isOurs(config, 'relay_domains', table)) note(table);
    });
  }
  const strangers = await strangersOf(config, postfix, domains, (table) => {
    if (!coversAll.includes(table)) note(table);
  });
  return {
    is: 'here',
    config: postfix,
    runs,
    lists,
    catchAlls: await catchAlls(config, postfix, domains, note),
    strangers,
    elsewhere: strangers.size === 0 ? new Set() : await elsewhere(config, postfix),
    routes: await routesOf(config, postfix, domains, note),
    coversAll,
    unasked: [...unasked],
    uses: usesOf(config, postfix),
    ...said,
    faults: await faults(config, postfix),
    otherInstances: otherInstances(config, postfix),
  };
}

/**
 * Whatever matches in one of these makes an address known before relay_recipient_maps is asked; relocated_maps has
 * it refused.
 */
const BEFORE_LIST = [
  'virtual_alias_maps',
  'canonical_maps',
  'recipient_canonical_maps',
  'relocated_maps',
  'relay_recipient_maps',
];

/** Parameters whose tables stand between a stranger and the list. */
const DECIDING = [
  ...BEFORE_LIST,
  'transport_maps',
  'virtual_mailbox_maps',
  'local_recipient_maps',
  'relay_domains',
  'mydestination',
];

async function faults(config: GatewayConfig, postfix: PostfixConfig): Promise<TableFault[]> {
  const found: TableFault[] = [];
  for (const parameter of DECIDING) {
    // Local recipients are asked of programs and files that only Postfix's own processes may read.
    for (const table of tablesOf(postfix, parameter)) {
      if (MAPS.some((map) => isOurs(config, map, table) || isMisspelt(config, map, table))) continue;
      if (!postfix.types.has(typeOf(table)) || /^(unix|proxy)$/.test(typeOf(table))) continue;
      if (parameter === 'local_recipient_maps') continue;
      const why = await tableFault(table);
      if (why === null) continue;
      const file = nameOf(table);
      const isThere = (name: string) => lstatOrNull(name) !== null;
      const compiled = ['.db', '.lmdb', '.cdb', ''].some((ending) => isThere(file + ending));
      found.push({ parameter, table, why, source: isThere(file), exists: compiled });
    }
  }
  return found;
}

/** Who decides on the way of mail for the domains of our list. */
async function routesOf(
  config: GatewayConfig,
  postfix: PostfixConfig,
  domains: readonly string[],
  note: (table: string) => void,
): Promise<PostfixFacts['routes']> {
  const before = new Map<string, string>();
  const map = asksNextHops(config) ? openOrNull(path.join(config.map_dir, `${NEXT_HOPS}.cdb`)) : null;
  if (map === null) return { before, missing: [] };
  try {
    for (const table of tablesBefore({ config }, postfix)) {
      const found = await queryTable(table, domains);
      if (found === null) note(table);
      for (const domain of found?.keys() ?? []) if (!before.has(domain)) before.set(domain, table);
    }
    return { before, missing: domains.filter((domain) => !map.has(domain) && !before.has(domain)) };
  } catch {
    return { before, missing: [] }; // a map that cannot be read is a finding of its own
  } finally {
    map.close();
  }
}

/** The tables of relay_domains, beside ours, that match a domain that nobody has. */
async function allDomains(config: GatewayConfig, postfix: PostfixConfig): Promise<string[]> {
  const all: string[] = [];
  for (const table of tablesOf(postfix, 'relay_domains')) {
    if (isOurs(config, 'relay_domains', table)) continue;
    if (((await queryTable(table, [FOREIGN_DOMAIN]))?.size ?? 0) > 0) all.push(table);
  }
  return all;
}

/** Those that postmulti(1) knows beside this one. */
const otherInstances = (config: GatewayConfig, { main }: PostfixConfig): string[] =>
  words(main.get('multi_instance_directories') ?? '').filter((folder) => !instancesOf(config).includes(folder));

/** Domains of relay_domains for which no row of ours can be. */
async function strangersOf(
  config: GatewayConfig,
  postfix: PostfixConfig,
  domains: readonly string[],
  note: (table: string) => void,
): Promise<Map<string, string | null>> {
  const found = await listed(postfix, 'relay_domains', (table) => isOurs(config, 'relay_domains', table));
  for (const table of found.unlistable) note(table);
  const own = new Set(domains);
  // A domain may be named to cover those of the list that are below it.
  const above = new Set(coversSubdomains(postfix) ? domains.flatMap((d) => withParents(d).slice(1)) : []);
  const others = [...found.domains.keys()].filter((d) => !own.has(d) && !(above.has(d) && d.includes('.')));
  const relayed = await ofRelayClass(postfix, others);
  return new Map(relayed.map((domain) => [domain, found.domains.get(domain) ?? null]));
}

/** The domains of other tables' rows. */
async function elsewhere(config: GatewayConfig, postfix: PostfixConfig): Promise<PostfixFacts['elsewhere']> {
  const domains = new Set<string>();
  for (const table of tablesOf(postfix, 'relay_recipient_maps')) {
    if (isOurs(config, 'relay_recipients', table)) continue;
    const why = await listTable(table, (key) => {
      const text = key.toString();
      domains.add(text.slice(text.lastIndexOf('@') + 1).toLowerCase());
    });
    if (why !== null) return null;
  }
  return domains;
}

async function catchAlls(
  config: GatewayConfig,
  postfix: PostfixConfig,
  domains: readonly string[],
  note: (table: string) => void,
): Promise<CatchAll[]> {
  const map = openOrNull(path.join(config.map_dir, 'relay_recipients.cdb'));
  try {
    // Where the list itself takes the whole domain, nothing is lost.
    const asked = domains.filter((domain) => map?.has(`@${domain}`) !== true);
    const found: CatchAll[] = [];
    for (const parameter of BEFORE_LIST) {
      for (const table of tablesOf(postfix, parameter)) {
        if (isOurs(config, 'relay_recipients', table)) continue;
        const rows = await queryTable(
          table,
          asked.map((d) => `@${d}`),
        );
        const probes = await queryTable(
          table,
          asked.map((d) => `${NOBODY}@${d}`),
        );
        if (rows === null || probes === null) {
          note(table);
          continue;
        }
        for (const domain of asked) {
          const byRow = rows.has(`@${domain}`);
          if (byRow || probes.has(`${NOBODY}@${domain}`))
            found.push({ parameter, table, domain, byRow: byRow && !probes.has(`${NOBODY}@${domain}`) });
        }
      }
    }
    return found;
  } finally {
    map?.close();
  }
}

/** A map that is damaged or closed to this user is a finding of its own. */
function openOrNull(file: string): ReturnType<typeof openMap> {
  try {
    return openMap(file);
  } catch {
    return null;
  }
}
