// iRedMail with an SQL backend after its samples/iredmail, and the lookups of its samples/postfix.
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY, transport varchar(255) NOT NULL DEFAULT 'dovecot',
    backupmx smallint NOT NULL DEFAULT 0, expired timestamp NOT NULL DEFAULT '2037-12-31 00:00:00', active smallint NOT NULL DEFAULT 1);
  CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL PRIMARY KEY, target_domain varchar(255) NOT NULL,
    active smallint NOT NULL DEFAULT 1);
  CREATE TABLE alias (address varchar(255) NOT NULL PRIMARY KEY, domain varchar(255) NOT NULL, active smallint NOT NULL DEFAULT 1);
  CREATE TABLE maillists (address varchar(255) NOT NULL PRIMARY KEY, domain varchar(255) NOT NULL, active smallint NOT NULL DEFAULT 1);
  CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, storagenode varchar(255) NOT NULL DEFAULT 'vmail1',
    maildir varchar(255) NOT NULL, domain varchar(255) NOT NULL, enabledeliver smallint NOT NULL DEFAULT 1,
    expired timestamp NOT NULL DEFAULT '2037-12-31 00:00:00', active smallint NOT NULL DEFAULT 1);
  CREATE TABLE forwardings (address varchar(255) NOT NULL, forwarding varchar(255) NOT NULL, domain varchar(255) NOT NULL,
    dest_domain varchar(255) NOT NULL DEFAULT '', is_maillist smallint NOT NULL DEFAULT 0, is_list smallint NOT NULL DEFAULT 0,
    is_forwarding smallint NOT NULL DEFAULT 0, is_alias smallint NOT NULL DEFAULT 0, active smallint NOT NULL DEFAULT 1);
`;
const domainOf = (address: string) => address.slice(address.indexOf('@') + 1);
/** is_maillist, is_list, is_forwarding, is_alias */
const flags = { list: [1, 0, 0, 0], alias: [0, 1, 0, 0], box: [0, 0, 1, 0], peruser: [0, 0, 0, 1], none: [0, 0, 0, 0] };
const row = (address: string, kind: keyof typeof flags, active = 1, to = address, domain = domainOf(address)) =>
  [address, to, domain, ...flags[kind], active] as const;
const box = (username: string, active = 1, deliver = 1, expired = '2037-12-31 00:00:00') =>
  [username, username, domainOf(username), deliver, expired, active] as const;
const past = '2020-01-01 00:00:00';

const byChance = (chance: Chance): string =>
  insert(
    'domain',
    'domain, backupmx, active',
    chance.domains.filter(() => chance.percent(90)).map((domain) => [domain, chance.bit(5), chance.bit(85)]),
  ) +
  insert(
    'alias_domain',
    'alias_domain, target_domain, active',
    chance.domains.filter(() => chance.percent(30)).map((domain) => [domain, chance.domain(), chance.bit(85)]),
  ) +
  insert(
    'mailbox',
    'username, maildir, domain, enabledeliver, active',
    chance.addresses(40).map((address) => [address, 'x/', domainOf(address), chance.bit(85), chance.bit(85)]),
  ) +
  insert(
    'forwardings',
    'address, forwarding, domain, is_forwarding, active',
    [...chance.addresses(40), ...chance.domains.filter(() => chance.percent(10))].map((address) => [
      address,
      chance.percent(95) ? chance.address() : '',
      chance.percent(95) ? domainOf(address) : chance.domain(),
      chance.bit(50),
      chance.bit(85),
    ]),
  );

export const iredmail: Software = {
  preset: 'iredmail',
  name: 'iRedMail 1.x',
  kinds: ['postgres', 'mysql'],
  statements: (_, chance) =>
    tables +
    insert('domain', 'domain, backupmx, expired, active', [
      ['on.example', 0, '2037-12-31 00:00:00', 1],
      ['off.example', 0, '2037-12-31 00:00:00', 0],
      ['past.example', 0, past, 1],
      ['backup.example', 1, '2037-12-31 00:00:00', 1],
      ['catch.example', 0, '2037-12-31 00:00:00', 1],
      ['catch-off.example', 0, '2037-12-31 00:00:00', 1],
      ['own-row.example', 0, '2037-12-31 00:00:00', 1],
      ['backup-off.example', 1, '2037-12-31 00:00:00', 0],
      ['backup-and-alias.example', 1, '2037-12-31 00:00:00', 1],
    ]) +
    insert('alias_domain', 'alias_domain, target_domain, active', [
      ['alias.example', 'on.example', 1],
      ['alias-off.example', 'on.example', 0],
      ['alias-of-off.example', 'off.example', 1],
      ['alias-of-backup.example', 'backup.example', 1],
      ['alias-of-catch.example', 'catch.example', 1],
      ['own-row.example', 'off.example', 1],
      ['backup-and-alias.example', 'on.example', 1],
    ]) +
    insert('mailbox', 'username, maildir, domain, enabledeliver, expired, active', [
      box('user@on.example'),
      box('gone@on.example', 0),
      box('half@on.example', 0),
      box('no-delivery@on.example', 1, 0),
      box('past@on.example', 1, 1, past),
      box('box-only@on.example'),
      box('user@off.example'),
      box('user@past.example'),
      box('user@backup.example'),
      box('Capital@on.example'),
    ]) +
    insert('forwardings', 'address, forwarding, domain, is_maillist, is_list, is_forwarding, is_alias, active', [
      row('user@on.example', 'box'),
      row('gone@on.example', 'box', 0),
      row('half@on.example', 'box'),
      row('past@on.example', 'box'),
      row('user@off.example', 'box'),
      row('user@past.example', 'box'),
      row('user@backup.example', 'box'),
      row('info@on.example', 'alias', 1, 'user@on.example'),
      row('info@on.example', 'alias', 0, 'gone@on.example'),
      row('old@on.example', 'alias', 0, 'user@on.example'),
      row('nick@on.example', 'peruser', 1, 'user@on.example'),
      row('list@on.example', 'list'),
      row('plain@on.example', 'none', 1, 'user@on.example'),
      row('nowhere@on.example', 'alias', 1, ''),
      row('wrong-domain@on.example', 'alias', 1, 'user@on.example', 'off.example'),
      row('nick@alias.example', 'peruser', 1, 'user@on.example', 'on.example'),
      row('catch.example', 'alias', 1, 'user@on.example'),
      row('user@catch.example', 'box'),
      row('catch-off.example', 'alias', 0, 'user@on.example'),
      row('off.example', 'alias', 1, 'user@on.example'),
    ]) +
    insert('alias', 'address, domain, active', [
      ['info@on.example', 'on.example', 1],
      ['no-member@on.example', 'on.example', 1],
    ]) +
    insert('maillists', 'address, domain, active', [['list@on.example', 'on.example', 1]]) +
    byChance(chance),
  lookups: (kind) => {
    const local =
      kind === 'mysql'
        ? "CONCAT('%u', '@', alias_domain.target_domain)"
        : "('%u' || '@' || alias_domain.target_domain)";
    const path =
      kind === 'mysql'
        ? "CONCAT(mailbox.storagenode, '/', mailbox.maildir, '/Maildir/')"
        : "(mailbox.storagenode || '/' || mailbox.maildir || '/Maildir/')";
    return {
      relayDomains: "SELECT domain FROM domain WHERE domain='%s' AND backupmx=1 AND active=1",
      domains: `(SELECT domain FROM domain WHERE domain='%s' AND backupmx=0 AND active=1 LIMIT 1) UNION
        (SELECT alias_domain.alias_domain FROM alias_domain, domain WHERE alias_domain.alias_domain='%s' AND alias_domain.active=1
        AND alias_domain.target_domain=domain.domain AND domain.active=1 AND domain.backupmx=0 LIMIT 1)`,
      alias: `SELECT forwardings.forwarding FROM forwardings, domain WHERE forwardings.address='%s' AND forwardings.domain=domain.domain
        AND forwardings.active=1 AND domain.backupmx=0 AND domain.active=1`,
      domainAlias: `SELECT forwardings.forwarding FROM forwardings, alias_domain, domain WHERE alias_domain.alias_domain='%d'
        AND forwardings.address=${local} AND alias_domain.target_domain=domain.domain AND forwardings.active=1
        AND alias_domain.active=1 AND domain.backupmx=0`,
      catchAll: `SELECT forwardings.forwarding FROM forwardings, domain WHERE forwardings.address='%d' AND '%u' NOT LIKE '%%+%%'
        AND forwardings.address=domain.domain AND forwardings.active=1 AND domain.active=1 AND domain.backupmx=0`,
      domainAliasCatchAll: `SELECT forwardings.forwarding FROM forwardings, alias_domain, domain WHERE alias_domain.alias_domain='%d'
        AND forwardings.address=alias_domain.target_domain AND alias_domain.target_domain=domain.domain AND forwardings.active=1
        AND alias_domain.active=1`,
      mailbox: `SELECT ${path} FROM mailbox, domain WHERE mailbox.username='%s' AND mailbox.active=1 AND mailbox.enabledeliver=1
        AND domain.domain = mailbox.domain AND domain.active=1`,
    };
  },
  mainCf: (map) => ({
    relay_domains: map('relayDomains'),
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('alias', 'domainAlias', 'catchAll', 'domainAliasCatchAll'),
    virtual_mailbox_maps: map('mailbox'),
    virtual_alias_domains: '',
  }),
  delimiter: '+',
  wildcards: ['catch.example', 'alias-of-catch.example', 'backup.example', 'own-row.example'],
  entries: (kind) => [
    accepted('user@on.example'),
    accepted('info@on.example', 'an alias of which one member is inactive'),
    accepted('nick@on.example', 'a per-user alias'),
    accepted('list@on.example', 'a mailing list'),
    accepted('plain@on.example', 'a row without a flag'),
    accepted('box-only@on.example', 'a mailbox without a row in forwardings'),
    accepted('half@on.example', 'the mailbox is inactive, its forwarding is not'),
    refused('gone@on.example', 'inactive'),
    refused('old@on.example', 'an inactive alias'),
    refused('no-delivery@on.example', 'enabledeliver = 0'),
    accepted('past@on.example', 'expired, which no lookup asks'),
    refused('no-member@on.example', 'an alias account without members'),
    refused('nowhere@on.example', 'an alias that leads nowhere'),
    refused('wrong-domain@on.example', "the row's own domain is inactive"),
    kind === 'mysql'
      ? accepted('capital@on.example', 'capitals in the table, where = does not tell them apart')
      : refused('capital@on.example', 'capitals in the table, where = tells them apart'),
    refused('nobody@on.example'),
    refused('user@off.example', 'the domain is inactive'),
    refused('anybody@off.example', 'the catch-all of an inactive domain'),
    accepted('user@past.example', 'the domain has expired, which no lookup asks'),
    accepted('user@backup.example', 'a backup MX domain'),
    accepted('nobody@backup.example', 'a backup MX domain takes everybody'),
    refused('nobody@backup-off.example', 'an inactive backup MX domain'),
    accepted('user@backup-and-alias.example', 'an alias domain that is a backup MX as well'),
    refused('anybody@backup-and-alias.example', 'an alias domain that is a backup MX as well'),
    accepted('user@own-row.example', 'an alias domain with a row of its own and an inactive target'),
    accepted('user@alias.example', 'an alias domain'),
    accepted('info@alias.example', "an alias of an alias domain's target"),
    accepted('nick@alias.example', 'a per-user alias in an alias domain'),
    accepted('list@alias.example', "a mailing list of an alias domain's target"),
    refused('box-only@alias.example', 'a mailbox without a row in forwardings is not expanded'),
    accepted('wrong-domain@alias.example', "the row's own domain is not asked in an alias domain"),
    refused('old@alias.example', 'inactive in the target'),
    refused('user@alias-off.example', 'the alias domain is inactive'),
    refused('user@alias-of-off.example', 'the target domain is inactive'),
    refused('user@alias-of-backup.example', 'the target is a backup MX domain'),
    accepted('user@catch.example', 'a mailbox beside a catch-all'),
    accepted('anybody@catch.example', 'a catch-all, a row that is a bare domain'),
    accepted('anybody@alias-of-catch.example', 'the catch-all of a target'),
    refused('anybody@catch-off.example', 'an inactive catch-all'),
  ],
};
