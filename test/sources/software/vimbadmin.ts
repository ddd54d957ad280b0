// ViMbAdmin after its Doctrine mappings, and lookups as its installation guide has them.
import { accepted, insert, later, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE domain (id bigint AUTO_INCREMENT PRIMARY KEY, domain varchar(255) NOT NULL UNIQUE, description varchar(255),
    transport varchar(255) NOT NULL DEFAULT 'virtual', backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1);
  CREATE TABLE alias (id bigint AUTO_INCREMENT PRIMARY KEY, address varchar(255) NOT NULL UNIQUE, goto longtext NOT NULL,
    active tinyint(1) NOT NULL DEFAULT 1, Domain_id bigint);
  CREATE TABLE mailbox (id bigint AUTO_INCREMENT PRIMARY KEY, username varchar(255) NOT NULL UNIQUE, password varchar(255) NOT NULL,
    local_part varchar(255) NOT NULL, active tinyint(1) NOT NULL DEFAULT 0, access_restriction varchar(100) NOT NULL DEFAULT 'ALL',
    maildir varchar(255), delete_pending tinyint(1) DEFAULT 0, Domain_id bigint);
`;

const box = (username: string, active: number, pending: number | null, access = 'ALL', domain = 1) =>
  [username, 'x', username.split('@')[0] ?? '', active, access, `maildir:/srv/${username}`, pending, domain] as const;

const byChance = (chance: Chance): string =>
  insert(
    'domain',
    'domain, backupmx, active',
    chance.domains.map((domain) => [domain, chance.bit(15), chance.bit(85)]),
  ) +
  insert(
    'mailbox',
    'username, password, local_part, maildir, active, delete_pending',
    chance
      .addresses(40)
      .map((address) => [
        address,
        'x',
        address.split('@')[0] ?? '',
        'x/',
        chance.bit(85),
        chance.percent(50) ? 0 : null,
      ]),
  ) +
  insert(
    'alias',
    'address, goto, active',
    [...chance.addresses(40), ...chance.domains.filter(() => chance.percent(10)).map((domain) => `@${domain}`)].map(
      (address) => [address, chance.percent(95) ? chance.address() : '', chance.bit(85)],
    ),
  );

export const vimbadmin: Software = {
  preset: 'vimbadmin',
  name: 'ViMbAdmin 3',
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables +
    insert('domain', 'id, domain, backupmx, active', [
      [1, 'on.example', 0, 1],
      [2, 'off.example', 0, 0],
      [3, 'backup.example', 1, 1],
      [4, 'catch.example', 0, 1],
    ]) +
    insert(
      'mailbox',
      'username, password, local_part, active, access_restriction, maildir, delete_pending, Domain_id',
      [
        box('user@on.example', 1, 0),
        box('old-schema@on.example', 1, null),
        box('gone@on.example', 0, 0),
        box('half@on.example', 0, 0),
        box('purged@on.example', 0, 1),
        box('pending@on.example', 1, 1),
        box('pending-with-alias@on.example', 0, 1),
        box('pending-but-forwarded@on.example', 0, 1),
        box('no-imap@on.example', 1, 0, 'NONE'),
        box('user@off.example', 1, 0, 'ALL', 2),
        box('user@backup.example', 1, 0, 'ALL', 3),
      ],
    ) +
    insert('alias', 'address, goto, active, Domain_id', [
      ['user@on.example', 'user@on.example', 1, 1],
      ['half@on.example', 'half@on.example', 1, 1],
      ['info@on.example', 'user@on.example', 1, 1],
      ['old@on.example', 'user@on.example', 0, 1],
      ['pending-with-alias@on.example', 'pending-with-alias@on.example', 1, 1],
      ['pending-but-forwarded@on.example', 'user@on.example', 1, 1],
      ['info@off.example', 'user@on.example', 1, 2],
      ['info@backup.example', 'user@on.example', 1, 3],
      ['@catch.example', 'user@on.example', 1, 4],
      ['@on.example', 'user@on.example', 0, 1],
    ]) +
    byChance(chance),
  lookups: () => ({
    domains: "SELECT domain FROM domain WHERE domain = '%s' AND backupmx = '0' AND active = '1'",
    alias: "SELECT goto FROM alias WHERE address = '%s' AND active = '1'",
    mailbox: "SELECT maildir FROM mailbox WHERE username = '%s' AND active = '1'",
  }),
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('alias'),
    virtual_mailbox_maps: map('mailbox'),
  }),
  wildcards: ['catch.example'],
  entries: () => [
    accepted('user@on.example'),
    accepted('info@on.example'),
    accepted('old-schema@on.example', 'delete_pending is NULL'),
    accepted('no-imap@on.example', 'who may not read mail still gets it'),
    accepted('half@on.example', 'the mailbox is inactive, its alias row is not'),
    refused('gone@on.example', 'inactive'),
    refused('old@on.example', 'an inactive alias'),
    refused('purged@on.example', 'pending delete, as a purge leaves it'),
    later('pending@on.example', 'pending delete and yet active: its files are about to be removed'),
    later('pending-with-alias@on.example', 'pending delete with the alias to itself: it leads to nothing'),
    accepted('pending-but-forwarded@on.example', 'pending delete, but an alias leads elsewhere'),
    refused('nobody@on.example', 'an inactive catch-all'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    refused('user@backup.example', 'a backup MX domain'),
    refused('info@backup.example', 'a backup MX domain'),
    accepted('anybody@catch.example', 'a catch-all'),
  ],
};
