// PostfixAdmin after its upgrade.php, and the lookups of its DOCUMENTS/POSTFIX_CONF.txt.
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE domain (domain varchar(255) PRIMARY KEY, description varchar(255) NOT NULL DEFAULT '', transport varchar(255),
    backupmx boolean NOT NULL DEFAULT FALSE, active boolean NOT NULL DEFAULT TRUE);
  CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text NOT NULL, domain varchar(255) NOT NULL,
    active boolean NOT NULL DEFAULT TRUE);
  CREATE TABLE alias_domain (alias_domain varchar(255) PRIMARY KEY, target_domain varchar(255) NOT NULL,
    active boolean NOT NULL DEFAULT TRUE);
  CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255) NOT NULL DEFAULT '', maildir varchar(255) NOT NULL,
    local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL, active boolean NOT NULL DEFAULT TRUE);
  CREATE TABLE domain_admins (username varchar(255) NOT NULL, domain varchar(255) NOT NULL, active boolean NOT NULL DEFAULT TRUE);
`;

const split = (address: string) => address.split('@') as [string, string];
const boxes: [string, boolean][] = [
  ['user@on.example', true],
  ['gone@on.example', false],
  ['half@on.example', false],
  ['box-only@on.example', true],
  ["o'brien@on.example", true],
  ['Capital@on.example', true],
  ['user@off.example', true],
  ['user@backup.example', true],
  ['user@relayed.example', true],
  ['user@catch.example', true],
  ['user@orphan.example', true],
];
const aliases: [string, string, boolean][] = [
  ['user@on.example', 'user@on.example', true],
  ['gone@on.example', 'gone@on.example', false],
  ['half@on.example', 'half@on.example', true],
  ["o'brien@on.example", "o'brien@on.example", true],
  ['info@on.example', 'user@on.example,other@elsewhere.example', true],
  ['old@on.example', 'user@on.example', false],
  ['nowhere@on.example', '', true],
  ['info@off.example', 'user@on.example', true],
  ['info@backup.example', 'user@on.example', true],
  ['own@alias.example', 'user@on.example', true],
  ['@catch.example', 'user@catch.example', true],
  ['@no-more-catch.example', 'user@on.example', false],
  ['info@no-more-catch.example', 'user@on.example', true],
];
const domains: [string, string, boolean, boolean][] = [
  ['ALL', '', false, true],
  ['on.example', 'virtual', false, true],
  ['off.example', 'virtual', false, false],
  ['backup.example', 'virtual', true, true],
  ['relayed.example', 'smtp:[192.0.2.1]', false, true],
  ['catch.example', 'virtual', false, true],
  ['no-more-catch.example', 'virtual', false, true],
  ['alias.example', 'virtual', false, true],
  ['alias-off.example', 'virtual', false, true],
  ['alias-dead.example', 'virtual', false, false],
  ['alias-of-off.example', 'virtual', false, true],
  ['alias-of-catch.example', 'virtual', false, true],
  ['alias-of-alias.example', 'virtual', false, true],
];
const aliasDomains: [string, string, boolean][] = [
  ['alias.example', 'on.example', true],
  ['alias-off.example', 'on.example', false],
  ['alias-dead.example', 'on.example', true],
  ['alias-of-off.example', 'off.example', true],
  ['alias-of-catch.example', 'catch.example', true],
  ['alias-of-alias.example', 'alias.example', true],
];

const byChance = (chance: Chance): string => {
  const half = chance.domains.slice(chance.domains.length / 2);
  const catchAlls = half.filter(() => chance.percent(20)).map((domain) => `@${domain}`);
  return (
    insert(
      'domain',
      'domain, transport, backupmx, active',
      chance.domains.map((domain) => [domain, 'virtual', chance.percent(5), chance.percent(85)]),
    ) +
    insert(
      'mailbox',
      'username, maildir, local_part, domain, active',
      chance
        .addresses(40)
        .map((address) => [address, 'x/', address.split('@')[0] ?? '', split(address)[1], chance.percent(85)]),
    ) +
    insert(
      'alias',
      'address, goto, domain, active',
      [...chance.addresses(40), ...catchAlls].map((address) => [
        address,
        chance.percent(95) ? chance.address() : '',
        split(address)[1],
        chance.percent(85),
      ]),
    ) +
    insert(
      'alias_domain',
      'alias_domain, target_domain, active',
      half.filter(() => chance.percent(60)).map((domain) => [domain, chance.domain(), chance.percent(85)]),
    )
  );
};

export const postfixadmin: Software = {
  preset: 'postfixadmin',
  name: 'PostfixAdmin 3.2 to 4.0.5',
  kinds: ['postgres', 'mysql', 'sqlite'],
  statements: (_, chance) =>
    tables +
    insert('domain', 'domain, transport, backupmx, active', domains) +
    insert(
      'mailbox',
      'username, maildir, local_part, domain, active',
      boxes.map(([address, active]) => [address, `${address}/`, ...split(address), active]),
    ) +
    insert(
      'alias',
      'address, goto, domain, active',
      aliases.map(([address, goto, active]) => [address, goto, split(address)[1], active]),
    ) +
    insert('alias_domain', 'alias_domain, target_domain, active', aliasDomains) +
    insert('domain_admins', 'username, domain, active', [['root@on.example', 'ALL', true]]) +
    byChance(chance),
  lookups: (kind) => {
    const on = { mysql: "'1'", sqlite: '1', postgres: "'t'" }[kind];
    const in_ = (local: string) =>
      kind === 'mysql'
        ? `CONCAT('${local}@', alias_domain.target_domain)`
        : `'${local}@' || alias_domain.target_domain`;
    const joined = `alias_domain.alias_domain = '%d' AND alias_domain.active = ${on}`;
    const isRelayed = `(backupmx = ${on} OR transport LIKE 'smtp%%' OR transport LIKE 'relay%%')`;
    return {
      // Both at once: the ones for a backup MX, and those for a transport map.
      domains: `SELECT domain FROM domain WHERE domain = '%s' AND active = ${on} AND NOT ${isRelayed}`,
      relayDomains: `SELECT domain FROM domain WHERE domain = '%s' AND active = ${on} AND ${isRelayed}`,
      alias: `SELECT goto FROM alias WHERE address = '%s' AND active = ${on}`,
      aliasDomain: `SELECT goto FROM alias, alias_domain WHERE ${joined} AND alias.address = ${in_('%u')} AND alias.active = ${on}`,
      aliasDomainCatchAll: `SELECT goto FROM alias, alias_domain WHERE ${joined} AND alias.address = ${in_('')} AND alias.active = ${on}`,
      mailbox: `SELECT maildir FROM mailbox WHERE username = '%s' AND active = ${on}`,
      aliasDomainMailbox: `SELECT maildir FROM mailbox, alias_domain WHERE ${joined} AND mailbox.username = ${in_('%u')} AND mailbox.active = ${on}`,
    };
  },
  mainCf: (map) => ({
    relay_domains: map('relayDomains'),
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('alias', 'aliasDomain', 'aliasDomainCatchAll'),
    virtual_mailbox_maps: map('mailbox', 'aliasDomainMailbox'),
  }),
  wildcards: ['catch.example', 'alias-of-catch.example', 'backup.example', 'relayed.example'],
  entries: (kind) => [
    accepted('user@on.example'),
    accepted('info@on.example'),
    accepted("o'brien@on.example", 'an apostrophe'),
    accepted('box-only@on.example', 'a mailbox without an alias row'),
    accepted('half@on.example', 'the mailbox is inactive, its alias row is not'),
    refused('gone@on.example', 'inactive'),
    refused('old@on.example', 'an inactive alias'),
    refused('nowhere@on.example', 'an alias that leads nowhere'),
    kind === 'mysql'
      ? accepted('capital@on.example', 'capitals in the table, where = does not tell them apart')
      : refused('capital@on.example', 'capitals in the table, where = tells them apart'),
    refused('nobody@on.example'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    accepted('user@backup.example', 'a backup MX domain'),
    accepted('info@backup.example', 'a backup MX domain'),
    accepted('nobody@backup.example', 'a backup MX domain takes everybody'),
    accepted('nobody@relayed.example', 'a domain with a transport takes everybody'),
    accepted('user@relayed.example', 'a domain with a transport'),
    refused('user@orphan.example', 'a mailbox without a domain'),
    accepted('user@alias.example', 'an alias domain'),
    accepted('info@alias.example', "an alias of an alias domain's target"),
    accepted('box-only@alias.example', "a mailbox of an alias domain's target, without alias"),
    accepted('half@alias.example', "an alias of an alias domain's target"),
    accepted('own@alias.example', 'an alias domain with an alias of its own'),
    refused('own@on.example', 'an alias of the alias domain alone'),
    refused('gone@alias.example', 'inactive in the target'),
    refused('old@alias.example', 'inactive in the target'),
    refused('user@alias-off.example', 'the alias domain is inactive'),
    refused('user@alias-dead.example', "the alias domain's own domain is inactive"),
    accepted('user@alias-of-off.example', 'only the target domain is inactive, which no lookup asks'),
    accepted('user@catch.example', 'a mailbox beside a catch-all'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias-of-catch.example', 'the catch-all of a target'),
    refused('anybody@no-more-catch.example', 'an inactive catch-all'),
    accepted('info@no-more-catch.example'),
    accepted('own@alias-of-alias.example', 'an alias domain of an alias domain'),
    refused('user@alias-of-alias.example', 'an alias domain is expanded once'),
    refused('root@on.example', 'an administrator'),
  ],
};
