// ISPConfig after its installer's look-ups (install/tpl), with the tables that matter. Lists of Mailman 2 have a map
// of their own.
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const FLAG = (otherwise: 'y' | 'n') => `enum('n','y') NOT NULL DEFAULT '${otherwise}'`;

const tables = (relays: string) => `
  CREATE TABLE mail_domain (domain_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    domain varchar(255) NOT NULL DEFAULT '', active ${FLAG('n')}, KEY server_id (server_id, domain)) CHARSET utf8;
  CREATE TABLE mail_forwarding (forwarding_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    source varchar(255) NOT NULL DEFAULT '', destination text, type enum('alias','aliasdomain','forward','catchall') NOT NULL DEFAULT 'alias',
    active ${FLAG('n')}, KEY server_id (server_id, source)) CHARSET utf8;
  CREATE TABLE mail_user (mailuser_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    email varchar(255) NOT NULL DEFAULT '', login varchar(255) NOT NULL DEFAULT '', cc text, forward_in_lda ${FLAG('n')},
    postfix ${FLAG('y')}, access ${FLAG('y')}, disableimap ${FLAG('n')}, disabledeliver ${FLAG('n')}, disablesmtp ${FLAG('n')},
    disablelmtp ${FLAG('n')}, KEY server_id (server_id, email)) CHARSET utf8;
  CREATE TABLE mail_transport (transport_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    domain varchar(255) NOT NULL DEFAULT '', transport varchar(255) NOT NULL DEFAULT '', active ${FLAG('n')}) CHARSET utf8;
  ${relays}
  CREATE TABLE mail_relay_recipient (relay_recipient_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    source varchar(255), access varchar(255) NOT NULL DEFAULT 'OK', active varchar(255) NOT NULL DEFAULT 'y') CHARSET utf8;
  CREATE TABLE mail_access (access_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    source varchar(255) NOT NULL DEFAULT '', access varchar(255) NOT NULL DEFAULT '',
    type set('recipient','sender','client') NOT NULL DEFAULT 'recipient', active ${FLAG('y')},
    UNIQUE KEY unique_source (server_id, source, type)) CHARSET utf8;
  CREATE TABLE mail_mailinglist (mailinglist_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    domain varchar(255) NOT NULL DEFAULT '', listname varchar(255) NOT NULL DEFAULT '', email varchar(255) NOT NULL DEFAULT '') CHARSET utf8;
`;
const RELAYS = `CREATE TABLE mail_relay_domain (relay_domain_id int AUTO_INCREMENT PRIMARY KEY, server_id int NOT NULL DEFAULT 0,
    domain varchar(255), access varchar(255) NOT NULL DEFAULT 'OK', active varchar(255) NOT NULL DEFAULT 'y') CHARSET utf8;`;

const yes = (is: boolean | number) => (is === true || is === 1 ? 'y' : 'n');
type Flags = Partial<Record<'postfix' | 'disabledeliver' | 'disablesmtp' | 'forward_in_lda' | 'disablelmtp', boolean>>;
const box = (email: string, { postfix = true, ...flags }: Flags = {}, cc = '', server = 1) =>
  [
    server,
    email,
    email,
    cc,
    yes(postfix),
    yes(flags.disabledeliver ?? false),
    yes(flags.disablesmtp ?? false),
    yes(flags.forward_in_lda ?? false),
    yes(flags.disablelmtp ?? false),
  ] as const;
const BOX = 'server_id, email, login, cc, postfix, disabledeliver, disablesmtp, forward_in_lda, disablelmtp';
const to = (source: string, destination: string, type = 'alias', active = 'y') =>
  [1, source, destination, type, active] as const;

const byChance = (chance: Chance, relays: string): string => {
  const second = chance.domains.slice(chance.domains.length / 2);
  return (
    insert(
      'mail_domain',
      'server_id, domain, active',
      chance.domains.filter(() => chance.percent(85)).map((domain) => [1, domain, yes(chance.bit(85))]),
    ) +
    insert(
      relays,
      'server_id, domain, active',
      chance.domains.filter(() => chance.percent(25)).map((domain) => [1, domain, yes(chance.bit(85))]),
    ) +
    insert(
      'mail_user',
      BOX,
      chance.addresses(40).map((address) =>
        box(
          address,
          {
            postfix: chance.percent(85),
            disabledeliver: chance.percent(15),
            disablesmtp: chance.percent(20),
            forward_in_lda: chance.percent(30),
          },
          chance.percent(30) ? chance.plainAddress() : '',
        ),
      ),
    ) +
    insert('mail_forwarding', 'server_id, source, destination, type, active', [
      ...chance
        .addresses(25)
        .map((address) =>
          to(
            address,
            chance.percent(95) ? chance.plainAddress() : '',
            chance.percent(50) ? 'alias' : 'forward',
            yes(chance.bit(85)),
          ),
        ),
      ...second
        .filter(() => chance.percent(20))
        .map((domain) => to(`@${domain}`, chance.plainAddress(), 'catchall', yes(chance.bit(85)))),
      ...second
        .filter(() => chance.percent(15))
        .map((domain) => to(`@${domain}`, `@${chance.domain()}`, 'aliasdomain', yes(chance.bit(85)))),
    ]) +
    insert(
      'mail_relay_recipient',
      'server_id, source, access, active',
      chance.addresses(20).map((address) => [1, address, chance.percent(95) ? 'OK' : '', yes(chance.bit(85))]),
    ) +
    insert(
      'mail_access',
      'server_id, source, access, type, active',
      chance
        .addresses(3)
        .map((address) => [
          1,
          address,
          chance.percent(80) ? 'REJECT' : 'OK',
          chance.percent(80) ? 'recipient' : 'sender',
          yes(chance.bit(85)),
        ]),
    )
  );
};

const LIST = [
  '',
  '-admin',
  '-bounces',
  '-confirm',
  '-join',
  '-leave',
  '-owner',
  '-request',
  '-subscribe',
  '-unsubscribe',
];

const version = (name: string, relays: 'mail_relay_domain' | 'mail_transport'): Software => ({
  preset: 'ispconfig',
  name,
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables(relays === 'mail_relay_domain' ? RELAYS : '') +
    insert('mail_domain', 'server_id, domain, active', [
      [1, 'on.example', 'y'],
      [1, 'off.example', 'n'],
      [1, 'catch.example', 'y'],
      [1, 'alias.example', 'y'],
      [1, 'both.example', 'y'],
      [1, 'blocked.example', 'y'],
      [1, 'sub.blocked.example', 'y'],
      [2, 'second.example', 'y'],
    ]) +
    insert(relays, 'server_id, domain, active', [
      [1, 'relay.example', 'y'],
      [1, 'relay-off.example', 'n'],
      [1, 'relay-all.example', 'y'],
      [1, 'both.example', 'y'],
    ]) +
    insert('mail_user', BOX, [
      box('user@on.example'),
      box('gone@on.example', { postfix: false }),
      box('no-delivery@on.example', { disabledeliver: true }),
      box('copied@on.example', { disabledeliver: true }, 'user@on.example'),
      box('copied-not@on.example', { disabledeliver: true, disablesmtp: true }, 'user@on.example'),
      box('copied-later@on.example', { postfix: false, forward_in_lda: true }, 'user@on.example'),
      box('no-lmtp@on.example', { disablelmtp: true }),
      box('Capital@on.example'),
      box('blocked@on.example'),
      box('abuse@on.example'),
      box('user@off.example'),
      box('user@catch.example'),
      box('gone@catch.example', { postfix: false }),
      box('user@blocked.example'),
      box('user@sub.blocked.example'),
      box('user@second.example'),
      box('user@relay.example'),
    ]) +
    insert('mail_forwarding', 'server_id, source, destination, type, active', [
      to('info@on.example', 'user@on.example'),
      to('away@on.example', 'user@elsewhere.example', 'forward'),
      to('old@on.example', 'user@on.example', 'alias', 'n'),
      to('nowhere@on.example', ''),
      to('info@off.example', 'user@on.example'),
      to('info@relay.example', 'user@on.example'),
      to('@catch.example', 'user@on.example', 'catchall'),
      to('@on.example', 'user@on.example', 'catchall', 'n'),
      to('@alias.example', '@on.example', 'aliasdomain'),
      to('@alias-alone.example', '@on.example', 'aliasdomain'),
      to('@alias-off.example', '@on.example', 'aliasdomain', 'n'),
    ]) +
    insert('mail_relay_recipient', 'server_id, source, access, active', [
      [1, 'user@relay-all.example', 'OK', 'y'],
      [1, '@relay-all.example', 'OK', 'y'],
      [1, 'known@relay.example', 'OK', 'y'],
      [1, 'known@sub.relay.example', 'OK', 'y'],
      [1, 'old@relay.example', 'OK', 'n'],
      [1, 'known@relay-off.example', 'OK', 'y'],
      [1, 'relayed@both.example', 'OK', 'y'],
      [2, 'second@relay.example', 'OK', 'y'],
    ]) +
    insert('mail_access', 'server_id, source, access, type, active', [
      [1, 'blocked@on.example', 'REJECT', 'recipient', 'y'],
      [1, 'user@on.example', 'REJECT', 'sender', 'y'],
      [1, 'info@on.example', 'REJECT', 'recipient', 'n'],
      [1, 'away@on.example', 'OK', 'recipient', 'y'],
      [1, 'blocked.example', '550 moved', 'recipient', 'y'],
      [1, 'sub.blocked.example', 'OK', 'recipient', 'y'],
      [1, 'abuse@', 'reject nobody reads it', 'recipient', 'y'],
      [2, 'known@relay.example', 'REJECT', 'recipient', 'y'],
    ]) +
    insert('mail_mailinglist', 'server_id, domain, listname, email', [
      [1, 'on.example', 'talk', 'user@on.example'],
      [1, 'off.example', 'talk', 'user@on.example'],
    ]) +
    byChance(chance, relays),
  files: () => ({
    lists: LIST.flatMap((suffix) =>
      ['on.example', 'off.example'].map((domain) => `talk${suffix}@${domain} talk${suffix}\n`),
    ).join(''),
  }),
  lookups: () => {
    const bare = "CONCAT(SUBSTRING_INDEX('%u', '+', 1), '@%d')";
    const here = "active = 'y' AND server_id = 1";
    const isDomain = `EXISTS (SELECT domain_id FROM mail_domain WHERE domain = SUBSTRING_INDEX('%s', '@', -1) AND ${here})`;
    return {
      aliasDomains: `SELECT SUBSTRING_INDEX(destination, '@', -1) FROM mail_forwarding WHERE source = '@%s' AND type = 'aliasdomain' AND ${here}`,
      aliasMaps: `SELECT destination FROM mail_forwarding WHERE source = '@%d' AND type = 'aliasdomain' AND ${here}`,
      domains: `SELECT domain FROM mail_domain WHERE domain = '%s' AND ${here} AND NOT EXISTS
        (SELECT source FROM mail_forwarding WHERE source = '@%s' AND type = 'aliasdomain' AND ${here})`,
      forwardings: `SELECT s.destination AS target FROM mail_forwarding AS s WHERE (s.source = '%s' OR s.source = ${bare})
          AND s.type IN ('alias', 'forward') AND s.active = 'y' AND s.server_id = 1
        UNION SELECT s.destination AS target FROM mail_forwarding AS s
        WHERE s.source = '@%d' AND s.type = 'catchall' AND s.active = 'y' AND s.server_id = 1
          AND NOT EXISTS (SELECT email FROM mail_user WHERE (email = '%s' OR email = ${bare}) AND ${isDomain} AND server_id = 1)
          AND NOT EXISTS (SELECT source FROM mail_forwarding WHERE (source = '%s' OR source = ${bare}) AND ${here})`,
      email2email: `SELECT email FROM mail_user WHERE email = '%s' AND forward_in_lda = 'n' AND disabledeliver = 'n' AND postfix = 'y'
          AND server_id = 1 AND ${isDomain}
        UNION SELECT cc AS email FROM mail_user WHERE email = '%s' AND cc != '' AND (forward_in_lda = 'n' OR disabledeliver = 'y')
          AND disablesmtp = 'n' AND server_id = 1 AND ${isDomain}`,
      mailboxes: `SELECT CONCAT(SUBSTRING_INDEX(email,'@',-1),'/',SUBSTRING_INDEX(email,'@',1),'/') FROM mail_user
        WHERE email = '%s' AND postfix = 'y' AND disabledeliver = 'n' AND server_id = 1 AND ${isDomain}`,
      relayDomains: `SELECT domain FROM ${relays} WHERE domain = '%s' AND ${here}`,
      relayRecipients: `SELECT access FROM mail_relay_recipient WHERE source = '%s' AND ${here}`,
      recipients: `SELECT access FROM mail_access WHERE source = '%s' AND type = 'recipient' AND ${here}`,
    };
  },
  mainCf: (map) => ({
    virtual_alias_domains: map('aliasDomains'),
    virtual_alias_maps: `texthash:{dir}/lists, ${map('forwardings', 'aliasMaps', 'email2email')}`,
    virtual_mailbox_domains: map('domains'),
    virtual_mailbox_maps: map('mailboxes'),
    relay_domains: map('relayDomains'),
    relay_recipient_maps: map('relayRecipients'),
    smtpd_recipient_restrictions: `reject_unlisted_recipient, reject_unauth_destination, check_recipient_access ${map('recipients')}`,
  }),
  delimiter: '+',
  hasExceptions: true,
  wildcards: ['catch.example', 'alias.example', 'alias-alone.example', 'relay-all.example'],
  entries: () => [
    accepted('user@on.example', 'a sender that is rejected is no recipient'),
    accepted('info@on.example', 'an alias; the access row is inactive'),
    accepted('away@on.example', 'a forward to elsewhere'),
    refused('old@on.example', 'an inactive alias'),
    refused('nowhere@on.example', 'an alias that leads nowhere'),
    refused('gone@on.example', "postfix = 'n'"),
    refused('no-delivery@on.example', "disabledeliver = 'y'"),
    accepted('copied@on.example', 'not delivered, but copied on'),
    refused('copied-not@on.example', 'not delivered, and may not send'),
    refused('copied-later@on.example', "postfix = 'n', and copied by Dovecot only"),
    accepted('capital@on.example', 'capitals in the table'),
    refused('blocked@on.example', 'mail_access rejects the address'),
    refused('abuse@on.example', 'mail_access rejects the local part'),
    refused('nobody@on.example', 'an inactive catch-all'),
    ...LIST.map((suffix) => accepted(`talk${suffix}@on.example`, "a list of Mailman's")),
    refused('talk@off.example', 'a list in an inactive domain'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias.example', 'a domain alias takes everybody'),
    accepted('anybody@alias-alone.example', 'a domain alias without a domain of its own'),
    refused('user@alias-off.example', 'the domain alias is inactive'),
    refused('user@blocked.example', 'mail_access rejects the domain'),
    accepted('user@sub.blocked.example', 'mail_access rejects a parent, and takes this one'),
    refused('user@second.example', "the domain is another server's"),
    accepted('known@relay.example', 'a relayed domain'),
    accepted('info@relay.example', 'an alias in a relayed domain'),
    accepted('known@sub.relay.example', 'a subdomain of a relayed domain'),
    refused('old@relay.example', 'an inactive relay recipient'),
    refused('user@relay.example', 'a mailbox in a relayed domain'),
    refused('second@relay.example', "another server's relay recipient"),
    refused('known@relay-off.example', 'the relayed domain is inactive'),
    accepted('anybody@relay-all.example', 'a relayed domain that takes everybody'),
    refused('relayed@both.example', 'a relay recipient where the domain is local as well'),
    accepted('no-lmtp@on.example', 'Dovecot would not take it, but is not asked'),
  ],
});

export const ispconfig = [
  version('ISPConfig 3.2.6 to 3.3', 'mail_relay_domain'),
  version('ISPConfig 3.2.0 to 3.2.5', 'mail_transport'),
];
