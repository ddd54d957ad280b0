// Chimailmadmin after its xpa_model.sql, as shipped and with the table that its application reads over another
// connection. It ships no look-ups: these say what its address export and its domain export hold.
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

/** @param active what the column is: as shipped a number, which stores what the application writes (`on`) as 0. */
const tables = (active: string, relayed: boolean): string => `
  CREATE TABLE xpa_domain (domain_id int AUTO_INCREMENT PRIMARY KEY, domain varchar(255) NOT NULL, transport varchar(255),
    backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1) CHARSET=latin1;
  CREATE TABLE xpa_alias (alias_id int AUTO_INCREMENT PRIMARY KEY, alias varchar(255) NOT NULL, destination text NOT NULL,
    domain_id int NOT NULL, active tinyint(1) NOT NULL DEFAULT 1) CHARSET=latin1;
  CREATE TABLE xpa_mailbox (mailbox_id int AUTO_INCREMENT PRIMARY KEY, email_address varchar(255) NOT NULL, domain_id int NOT NULL,
    active ${active}) CHARSET=latin1;
  ${relayed ? 'CREATE TABLE relay_recipients (email varchar(255) NOT NULL PRIMARY KEY) CHARSET=latin1;' : ''}
  SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
`;

const byChance = (chance: Chance): string =>
  insert(
    'xpa_domain',
    'domain_id, domain, active',
    chance.domains.map((domain, i) => [100 + i, domain, chance.bit(85)]),
  ) +
  insert(
    'xpa_mailbox',
    'email_address, domain_id, active',
    chance.addresses(40).map((address) => [address, 100 + chance.domains.indexOf(address.split('@')[1] ?? ''), 'on']),
  ) +
  insert(
    'xpa_alias',
    'alias, destination, domain_id, active',
    chance.addresses(30).map((address) => {
      const [local = '', domain = ''] = address.split('@');
      return [chance.percent(30) ? local : address, 'x', 100 + chance.domains.indexOf(domain), chance.bit(50)];
    }),
  );

const domains = (relayed: boolean) =>
  `SELECT domain FROM xpa_domain WHERE domain = '%s' AND active > 0${
    relayed
      ? ` UNION SELECT 'x' FROM relay_recipients WHERE SUBSTRING_INDEX(email, '@', -1) = '%s' AND '%s' NOT IN (SELECT domain FROM xpa_domain)`
      : ''
  }`;
const alias =
  "SELECT 'OK' FROM xpa_alias JOIN xpa_domain USING (domain_id) WHERE alias = '%s' OR CONCAT(alias, '@', domain) = '%s'";

/** A number in `active`: 0 is what the application's `on` becomes, 1 the default of a row that another hand added. */
export const chimailmadmin: Software = {
  preset: 'chimailmadmin',
  name: 'Chimailmadmin as shipped',
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables('tinyint(1) NOT NULL DEFAULT 1', false) +
    insert('xpa_domain', 'domain_id, domain, active', [
      [1, 'on.example', 1],
      [2, 'off.example', 0],
    ]) +
    insert('xpa_mailbox', 'email_address, domain_id, active', [
      ['user@on.example', 1, 'on'],
      ['default@on.example', 1, 1],
      ['user@off.example', 2, 'on'],
    ]) +
    insert('xpa_alias', 'alias, destination, domain_id, active', [
      ['info@on.example', 'user@on.example', 1, 1],
      ['edited@on.example', 'user@on.example', 1, 0],
      ['bare', 'user@on.example', 1, 1],
      ['info@off.example', 'user@on.example', 2, 1],
    ]) +
    byChance(chance),
  lookups: () => ({
    domains: domains(false),
    mailbox: "SELECT 'OK' FROM xpa_mailbox WHERE email_address = '%s' AND active IN (0, 1)",
    alias,
  }),
  mainCf: (map) => ({
    relay_domains: map('domains'),
    relay_recipient_maps: map('mailbox', 'alias'),
    parent_domain_matches_subdomains: '',
  }),
  wildcards: [],
  entries: () => [
    accepted('user@on.example', "active = 'on', which is stored as 0"),
    accepted('default@on.example', 'active = 1, the default of the column'),
    accepted('info@on.example'),
    accepted('edited@on.example', 'an alias with active = 0, which the export does not ask'),
    accepted('bare@on.example', 'an alias without its domain'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    refused('nobody@on.example'),
  ],
};

export const chimailmadminOfText: Software = {
  ...chimailmadmin,
  name: 'Chimailmadmin, active a text, relay_recipients beside',
  statements: (_, chance) =>
    tables('varchar(2) DEFAULT NULL', true) +
    insert('xpa_domain', 'domain_id, domain, active', [
      [1, 'on.example', 1],
      [2, 'off.example', 0],
    ]) +
    insert('xpa_mailbox', 'email_address, domain_id, active', [
      ['user@on.example', 1, 'on'],
      ['number@on.example', 1, '1'],
      ['gone@on.example', 1, ''],
      ['zero@on.example', 1, '0'],
      ['never@on.example', 1, null],
    ]) +
    insert('relay_recipients', 'email', [
      ['relayed@on.example'],
      ['relayed@off.example'],
      ['relayed@elsewhere.example'],
    ]) +
    byChance(chance),
  lookups: () => ({
    domains: domains(true),
    mailbox: "SELECT 'OK' FROM xpa_mailbox WHERE email_address = '%s' AND active IN ('on', '1')",
    alias,
    recipients: "SELECT 'OK' FROM relay_recipients WHERE email = '%s'",
  }),
  mainCf: (map) => ({
    relay_domains: map('domains'),
    relay_recipient_maps: map('mailbox', 'alias', 'recipients'),
    parent_domain_matches_subdomains: '',
  }),
  entries: () => [
    accepted('user@on.example'),
    accepted('number@on.example', "active = '1'"),
    refused('gone@on.example', 'an empty active'),
    refused('zero@on.example', "active = '0'"),
    refused('never@on.example', 'active is NULL'),
    accepted('relayed@on.example'),
    refused('relayed@off.example', 'a relay recipient of an inactive domain'),
    accepted('relayed@elsewhere.example', 'a relay recipient of a domain that is not listed'),
    refused('nobody@on.example'),
  ],
};
