// Chimailmadmin after its xpa_model.sql. It ships no lookups: these say what its address export and its domain export hold.
import { accepted, insert, refused, type Software } from './software.ts';

const tables = `
  CREATE TABLE xpa_domain (domain_id int AUTO_INCREMENT PRIMARY KEY, domain varchar(255) NOT NULL, transport varchar(255),
    backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1) CHARSET=latin1;
  CREATE TABLE xpa_alias (alias_id int AUTO_INCREMENT PRIMARY KEY, alias varchar(255) NOT NULL, destination text NOT NULL,
    domain_id int NOT NULL, active tinyint(1) NOT NULL DEFAULT 1) CHARSET=latin1;
  CREATE TABLE xpa_mailbox (mailbox_id int AUTO_INCREMENT PRIMARY KEY, email_address varchar(255) NOT NULL, domain_id int NOT NULL,
    active varchar(2) DEFAULT NULL) CHARSET=latin1;
  CREATE TABLE relay_recipients (email varchar(255) NOT NULL PRIMARY KEY) CHARSET=latin1;
`;

export const chimailmadmin: Software = {
  preset: 'chimailmadmin',
  kinds: ['mysql'],
  statements: () =>
    tables +
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
      ['user@off.example', 2, 'on'],
    ]) +
    insert('xpa_alias', 'alias, destination, domain_id, active', [
      ['info@on.example', 'user@on.example', 1, 1],
      ['old@on.example', 'user@on.example', 1, 0],
      ['bare', 'user@on.example', 1, 1],
      ['info@off.example', 'user@on.example', 2, 1],
    ]) +
    insert('relay_recipients', 'email', [
      ['relayed@on.example'],
      ['relayed@off.example'],
      ['relayed@elsewhere.example'],
    ]),
  lookups: () => ({
    domains: `SELECT domain FROM xpa_domain WHERE domain = '%s' AND active > 0
      UNION SELECT 'x' FROM relay_recipients WHERE SUBSTRING_INDEX(email, '@', -1) = '%s' AND '%s' NOT IN (SELECT domain FROM xpa_domain)`,
    mailbox: "SELECT 'OK' FROM xpa_mailbox WHERE email_address = '%s' AND active IN ('on', '1')",
    alias: `SELECT 'OK' FROM xpa_alias JOIN xpa_domain USING (domain_id)
      WHERE (alias = '%s' OR CONCAT(alias, '@', domain) = '%s') AND xpa_alias.active > 0`,
    recipients: "SELECT 'OK' FROM relay_recipients WHERE email = '%s'",
  }),
  mainCf: (map) => ({
    relay_domains: map('domains'),
    relay_recipient_maps: map('mailbox', 'alias', 'recipients'),
    parent_domain_matches_subdomains: '',
  }),
  wildcards: [],
  entries: () => [
    accepted('user@on.example'),
    accepted('number@on.example', "active = '1', of the other schema"),
    refused('gone@on.example', 'an empty active'),
    refused('zero@on.example', "active = '0'"),
    refused('never@on.example', 'active is NULL'),
    accepted('info@on.example'),
    refused('old@on.example', 'an inactive alias'),
    accepted('bare@on.example', 'an alias without its domain'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    accepted('relayed@on.example'),
    refused('relayed@off.example', 'a relay recipient of an inactive domain'),
    accepted('relayed@elsewhere.example', 'a relay recipient of a domain that is not listed'),
    refused('nobody@on.example'),
  ],
};
