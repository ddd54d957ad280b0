// mailcow: dockerized after its init_db.inc.php, and the lookups that its Postfix container writes.
import { accepted, insert, later, refused, type Chance, type Software } from './software.ts';

/** Which columns a version has. */
interface Version {
  readonly name: string;
  /** From 2025-10 on. */
  readonly internal: boolean;
  /** From 2025-12 on. */
  readonly permanent: boolean;
}

const tables = ({ internal, permanent }: Version): string => `
  CREATE TABLE domain (domain varchar(255) NOT NULL PRIMARY KEY, backupmx tinyint(1) NOT NULL DEFAULT 0,
    relay_all_recipients tinyint(1) NOT NULL DEFAULT 0, relay_unknown_only tinyint(1) NOT NULL DEFAULT 0,
    active tinyint(1) NOT NULL DEFAULT 1);
  CREATE TABLE alias (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, address varchar(255) NOT NULL UNIQUE, goto text NOT NULL,
    domain varchar(255) NOT NULL${internal ? ', internal tinyint(1) NOT NULL DEFAULT 0' : ''}, sender_allowed tinyint(1) NOT NULL DEFAULT 1,
    active tinyint(1) NOT NULL DEFAULT 1);
  CREATE TABLE alias_domain (alias_domain varchar(255) NOT NULL PRIMARY KEY, target_domain varchar(255) NOT NULL,
    active tinyint(1) NOT NULL DEFAULT 1);
  CREATE TABLE mailbox (username varchar(255) NOT NULL PRIMARY KEY, mailbox_path_prefix varchar(150) DEFAULT '/var/vmail/',
    local_part varchar(255) NOT NULL, domain varchar(255) NOT NULL, attributes JSON, kind varchar(100) NOT NULL DEFAULT '',
    active tinyint(1) NOT NULL DEFAULT 1);
  CREATE TABLE spamalias (address varchar(255) NOT NULL PRIMARY KEY, goto text NOT NULL, validity int${permanent ? ', permanent tinyint(1) NOT NULL DEFAULT 0' : ''});
  CREATE TABLE recipient_maps (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, old_dest varchar(255) NOT NULL, new_dest varchar(255) NOT NULL,
    active tinyint(1) NOT NULL DEFAULT 0);
`;
const split = (address: string) => address.split('@') as [string, string];
const box = (username: string, active: number, kind = '') =>
  [username, ...split(username), '{"mailbox_format":"maildir:"}', kind, active] as const;
const alias = (address: string, active: number, internal = 0) =>
  [address, 'user@on.example', split(address)[1], active, internal] as const;
/** A day. */
const DAY = 86_400;
const seconds = Math.floor(Date.now() / 1000);

/** Rows with the columns that a version has: those behind `count` only come with a later one. */
const cut = <T>(rows: readonly (readonly T[])[], count: number) => rows.map((row) => row.slice(0, count));

const byChance = (chance: Chance, { internal, permanent }: Version): string => {
  const aliases = [
    ...chance.addresses(40),
    ...chance.domains.filter(() => chance.percent(10)).map((domain) => `@${domain}`),
  ].map((address) => {
    const [active, isInternal] = [chance.random.pick([0, 1, 1, 1, 1, 2]), chance.bit(5)];
    if (internal && isInternal === 1 && active === 1) chance.doubtful.add(address);
    return [address, chance.percent(95) ? chance.address() : '', split(address)[1], active, isInternal];
  });
  return (
    insert(
      'domain',
      'domain, backupmx, relay_all_recipients, active',
      chance.domains.map((domain) => [domain, chance.bit(20), chance.bit(20), chance.bit(85)]),
    ) +
    insert(
      'alias_domain',
      'alias_domain, target_domain, active',
      chance.domains.filter(() => chance.percent(20)).map((domain) => [domain, chance.domain(), chance.bit(85)]),
    ) +
    insert(
      'mailbox',
      'username, local_part, domain, attributes, kind, active',
      chance
        .addresses(40)
        .map((address) => box(address, chance.random.pick([0, 1, 1, 1, 2]), chance.percent(5) ? 'thing' : '')),
    ) +
    insert(`alias`, `address, goto, domain, active${internal ? ', internal' : ''}`, cut(aliases, internal ? 5 : 4)) +
    insert(
      'spamalias',
      `address, goto, validity${permanent ? ', permanent' : ''}`,
      cut(
        chance
          .addresses(5)
          .map((address) => [address, chance.address(), seconds + chance.random.pick([-DAY, DAY]), chance.bit(30)]),
        permanent ? 4 : 3,
      ),
    ) +
    insert(
      'recipient_maps',
      'old_dest, new_dest, active',
      chance.addresses(3).map((address) => [address, chance.address(), chance.bit(85)]),
    )
  );
};

const mailcowOf = (version: Version): Software => ({
  preset: 'mailcow',
  name: `mailcow ${version.name}`,
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables(version) +
    insert('domain', 'domain, backupmx, relay_all_recipients, active', [
      ['on.example', 0, 0, 1],
      ['off.example', 0, 0, 0],
      ['catch.example', 0, 0, 1],
      ['relay.example', 1, 0, 1],
      ['relay-off.example', 1, 1, 0],
      ['relay-all.example', 1, 1, 1],
      ['not-relay-all.example', 0, 1, 1],
      ['relay-and-alias.example', 1, 1, 1],
    ]) +
    insert('alias_domain', 'alias_domain, target_domain, active', [
      ['alias.example', 'on.example', 1],
      ['alias-off.example', 'on.example', 0],
      ['relay-and-alias.example', 'on.example', 1],
      ['alias-of-off.example', 'off.example', 1],
      ['alias-of-catch.example', 'catch.example', 1],
    ]) +
    insert('mailbox', 'username, local_part, domain, attributes, kind, active', [
      box('user@on.example', 1),
      box('no-login@on.example', 2),
      box('gone@on.example', 0),
      box('room@on.example', 1, 'location'),
      box('dead-room@on.example', 0, 'thing'),
      box('user@off.example', 1),
      box('user@relay.example', 1),
      box('room@relay.example', 1, 'group'),
    ]) +
    insert(
      'alias',
      `address, goto, domain, active${version.internal ? ', internal' : ''}`,
      cut(
        [
          ...['user@on.example', 'user@relay.example', 'user@off.example'].map((address) => alias(address, 1)),
          alias('no-login@on.example', 2),
          alias('gone@on.example', 0),
          alias('info@on.example', 1),
          alias('hidden@on.example', 2),
          alias('old@on.example', 0),
          alias('staff@on.example', 1, 1),
          alias('hidden-staff@on.example', 2, 1),
          alias('own@alias.example', 1),
          alias('known@relay.example', 1),
          alias('unknown@relay.example', 0),
          alias('known@relay-off.example', 1),
          alias('@catch.example', 1),
          alias('info@off.example', 1),
          alias('info@elsewhere.example', 1),
        ],
        version.internal ? 5 : 4,
      ),
    ) +
    insert(
      'spamalias',
      `address, goto, validity${version.permanent ? ', permanent' : ''}`,
      cut(
        [
          ['temp@on.example', 'user@on.example', seconds + DAY, 0],
          ['expired@on.example', 'user@on.example', seconds - DAY, 0],
          ['for-ever@on.example', 'user@on.example', seconds - DAY, 1],
          ['no-date@on.example', 'user@on.example', null, 0],
          ['temp@alias.example', 'user@on.example', seconds + DAY, 0],
          ['temp@off.example', 'user@on.example', seconds + DAY, 0],
        ],
        version.permanent ? 4 : 3,
      ),
    ) +
    insert('recipient_maps', 'old_dest, new_dest, active', [
      ['rewritten@on.example', 'user@on.example', 1],
      ['not-rewritten@on.example', 'user@on.example', 0],
      ['rewritten@off.example', 'user@on.example', 1],
    ]) +
    byChance(chance, version),
  lookups: () => ({
    domains: `SELECT alias_domain FROM alias_domain WHERE alias_domain = '%s' AND active = '1'
      UNION SELECT domain FROM domain WHERE domain = '%s' AND active = '1' AND backupmx = '0'`,
    relayDomains: "SELECT domain FROM domain WHERE domain = '%s' AND backupmx = '1' AND active = '1'",
    relayRecipients: `SELECT DISTINCT CASE WHEN '%d' IN (SELECT domain FROM domain WHERE relay_all_recipients = 1 AND domain = '%d' AND backupmx = 1)
      THEN '%s' ELSE (SELECT goto FROM alias WHERE address = '%s' AND active = '1') END AS result`,
    alias: "SELECT goto FROM alias WHERE address = '%s' AND (active = '1' OR active = '2')",
    resource: "SELECT 'null@localhost' FROM mailbox WHERE kind REGEXP 'location|thing|group' AND username = '%s'",
    spamalias: `SELECT goto FROM spamalias WHERE address = '%s' AND ${
      version.permanent ? '(validity >= UNIX_TIMESTAMP() OR permanent != 0)' : 'validity >= UNIX_TIMESTAMP()'
    }`,
    aliasDomain: `SELECT username FROM mailbox, alias_domain WHERE alias_domain.alias_domain = '%d'
      AND mailbox.username = CONCAT('%u', '@', alias_domain.target_domain) AND (mailbox.active = '1' OR mailbox.active = '2') AND alias_domain.active = '1'`,
    mailbox: `SELECT CONCAT(JSON_UNQUOTE(JSON_VALUE(attributes, '$.mailbox_format')), mailbox_path_prefix, '%d/%u/') FROM mailbox
      WHERE username = '%s' AND (active = '1' OR active = '2')`,
    canonical: "SELECT new_dest FROM recipient_maps WHERE old_dest = '%s' AND active = '1'",
  }),
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('alias', 'resource', 'spamalias', 'aliasDomain'),
    virtual_mailbox_maps: map('mailbox'),
    relay_domains: map('relayDomains'),
    relay_recipient_maps: map('relayRecipients'),
    recipient_canonical_maps: map('canonical'),
    recipient_canonical_classes: 'envelope_recipient',
    parent_domain_matches_subdomains: '',
  }),
  wildcards: ['catch.example', 'relay-all.example'],
  entries: () => [
    accepted('user@on.example'),
    accepted('info@on.example'),
    accepted('no-login@on.example', 'active = 2: no login, but mail'),
    accepted('hidden@on.example', 'an alias with active = 2'),
    refused('gone@on.example', 'inactive'),
    refused('old@on.example', 'an inactive alias'),
    version.internal
      ? later('staff@on.example', 'internal: Rspamd rejects what strangers send to it')
      : accepted('staff@on.example'),
    accepted('hidden-staff@on.example', 'internal with active = 2, of which Rspamd does not ask'),
    accepted('room@on.example', 'a resource'),
    accepted('dead-room@on.example', 'a resource, whatever its active is'),
    accepted('temp@on.example', 'a temporary alias'),
    refused('expired@on.example', 'a temporary alias that has expired'),
    version.permanent
      ? accepted('for-ever@on.example', 'a permanent temporary alias')
      : refused('for-ever@on.example', 'a temporary alias that has expired'),
    refused('no-date@on.example', 'a temporary alias without a date'),
    accepted('rewritten@on.example', 'a recipient map'),
    refused('not-rewritten@on.example', 'an inactive recipient map'),
    refused('nobody@on.example'),
    refused('user@off.example', 'the domain is inactive'),
    refused('info@off.example', 'the domain is inactive'),
    refused('temp@off.example', 'the domain is inactive'),
    refused('rewritten@off.example', 'the domain is inactive'),
    refused('info@elsewhere.example', 'an alias of no domain'),
    accepted('user@alias.example', 'an alias domain'),
    accepted('no-login@alias.example', 'active = 2 in an alias domain'),
    refused('info@alias.example', 'an alias domain has the mailboxes of its target, not the aliases'),
    refused('gone@alias.example', 'inactive in the target'),
    accepted('own@alias.example', 'an alias domain with an alias of its own'),
    accepted('temp@alias.example', 'a temporary alias in an alias domain'),
    refused('user@alias-off.example', 'the alias domain is inactive'),
    accepted('user@alias-of-off.example', 'only the target domain is inactive, which no lookup asks'),
    accepted('anybody@catch.example', 'a catch-all'),
    refused('anybody@alias-of-catch.example', 'the catch-all of the target does not hold in its alias domain'),
    accepted('user@relay.example', 'a relayed domain'),
    accepted('known@relay.example', 'a relayed domain'),
    accepted('room@relay.example', 'a resource of a relayed domain'),
    refused('unknown@relay.example', 'inactive in a relayed domain'),
    refused('nobody@relay.example', 'a relayed domain'),
    refused('known@relay-off.example', 'an inactive relayed domain'),
    refused('nobody@relay-off.example', 'an inactive relayed domain with all recipients'),
    accepted('anybody@relay-all.example', 'a relayed domain with all recipients'),
    refused('anybody@not-relay-all.example', 'all recipients, but not relayed'),
    accepted('user@relay-and-alias.example', 'an alias domain that is relayed as well'),
    refused('anybody@relay-and-alias.example', 'an alias domain that is relayed as well'),
  ],
});

export const mailcow: readonly Software[] = [
  { name: '2023-12a and 2025-07', internal: false, permanent: false },
  { name: '2025-10a', internal: true, permanent: false },
  { name: '2025-12 and later', internal: true, permanent: true },
].map(mailcowOf);
