// Mailman's core with the tables of its lists and domains, and the maps that it writes for Postfix (texthash here).
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE mailinglist (id integer PRIMARY KEY, list_name varchar(255), mail_host varchar(255), list_id varchar(255),
    allow_list_posts boolean, advertised boolean, emergency boolean);
  CREATE TABLE domain (id integer PRIMARY KEY, mail_host varchar(255), description varchar(255), alias_domain varchar(255));
`;

interface Rows {
  /** Name, domain, whether posts are allowed. */
  readonly lists: readonly (readonly [string, string, boolean])[];
  /** Domain, and the one that Postfix relays in its place. */
  readonly domains: readonly (readonly [string, string | null])[];
}

const made = new WeakMap<Chance, Rows>();
function rowsOf(chance: Chance): Rows {
  const known = made.get(chance);
  if (known !== undefined) return known;
  const hosts = chance.domains.filter(() => chance.percent(80));
  const plain = chance.locals.filter((local) => /^[a-z0-9._-]+$/.test(local));
  const rows: Rows = {
    lists: [
      ['talk', 'lists.example', true],
      ['announce', 'lists.example', false],
      ['talk', 'aliased.example', true],
      ['alone', 'no-domain.example', true],
      ...hosts.flatMap((host) =>
        plain.filter(() => chance.percent(20)).map((name) => [name, host, chance.percent(80)] as const),
      ),
    ],
    domains: [
      ['lists.example', null],
      ['aliased.example', 'x-aliased.example'],
      ['empty.example', null],
      ...hosts.map((host) => [host, chance.percent(30) ? `x-${host}` : null] as const),
    ],
  };
  made.set(chance, rows);
  return rows;
}

const SUFFIXES = ['', '-bounces', '-confirm', '-join', '-leave', '-owner', '-request', '-subscribe', '-unsubscribe'];

/** The three maps, after its mta/postfix.py. */
function maps({ lists, domains }: Rows): Record<string, string> {
  const aliases = new Map(domains);
  const relayed = (host: string) => aliases.get(host) ?? host;
  const all = lists.flatMap(([name, host]) => SUFFIXES.map((suffix) => [`${name}${suffix}`, host] as const));
  return {
    lmtp: all.map(([local, host]) => `${local}@${relayed(host)} lmtp:[127.0.0.1]:8024\n`).join(''),
    domains: [...new Set(lists.map(([, host]) => `${relayed(host)} ${host}\n`))].join(''),
    vmap: all
      .filter(([, host]) => relayed(host) !== host)
      .map(([local, host]) => `${local}@${host} ${local}@${relayed(host)}\n`)
      .join(''),
    // The list's own domain is Postfix's by other means, where an alias_domain is in use.
    own: domains.flatMap(([host, alias]) => (alias === null ? [] : [`${host} x\n`])).join(''),
  };
}

export const mailman3: Software = {
  preset: 'mailman3',
  name: 'Mailman 3.0 to 3.3',
  kinds: ['sqlite', 'postgres', 'mysql'],
  statements: (_, chance) => {
    const { lists, domains } = rowsOf(chance);
    return (
      tables +
      insert(
        'mailinglist',
        'id, list_name, mail_host, list_id, allow_list_posts, emergency',
        lists.map(([name, host, posts], i) => [i + 1, name, host, `${name}.${host}`, posts, !posts]),
      ) +
      insert(
        'domain',
        'id, mail_host, alias_domain',
        domains.map(([host, alias], i) => [i + 1, host, alias]),
      )
    );
  },
  files: (chance) => maps(rowsOf(chance)),
  lookups: () => ({}),
  mainCf: () => ({
    relay_domains: 'texthash:{dir}/domains',
    relay_recipient_maps: 'texthash:{dir}/lmtp',
    virtual_alias_maps: 'texthash:{dir}/vmap',
    virtual_alias_domains: 'texthash:{dir}/own',
  }),
  delimiter: '+',
  wildcards: [],
  entries: () => [
    ...SUFFIXES.map((suffix) => accepted(`talk${suffix}@lists.example`)),
    accepted('announce@lists.example', 'a list that takes no posts'),
    accepted('talk-bounces+user=other.example@lists.example', 'a bounce that says whose'),
    refused('nobody@lists.example'),
    refused('talk-admin@lists.example', 'an address of Mailman 2'),
    accepted('alone-owner@no-domain.example', 'a list without a row of its domain'),
    refused('talk@empty.example', 'a domain without a list'),
    accepted('talk-join@aliased.example', 'a domain that is rewritten to another'),
    accepted('talk-join@x-aliased.example', 'the other'),
    refused('nobody@aliased.example'),
  ],
};
