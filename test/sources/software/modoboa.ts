// Modoboa after its Django models, and what its Postfix asks: the look-ups of its postfix_maps.py, and Dovecot with
// the userdb query of modoboa-installer, by reject_unverified_recipient.
import { accepted, insert, refused, type Chance, type Kind, type Software } from './software.ts';

const tables = (time: string) => `
  CREATE TABLE admin_domain (id int PRIMARY KEY, name varchar(100) NOT NULL UNIQUE, enabled boolean NOT NULL, type varchar(20) NOT NULL);
  CREATE TABLE admin_domainalias (id int PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, target_id int NOT NULL, enabled boolean NOT NULL);
  CREATE TABLE core_user (id int PRIMARY KEY, username varchar(254) NOT NULL, is_active boolean NOT NULL);
  CREATE TABLE admin_mailbox (id int PRIMARY KEY, address varchar(252) NOT NULL, domain_id int NOT NULL, user_id int NOT NULL,
    is_send_only boolean NOT NULL);
  CREATE TABLE admin_alias (id int PRIMARY KEY, address varchar(254) NOT NULL, domain_id int, enabled boolean NOT NULL,
    internal boolean NOT NULL, expire_at ${time} NULL, UNIQUE (address, internal));
  CREATE TABLE modoboa_admin_aliasrecipient (id int PRIMARY KEY, address varchar(254) NOT NULL, alias_id int NOT NULL, r_mailbox_id int,
    r_alias_id int);
  CREATE INDEX recipients_of_alias ON modoboa_admin_aliasrecipient (alias_id);
`;
const domains: [string, boolean, string][] = [
  ['on.example', true, 'domain'],
  ['off.example', false, 'domain'],
  ['catch.example', true, 'domain'],
  ['relay.example', true, 'relaydomain'],
  ['relay-and-alias.example', true, 'relaydomain'],
];
const aliasDomains: [string, number, boolean][] = [
  ['alias.example', 1, true],
  ['alias-off.example', 1, false],
  ['alias-of-off.example', 2, true],
  ['alias-of-catch.example', 3, true],
  ['alias-of-relay.example', 4, true],
  ['relay-and-alias.example', 1, true],
];
/** Address, account enabled, send-only. */
const boxes: [string, boolean, boolean][] = [
  ['user@on.example', true, false],
  ['gone@on.example', false, false],
  ['mute@on.example', true, true],
  ['user@off.example', true, false],
  ['user@catch.example', true, false],
  ['split@relay.example', true, false],
  ['mute@relay.example', true, true],
  ['Capital@on.example', true, false],
  ['inner-mute@on.example', true, true],
  ["o'brien@on.example", true, false],
  ['redirected@on.example', false, false],
];
interface Alias {
  readonly address: string;
  readonly to: readonly string[];
  readonly enabled?: boolean;
  readonly internal?: boolean;
  readonly expires?: string;
}
const aliases: Alias[] = [
  { address: 'info@on.example', to: ['user@on.example', 'other@elsewhere.example'] },
  { address: 'old@on.example', to: ['user@on.example'], enabled: false },
  { address: 'for-now@on.example', to: ['user@on.example'], expires: '2099-01-01 00:00:00' },
  { address: 'expired@on.example', to: ['user@on.example'], expires: '2020-01-01 00:00:00' },
  { address: 'empty@on.example', to: [] },
  { address: 'to-mute@on.example', to: ['mute@on.example'] },
  { address: 'to-both@on.example', to: ['mute@on.example', 'user@on.example'] },
  { address: '@catch.example', to: ['user@catch.example'] },
  { address: 'info@relay.example', to: ['split@relay.example'] },
  { address: 'info@off.example', to: ['user@on.example'] },
  { address: 'to-two-nobodies@on.example', to: ['nobody@on.example', 'mute@on.example'] },
  { address: 'to-old@on.example', to: ['old@on.example'] },
  { address: 'to-mute-alias@on.example', to: ['to-mute@on.example'] },
  { address: 'to-info@on.example', to: ['info@on.example'] },
  { address: 'to-gone@on.example', to: ['gone@on.example'] },
  { address: 'to-nobody@on.example', to: ['nobody@on.example'] },
  { address: 'to-elsewhere@on.example', to: ['other@elsewhere.example'] },
  { address: 'to-alias-domain@on.example', to: ['user@alias.example'] },
  { address: 'to-catch-all@on.example', to: ['whoever@catch.example'] },
  { address: 'to-folder@on.example', to: ['user+folder@on.example'] },
  { address: 'to-relayed@on.example', to: ['someone@relay.example'] },
  { address: 'circle-a@on.example', to: ['circle-b@on.example'] },
  { address: 'circle-b@on.example', to: ['circle-a@on.example'] },
  { address: 'own@alias.example', to: ['user@on.example'] },
  { address: 'redirected@on.example', to: ['nobody@on.example'] },
  { address: 'to-mute-relayed@on.example', to: ['mute@relay.example'] },
  { address: 'two..dots@on.example', to: ['user@on.example'] },
];
/**
 * Mailboxes and aliases by chance; the domains are as many again, with numbers above those that somebody thought
 * of.
 */
function byChance(chance: Chance): readonly [typeof domains, typeof aliasDomains, typeof boxes, Alias[]] {
  const names = chance.domains.map((domain): [string, boolean, string] => [
    domain,
    chance.percent(85),
    chance.percent(8) ? 'relaydomain' : 'domain',
  ]);
  const moving = Array.from({ length: Math.ceil(names.length / 5) }, (_, i): [string, number, boolean] => [
    `a${i}.example`,
    domains.length + 1 + chance.random.number(names.length),
    chance.percent(85),
  ]);
  const people = chance
    .addresses(40)
    .map((address): [string, boolean, boolean] => [address, chance.percent(85), chance.percent(10)]);
  const others = [
    ...chance.addresses(30),
    ...names.filter(() => chance.percent(5)).map(([domain]) => `@${domain}`),
  ].map((address): Alias => ({
    address,
    to: Array.from({ length: chance.random.pick([0, 1, 1, 1, 2]) }, () => chance.plainAddress()),
    enabled: chance.percent(85),
  }));
  return [names, moving, people, others];
}

/** With the alias to itself that Modoboa makes for each mailbox, and the one that it makes for each alias domain. */
const withInternal = (
  names: typeof domains,
  moving: typeof aliasDomains,
  people: typeof boxes,
  others: readonly Alias[],
): Alias[] => [
  ...people.map(([address, enabled]) => ({ address, to: [address], enabled, internal: true })),
  ...moving.map(([name, target]) => ({
    address: `@${name}`,
    to: [`@${names[target - 1]?.[0] ?? ''}`],
    internal: true,
  })),
  ...others,
];

const tablesOf = (kind: Kind): string =>
  tables({ mysql: 'datetime(6)', postgres: 'timestamp with time zone', sqlite: 'datetime' }[kind]);

export const modoboa: Software = {
  preset: 'modoboa',
  name: 'Modoboa 2.2 to 2.9',
  kinds: ['postgres', 'mysql'],
  statements: (kind, chance) => {
    const [moreDomains, moreAliasDomains, moreBoxes, moreAliases] = byChance(chance);
    const allDomains = [...domains, ...moreDomains];
    const allAliasDomains = [...aliasDomains, ...moreAliasDomains];
    const allBoxes = [...boxes, ...moreBoxes];
    const allAliases = withInternal(allDomains, allAliasDomains, allBoxes, [...aliases, ...moreAliases]);
    const domainIds = new Map(allDomains.map(([name], i) => [name, i + 1]));
    const boxIds = new Map(allBoxes.map(([address], i) => [address, i + 1]));
    const domainId = (address: string) => domainIds.get(address.split('@')[1] ?? '') ?? null;
    return (
      tablesOf(kind) +
      insert(
        'admin_domain',
        'id, name, enabled, type',
        allDomains.map((row, i) => [i + 1, ...row]),
      ) +
      insert(
        'admin_domainalias',
        'id, name, target_id, enabled',
        allAliasDomains.map((row, i) => [i + 1, ...row]),
      ) +
      insert(
        'core_user',
        'id, username, is_active',
        allBoxes.map(([address, enabled], i) => [i + 1, address, enabled]),
      ) +
      insert(
        'admin_mailbox',
        'id, address, domain_id, user_id, is_send_only',
        allBoxes.map(([address, , mute], i) => [i + 1, address.split('@')[0] ?? '', domainId(address), i + 1, mute]),
      ) +
      insert(
        'admin_alias',
        'id, address, domain_id, enabled, internal, expire_at',
        allAliases.map(({ address, enabled = true, internal = false, expires = null }, i) => [
          i + 1,
          address,
          domainId(address),
          enabled,
          internal,
          expires,
        ]),
      ) +
      insert(
        'modoboa_admin_aliasrecipient',
        'id, address, alias_id, r_mailbox_id',
        allAliases
          .flatMap(({ to }, i) => to.map((address) => [address, i + 1, boxIds.get(address) ?? null] as const))
          .map((row, i) => [i + 1, ...row]),
      )
    );
  },
  lookups: (kind) => {
    const on = (column: string) => (kind === 'mysql' ? `${column}=1` : column);
    return {
      splitDomains: `SELECT '{dovecot}' FROM admin_domain AS dom INNER JOIN admin_mailbox AS mbox ON dom.id=mbox.domain_id
        INNER JOIN core_user AS u ON mbox.user_id=u.id WHERE dom.type='relaydomain' AND ${on('dom.enabled')} AND dom.name='%d'
        AND ${on('u.is_active')} AND mbox.address='%u'`,
      domains: `SELECT name FROM admin_domain WHERE name='%s' AND type='domain' AND ${on('enabled')}`,
      relayDomains: `SELECT name FROM admin_domain WHERE name='%s' AND type='relaydomain' AND ${on('enabled')}`,
      domainAliases: `SELECT dom.name FROM admin_domain dom INNER JOIN admin_domainalias domal ON dom.id=domal.target_id
        WHERE domal.name='%s' AND ${on('domal.enabled')} AND ${on('dom.enabled')}`,
      aliases: `SELECT alr.address FROM modoboa_admin_aliasrecipient AS alr INNER JOIN admin_alias AS al ON alr.alias_id=al.id
        WHERE ${on('al.enabled')} AND al.address='%s' AND (al.expire_at IS NULL OR al.expire_at>now())`,
    };
  },
  mainCf: (map, { dovecot, elsewhere }) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_domains: map('domainAliases'),
    virtual_alias_maps: map('aliases'),
    virtual_transport: dovecot,
    relay_domains: map('relayDomains'),
    transport_maps: map('splitDomains'),
    // The host behind a relayed domain, and everybody else's, takes all mail: what it would say is not ours to know.
    relay_transport: elsewhere,
    default_transport: elsewhere,
    parent_domain_matches_subdomains: '',
    unverified_recipient_reject_code: '550',
    smtpd_recipient_restrictions: 'reject_unverified_recipient, reject_unauth_destination',
  }),
  userdb: (kind) =>
    `SELECT '/nowhere' AS home, 65534 AS uid, 65534 AS gid FROM admin_mailbox mb INNER JOIN admin_domain dom ON mb.domain_id=dom.id
    INNER JOIN core_user u ON u.id=mb.user_id WHERE (${kind === 'mysql' ? 'mb.is_send_only=0' : 'mb.is_send_only IS NOT TRUE'}
    OR '%s' NOT IN ('imap', 'pop3', 'lmtp')) AND mb.address='%n' AND dom.name='%d'`,
  delimiter: '+',
  hasExceptions: true,
  wildcards: ['catch.example', 'alias-of-catch.example', 'relay.example', 'alias-of-relay.example'],
  entries: (kind) => [
    accepted('user@on.example'),
    accepted('info@on.example'),
    accepted('for-now@on.example', 'an alias that has yet to expire'),
    refused('expired@on.example', 'an alias that has expired'),
    refused('old@on.example', 'a disabled alias'),
    refused('empty@on.example', 'an alias without a recipient'),
    accepted('gone@on.example', 'a disabled account, which Dovecot still knows'),
    refused('mute@on.example', 'send-only: Dovecot refuses it'),
    refused('to-mute@on.example', 'an alias of a send-only mailbox: Dovecot refuses it'),
    refused('to-mute-relayed@on.example', 'an alias of a send-only mailbox in a relayed domain: Dovecot refuses it'),
    refused('two..dots@on.example', 'an alias that needs quotes'),
    accepted('to-both@on.example', 'an alias of a send-only mailbox and of one that receives'),
    accepted('to-two-nobodies@on.example', 'an alias of several recipients: Postfix asks for none of them'),
    refused('to-old@on.example', 'an alias of a disabled alias'),
    refused('to-mute-alias@on.example', 'an alias of an alias of a send-only mailbox'),
    accepted('to-info@on.example', 'an alias of an alias'),
    accepted('to-gone@on.example', 'an alias of a disabled account, which Dovecot still knows'),
    refused('to-nobody@on.example', 'an alias of nobody'),
    accepted('to-elsewhere@on.example', 'an alias that leads elsewhere'),
    accepted('to-alias-domain@on.example', 'an alias of an address in an alias domain'),
    accepted('to-catch-all@on.example', 'an alias of an address that only a catch-all takes'),
    accepted('to-folder@on.example', 'an alias of an address with an extension'),
    accepted('to-relayed@on.example', 'an alias of an address in a relayed domain'),
    refused('circle-a@on.example', 'two aliases of each other'),
    refused("o'brien@on.example", 'a character that Dovecot does not take'),
    refused('redirected@on.example', 'a disabled account whose address is an alias of nobody'),
    kind === 'mysql'
      ? accepted('capital@on.example', 'capitals in the table, where = does not tell them apart')
      : refused('capital@on.example', 'capitals in the table, where = tells them apart'),
    refused('nobody@on.example'),
    refused('user@off.example', 'the domain is disabled'),
    refused('info@off.example', 'the domain is disabled'),
    accepted('user@alias.example', 'an alias domain'),
    accepted('info@alias.example', "an alias of an alias domain's target"),
    accepted('own@alias.example', 'an alias in an alias domain'),
    refused('nobody@alias.example', 'the internal @aliasdomain is no catch-all'),
    refused('old@alias.example', 'disabled in the target'),
    refused('mute@alias.example', 'send-only in the target'),
    refused('user@alias-off.example', 'the alias domain is disabled'),
    refused('user@alias-of-off.example', 'the target domain is disabled'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias-of-catch.example', 'the catch-all of a target'),
    accepted('split@relay.example', 'a mailbox of a relayed domain'),
    accepted('info@relay.example', 'an alias of a relayed domain'),
    accepted('nobody@relay.example', 'a relayed domain takes what the host behind it takes'),
    accepted('user@relay-and-alias.example', 'an alias domain that is relayed as well'),
    refused('nobody@relay-and-alias.example', 'an alias domain that is relayed as well'),
    accepted('nobody@alias-of-relay.example', 'an alias domain of a relayed domain'),
  ],
};
