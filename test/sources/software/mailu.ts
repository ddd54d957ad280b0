// Mailu with the tables of its models.py, and the answers of its admin service, which Postfix asks by socketmap.
import { accepted, insert, refused, type Chance, type Kind, type Software } from './software.ts';

interface Rows {
  readonly domains: readonly string[];
  /** Name, and the domain that it is another name of. */
  readonly alternatives: readonly (readonly [string, string])[];
  readonly relays: readonly string[];
  readonly users: readonly User[];
  readonly aliases: readonly Alias[];
}
interface User {
  readonly email: string;
  readonly enabled: boolean;
  readonly forwards: boolean;
  readonly keeps: boolean;
  readonly to: string;
}
interface Alias {
  readonly local: string;
  readonly domain: string;
  readonly wildcard: boolean;
  readonly to: string;
  readonly disabled: boolean;
  readonly owner: string | null;
}

const tables = (kind: Kind, hasOwners: boolean) => {
  const user = kind === 'mysql' ? '`user`' : '"user"';
  return `
  CREATE TABLE domain (name varchar(80) NOT NULL PRIMARY KEY, max_users int NOT NULL DEFAULT -1);
  CREATE TABLE alternative (name varchar(80) NOT NULL PRIMARY KEY, domain_name varchar(80));
  CREATE TABLE relay (name varchar(80) NOT NULL PRIMARY KEY, smtp varchar(80));
  CREATE TABLE ${user} (email varchar(255) NOT NULL PRIMARY KEY, localpart varchar(80) NOT NULL, domain_name varchar(80) NOT NULL,
    enabled boolean NOT NULL DEFAULT TRUE, forward_enabled boolean NOT NULL DEFAULT FALSE, forward_destination varchar(4096),
    forward_keep boolean NOT NULL DEFAULT TRUE);
  CREATE TABLE alias (email varchar(255) NOT NULL PRIMARY KEY, localpart varchar(80) NOT NULL, domain_name varchar(80) NOT NULL,
    wildcard boolean NOT NULL DEFAULT FALSE, destination varchar(4096) NOT NULL
    ${hasOwners ? ', owner_email varchar(255), disabled boolean NOT NULL DEFAULT FALSE' : ''});
`;
};

const split = (address: string) => {
  const at = address.lastIndexOf('@');
  return [address.slice(0, at), address.slice(at + 1)] as const;
};
const user = (email: string, more: Partial<User> = {}): User => ({
  email,
  enabled: true,
  forwards: false,
  keeps: true,
  to: '',
  ...more,
});
const alias = (address: string, more: Partial<Alias> = {}): Alias => {
  const [local, domain] = split(address);
  return { local, domain, wildcard: false, to: 'user@on.example', disabled: false, owner: null, ...more };
};

function rowsFor(chance: Chance, hasOwners: boolean): Rows {
  const named = chance.domains.filter(() => chance.percent(85));
  const second = named.slice(named.length / 2);
  const off = hasOwners ? { disabled: true } : {};
  return {
    domains: ['on.example', 'catch.example', 'pattern.example', 'both.example', ...named],
    alternatives: [
      ['alt.example', 'on.example'],
      ['alt-of-catch.example', 'catch.example'],
      ['alt-of-alt.example', 'alt.example'],
      ['both.example', 'on.example'],
      ...chance.domains.filter(() => chance.percent(15)).map((name) => [name, chance.domain()] as const),
    ],
    relays: ['relay.example', 'on.example', ...chance.domains.filter(() => chance.percent(15))],
    users: [
      user('user@on.example'),
      user('gone@on.example', { enabled: false }),
      user('away@on.example', { forwards: true, keeps: false, to: 'user@elsewhere.example' }),
      user('nowhere@on.example', { forwards: true, keeps: false }),
      user('kept@on.example', { forwards: true }),
      user('user@both.example'),
      user('user@catch.example'),
      user('user@relay.example'),
      ...chance.addresses(30).map((email) =>
        user(email, {
          enabled: chance.percent(85),
          forwards: chance.percent(30),
          keeps: chance.percent(50),
          to: chance.percent(50) ? chance.plainAddress() : '',
        }),
      ),
    ],
    aliases: [
      alias('info@on.example'),
      alias('Capital@on.example'),
      alias('old@on.example', { to: '' }),
      alias('disabled@on.example', off),
      alias('of-gone@on.example', hasOwners ? { owner: 'gone@on.example' } : {}),
      alias('of-user@on.example', hasOwners ? { owner: 'user@on.example' } : {}),
      alias('exact@on.example', { wildcard: true }),
      alias('own@alt.example'),
      alias('own@both.example'),
      alias('%@catch.example', { wildcard: true }),
      alias('sales-%@pattern.example', { wildcard: true }),
      alias('a_b@on.example'),
      alias('nowhere@on.example'),
      ...chance.addresses(30).map((address) =>
        alias(address, {
          to: chance.percent(90) ? chance.plainAddress() : '',
          disabled: hasOwners && chance.percent(10),
          owner: hasOwners && chance.percent(20) ? chance.address() : null,
        }),
      ),
      ...second
        .filter(() => chance.percent(20))
        .map((domain) => alias(`%@${domain}`, { wildcard: true, disabled: hasOwners && chance.percent(15) })),
    ],
  };
}

/** What the admin service answers, after its views/postfix.py and models.py. */
function answers(rows: Rows, delimiter: string) {
  const alternatives = new Map(rows.alternatives);
  const users = new Map(rows.users.map((each) => [each.email, each]));
  const isOpen = ({ disabled, owner }: Alias) => !disabled && (owner === null || users.get(owner)?.enabled === true);
  const byDomain = new Map<string, Alias[]>();
  for (const each of rows.aliases.filter(isOpen))
    byDomain.set(each.domain, [...(byDomain.get(each.domain) ?? []), each]);
  const like = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[^\w%]/g, '\\$&')
        .replaceAll('%', '.*')
        .replaceAll('_', '.')}$`,
      'is',
    );
  const aliasFor = (local: string, domain: string): Alias | undefined => {
    const found = (byDomain.get(domain) ?? []).filter(({ local: own, wildcard }) =>
      wildcard ? like(own).test(local) : own.toLowerCase() === local.toLowerCase(),
    );
    const plain = found.filter(({ wildcard }) => !wildcard);
    return (plain.length > 0 ? plain : found).sort((a, b) => b.local.length - a.local.length)[0];
  };
  const destination = (local: string, domain: string): string => {
    const cut = delimiter === '' ? -1 : local.indexOf(delimiter);
    const bare = cut < 0 ? null : local.slice(0, cut);
    const person =
      users.get(`${local}@${domain}`) ?? (bare === null || bare === '' ? undefined : users.get(`${bare}@${domain}`));
    if (person !== undefined) {
      const own = `${local}@${domain}`;
      if (!person.forwards) return own;
      return [...person.to.split(',').filter((each) => each !== ''), ...(person.keeps ? [own] : [])].join(',');
    }
    const pure = aliasFor(local, domain);
    if (pure !== undefined && !pure.wildcard) return pure.to;
    const stripped = bare === null ? undefined : aliasFor(bare, domain);
    return stripped?.to ?? pure?.to ?? '';
  };
  return (name: string, key: string): string | null => {
    if (name === 'domain') return rows.domains.includes(key) || alternatives.has(key) ? key : null;
    if (name === 'mailbox') return users.has(key) ? key : null;
    const [local, given] = key.includes('@') ? split(key) : [null, key];
    const domain = alternatives.get(given) ?? given;
    if (name === 'transport') return rows.relays.includes(domain) ? 'smtp:[127.0.0.1]' : null;
    if (local === null) return domain;
    if (local.includes('@') || key.startsWith('"')) return null;
    return destination(local, domain) || null;
  };
}

const made = new WeakMap<Chance, Rows>();
const rowsOf = (chance: Chance, hasOwners: boolean): Rows => {
  const rows = made.get(chance) ?? rowsFor(chance, hasOwners);
  made.set(chance, rows);
  return rows;
};

const version = (name: string, kinds: readonly Kind[], hasOwners: boolean): Software => ({
  preset: 'mailu',
  name,
  kinds,
  statements: (kind, chance) => {
    const { domains, alternatives, relays, users, aliases } = rowsOf(chance, hasOwners);
    const quoted = kind === 'mysql' ? '`user`' : '"user"';
    return (
      tables(kind, hasOwners) +
      insert(
        'domain',
        'name',
        domains.map((each) => [each]),
      ) +
      insert('alternative', 'name, domain_name', alternatives) +
      insert(
        'relay',
        'name, smtp',
        relays.map((each) => [each, '']),
      ) +
      insert(
        quoted,
        'email, localpart, domain_name, enabled, forward_enabled, forward_keep, forward_destination',
        users.map(({ email, enabled, forwards, keeps, to }) => [email, ...split(email), enabled, forwards, keeps, to]),
      ) +
      insert(
        'alias',
        `email, localpart, domain_name, wildcard, destination${hasOwners ? ', owner_email, disabled' : ''}`,
        aliases.map(({ local, domain, wildcard, to, owner, disabled }) => [
          `${local}@${domain}`.toLowerCase(),
          local,
          domain,
          wildcard,
          to,
          ...(hasOwners ? [owner, disabled] : []),
        ]),
      )
    );
  },
  lookups: () => ({}),
  socketmap: (chance) => answers(rowsOf(chance, hasOwners), '+'),
  mainCf: (_, { socketmap }) => ({
    mydestination: '',
    virtual_alias_domains: '',
    virtual_alias_maps: socketmap('alias'),
    virtual_mailbox_domains: socketmap('domain'),
    virtual_mailbox_maps: socketmap('mailbox'),
    relay_domains: socketmap('transport'),
    transport_maps: socketmap('transport'),
  }),
  delimiter: '+',
  hasExceptions: true,
  wildcards: ['catch.example', 'alt-of-catch.example', 'pattern.example', 'relay.example'],
  entries: () => [
    accepted('user@on.example', 'a domain that is relayed as well'),
    accepted('gone@on.example', 'enabled = 0, which Postfix does not ask'),
    accepted('away@on.example', 'a user who forwards'),
    accepted('nowhere@on.example', 'a user who forwards to nobody'),
    refused('nowhere@alt.example', 'who forwards to nobody, in an alternative, whatever the alias of this name says'),
    accepted('kept@alt.example', 'who forwards to nobody, but keeps it'),
    accepted('info@on.example', 'an alias'),
    accepted('info@alt.example', 'an alias in an alternative'),
    accepted('capital@on.example', 'an alias with capitals'),
    refused('old@on.example', 'an alias that leads nowhere'),
    (hasOwners ? refused : accepted)('disabled@on.example', 'a disabled alias'),
    (hasOwners ? refused : accepted)('of-gone@on.example', 'an alias of a disabled owner'),
    accepted('of-user@on.example', 'an alias of an owner'),
    accepted('exact@on.example', 'a wildcard alias without a wildcard'),
    accepted('a_b@on.example', 'an alias with a _ that is no wildcard'),
    refused('axb@on.example', 'an alias with a _ that is no wildcard'),
    refused('nobody@on.example'),
    refused('own@alt.example', 'an alias of an alternative is never found'),
    accepted('user@both.example', 'a domain that is an alternative as well'),
    accepted('info@both.example', 'a domain that is an alternative as well'),
    refused('own@both.example', 'an alias of a domain that is an alternative as well'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alt-of-catch.example', 'a catch-all in an alternative'),
    refused('user@alt-of-alt.example', 'an alternative of an alternative'),
    accepted('sales-north@pattern.example', 'a wildcard alias'),
    accepted('anybody@relay.example', 'a relayed domain'),
  ],
  isException: (address) => address.endsWith('@pattern.example'),
});

export const mailu = [
  version('Mailu 1.9 to 2024.06', ['sqlite', 'postgres', 'mysql'], false),
  version('Mailu of 2026, aliases with owners', ['postgres'], true),
];
