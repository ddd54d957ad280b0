// Froxlor after the look-ups of its lib/configfiles, with the tables that matter.
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE panel_customers (customerid int AUTO_INCREMENT PRIMARY KEY, loginname varchar(50) NOT NULL,
    deactivated tinyint(1) NOT NULL DEFAULT 0) CHARSET utf8;
  CREATE TABLE panel_domains (id int AUTO_INCREMENT PRIMARY KEY, domain varchar(255) NOT NULL, customerid int NOT NULL DEFAULT 0,
    aliasdomain int NULL, isemaildomain tinyint(1) NOT NULL DEFAULT 0, deactivated tinyint(1) NOT NULL DEFAULT 0, KEY domain (domain)) CHARSET utf8;
  CREATE TABLE mail_users (id int AUTO_INCREMENT PRIMARY KEY, email varchar(255) NOT NULL DEFAULT '', username varchar(255) NOT NULL DEFAULT '',
    homedir varchar(255) NOT NULL DEFAULT '', maildir varchar(255) NOT NULL DEFAULT '', postfix enum('Y','N') NOT NULL DEFAULT 'Y',
    customerid int NOT NULL DEFAULT 0, imap tinyint(1) NOT NULL DEFAULT 1, UNIQUE KEY email (email)) CHARSET utf8;
  CREATE TABLE mail_virtual (id int AUTO_INCREMENT PRIMARY KEY, email varchar(255) NOT NULL DEFAULT '', email_full varchar(255) NOT NULL DEFAULT '',
    destination text, customerid int NOT NULL DEFAULT 0, iscatchall tinyint(1) NOT NULL DEFAULT 0, KEY email (email)) CHARSET utf8;
  INSERT INTO panel_customers (customerid, loginname, deactivated) VALUES (1, 'here', 0), (2, 'gone', 1);
`;
const DOMAINS = 'domain, isemaildomain, deactivated';
const USERS = 'email, username, homedir, maildir, postfix, customerid';
const VIRTUAL = 'email, email_full, destination, customerid, iscatchall';
const user = (email: string, postfix = 'Y', customer = 1) =>
  [email, email, '/var/customers/mail/', 'x/', postfix, customer] as const;
const virtual = (email: string, destination: string, customer = 1) =>
  [
    email,
    email.startsWith('@') ? `info${email}` : email,
    destination,
    customer,
    email.startsWith('@') ? 1 : 0,
  ] as const;

const byChance = (chance: Chance): string =>
  insert(
    'panel_domains',
    DOMAINS,
    chance.domains.filter(() => chance.percent(95)).map((domain) => [domain, chance.bit(90), chance.bit(10)]),
  ) +
  insert(
    'mail_users',
    USERS,
    chance.addresses(35).map((address) => user(address, chance.percent(85) ? 'Y' : 'N', chance.percent(85) ? 1 : 2)),
  ) +
  insert(
    'mail_virtual',
    VIRTUAL,
    [...chance.addresses(40), ...chance.domains.filter(() => chance.percent(10)).map((domain) => `@${domain}`)].map(
      (address) =>
        virtual(
          address,
          chance.percent(90) ? chance.plainAddress() : chance.percent(50) ? '' : '  ',
          chance.percent(85) ? 1 : 2,
        ),
    ),
  );

export const froxlor: Software = {
  preset: 'froxlor',
  name: 'Froxlor 2.0 to 2.3',
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables +
    insert('panel_domains', DOMAINS, [
      ['on.example', 1, 0],
      ['web.example', 0, 0],
      ['off.example', 1, 1],
      ['catch.example', 1, 0],
      ['catch-off.example', 1, 0],
    ]) +
    insert('mail_users', USERS, [
      user('user@on.example'),
      user('gone@on.example', 'N'),
      user('customer-gone@on.example', 'N', 2),
      user('box-only@on.example'),
      user('Capital@on.example'),
      user('user@web.example'),
      user('user@off.example'),
    ]) +
    insert('mail_virtual', VIRTUAL, [
      virtual('user@on.example', 'user@on.example'),
      virtual('info@on.example', 'user@on.example someone@elsewhere.example'),
      virtual('nowhere@on.example', ''),
      virtual('blank@on.example', ' '),
      virtual('orphan@on.example', 'user@on.example', 9),
      virtual('alias-of-gone@on.example', 'user@on.example', 2),
      virtual('info@web.example', 'user@on.example'),
      virtual('info@off.example', 'user@on.example'),
      virtual('@catch.example', 'user@on.example'),
      virtual('@catch-off.example', 'user@on.example', 2),
    ]) +
    byChance(chance),
  lookups: () => ({
    alias: `SELECT destination FROM mail_virtual AS v, panel_customers AS c WHERE c.customerid = v.customerid AND c.deactivated = 0
      AND v.email = '%s' AND trim(v.destination) <> ''`,
    domains: "SELECT domain FROM panel_domains WHERE domain = '%s' AND isemaildomain = '1' AND deactivated = 0",
    mailbox: "SELECT CONCAT(homedir,maildir) FROM mail_users WHERE email = '%s'",
  }),
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('alias'),
    virtual_mailbox_maps: map('mailbox'),
  }),
  delimiter: '+',
  wildcards: ['catch.example'],
  entries: () => [
    accepted('user@on.example'),
    accepted('info@on.example', 'an address that forwards only'),
    accepted('box-only@on.example', 'a mailbox without an address row'),
    accepted('gone@on.example', "postfix = 'N', which no look-up asks"),
    accepted('customer-gone@on.example', 'the customer is deactivated, which the look-up of mailboxes does not ask'),
    accepted('capital@on.example', 'capitals in the table'),
    refused('nowhere@on.example', 'an address that leads nowhere'),
    refused('blank@on.example', 'an address that leads to a blank'),
    refused('orphan@on.example', 'an address without a customer'),
    refused('alias-of-gone@on.example', 'the customer is deactivated'),
    refused('nobody@on.example'),
    refused('user@web.example', 'no domain for mail'),
    refused('info@off.example', 'the domain is deactivated'),
    accepted('anybody@catch.example', 'a catch-all'),
    refused('anybody@catch-off.example', "a deactivated customer's catch-all"),
  ],
};
