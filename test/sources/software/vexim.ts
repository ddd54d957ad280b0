// Vexim with the tables of its setup, and an Exim with its access lists and routers (docs/debian-conf.d,
// docs/configure).
import { accepted, insert, refused, type Chance, type Software } from './software.ts';

const tables = `
  CREATE TABLE domains (domain_id int AUTO_INCREMENT PRIMARY KEY, domain varchar(255) NOT NULL DEFAULT '', type varchar(5),
    enabled tinyint(1) NOT NULL DEFAULT 1, uid int NOT NULL DEFAULT 65534, UNIQUE KEY domain (domain));
  CREATE TABLE users (user_id int AUTO_INCREMENT PRIMARY KEY, domain_id int NOT NULL, localpart varchar(64) NOT NULL DEFAULT '',
    username varchar(255) NOT NULL DEFAULT '', smtp varchar(4096),
    type enum('local','alias','catch','fail','piped','admin','site') NOT NULL DEFAULT 'local', on_forward tinyint(1) NOT NULL DEFAULT 0,
    enabled tinyint(1) NOT NULL DEFAULT 1, forward varchar(4096), unseen tinyint(1) NOT NULL DEFAULT 0,
    UNIQUE KEY username (localpart, domain_id), KEY domain_id (domain_id));
  CREATE TABLE domainalias (domain_id int NOT NULL, alias varchar(255) NOT NULL PRIMARY KEY);
  CREATE TABLE \`groups\` (id int AUTO_INCREMENT PRIMARY KEY, domain_id int NOT NULL, name varchar(64) NOT NULL,
    is_public char(1) NOT NULL DEFAULT 'Y', enabled tinyint(1) NOT NULL DEFAULT 1, UNIQUE KEY group_name (domain_id, name));
  CREATE TABLE group_contents (group_id int NOT NULL, member_id int NOT NULL, PRIMARY KEY (group_id, member_id));
  INSERT INTO domains (domain_id, domain, type, enabled) VALUES (1, 'admin', NULL, 1), (2, 'on.example', 'local', 1),
    (3, 'off.example', 'local', 0), (4, 'relay.example', 'relay', 1), (5, 'relay-off.example', 'relay', 0), (6, 'catch.example', 'local', 1),
    (7, 'catch-nobody.example', 'local', 1), (8, 'catch-fail.example', 'local', 1);
  INSERT INTO domainalias (domain_id, alias) VALUES (2, 'alias.example'), (6, 'alias-of-catch.example'), (4, 'alias-of-relay.example');
`;
const USERS = 'domain_id, localpart, username, smtp, type, on_forward, forward, enabled, unseen';
const BOX = '/var/vmail/x/Maildir';
interface More {
  readonly type?: string;
  readonly forward?: string;
  readonly enabled?: number;
  readonly unseen?: number;
}
const user = (
  domain: number,
  local: string,
  smtp: string,
  { type = 'local', forward = '', enabled = 1, unseen = 0 }: More = {},
) => [domain, local, `${local}@${domain}`, smtp, type, forward === '' ? 0 : 1, forward, enabled, unseen] as const;

const FIRST = 100;

const byChance = (chance: Chance): string => {
  const domains = chance.domains.filter(() => chance.percent(90));
  const ids = new Map(domains.map((domain, i) => [domain, FIRST + i]));
  const on = domains.filter(() => chance.percent(85));
  const rows = chance.addresses(40).flatMap((address) => {
    const at = address.lastIndexOf('@');
    const id = ids.get(address.slice(at + 1));
    if (id === undefined) return [];
    const kind = chance.random.number(100);
    const smtp =
      kind < 55
        ? BOX
        : kind < 70
          ? chance.plainAddress()
          : kind < 78
            ? `${chance.plainAddress()},${chance.plainAddress()}`
            : kind < 83
              ? '|/usr/bin/filter'
              : kind < 88
                ? ':blackhole:'
                : kind < 94
                  ? 'someone@elsewhere.example'
                  : '';
    return [
      user(id, address.slice(0, at), smtp, {
        type: chance.percent(5) ? 'fail' : 'local',
        forward: chance.percent(10) ? chance.plainAddress() : '',
        enabled: chance.bit(85),
        unseen: chance.bit(40),
      }),
    ];
  });
  return (
    insert(
      'domains',
      'domain_id, domain, type, enabled',
      domains.map((domain) => [ids.get(domain) ?? 0, domain, 'local', on.includes(domain) ? 1 : 0]),
    ) +
    insert('users', USERS, [
      ...rows,
      ...domains
        .filter(() => chance.percent(8))
        .map((domain) => user(ids.get(domain) ?? 0, '*', 'user@on.example', { type: 'catch' })),
    ]) +
    insert(
      'domainalias',
      'domain_id, alias',
      ['a0.example', 'a1.example', 'a2.example', 'a3.example']
        .slice(0, on.length)
        .map((alias) => [ids.get(chance.random.pick(on)) ?? 0, alias]),
    )
  );
};

const lookup = (query: string) => `\${lookup mysql{${query.replace(/\s+/g, ' ')}}}`;
const HERE =
  "localpart = '${quote_mysql:$local_part}' and domain = '${quote_mysql:$domain}' and users.domain_id = domains.domain_id";
const SUFFIX = 'local_part_suffix = +*\n  local_part_suffix_optional\n  retry_use_local_part';
const fails = (how: string) =>
  `condition = \${if eq {${lookup(`select count(*) from users,domains where users.type = 'fail' and users.smtp ${how} ':fail:' and ${HERE}`)}}{1}{yes}{no}}`;

const config = `primary_hostname = mx.example
recipients_max = 0
smtp_accept_max_nonmail = 100000
domainlist local_domains = ${lookup("SELECT DISTINCT domain FROM domains WHERE type = 'local' AND enabled = '1' AND domain = '${quote_mysql:$domain}'")} : \\
  ${lookup("SELECT DISTINCT alias FROM domainalias WHERE alias = '${quote_mysql:$domain}'")}
domainlist relay_to_domains = ${lookup("SELECT DISTINCT domain FROM domains WHERE type = 'relay' AND domain = '${quote_mysql:$domain}'")}
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  deny local_parts = ^.*[@%!/|] : ^\\\\.
  accept local_parts = postmaster
    domains = +local_domains
  accept domains = +local_domains
    endpass
    verify = recipient
  accept domains = +relay_to_domains
    endpass
    verify = recipient
  deny message = relay not permitted
begin routers
elsewhere:
  driver = manualroute
  domains = ! +local_domains
  transport = remote
  route_list = * 127.0.0.1
  self = send
  no_more
ditch_551_fails:
  driver = redirect
  allow_fail
  ${fails('!=')}
  data = :fail: 551 User not local
  ${SUFFIX}
ditch_550_fails:
  driver = redirect
  allow_fail
  ${fails('=')}
  data = :fail: Unrouteable address
  ${SUFFIX}
virtual_forward:
  driver = redirect
  domains = +local_domains
  check_ancestor
  unseen = \${if eq {${lookup(`select unseen from users,domains where users.on_forward = '1' and ${HERE}`)}}{1}{yes}{no}}
  data = ${lookup(`select forward from users,domains where on_forward = '1' and ${HERE}`)}
  condition = \${if eq {${lookup(`select users.on_forward from users,domains where users.on_forward = '1' and ${HERE}`)}}{1} {yes}{no}}
virtual_domains:
  driver = redirect
  domains = +local_domains
  address_data = \${lookup mysql{select smtp from users,domains where domains.enabled = '1' and users.enabled = '1' and ${HERE}}{$value}fail}
  allow_fail
  data = $address_data
  ${SUFFIX}
  file_transport = virtual_delivery
  pipe_transport = address_pipe
virtual_dom_groups:
  driver = redirect
  domains = +local_domains
  allow_fail
  senders = \${if eq{Y}{${lookup("select g.is_public from groups g, domains d where d.enabled = '1' and d.domain = '${quote_mysql:$domain}' and d.domain_id = g.domain_id and g.enabled = '1' and g.name = '${quote_mysql:$local_part}'")}} {$sender_address}{}}
  data = ${lookup("select concat_ws('@', u.localpart, d.domain) from domains d, groups g, group_contents c, users u where d.enabled = '1' and d.domain = '${quote_mysql:$domain}' and d.domain_id = g.domain_id and g.enabled = '1' and g.id = c.group_id and c.member_id = u.user_id and d.domain_id = u.domain_id and u.enabled = '1' and g.name = '${quote_mysql:$local_part}'")}
  ${SUFFIX}
  pipe_transport = address_pipe
virtual_domains_catchall:
  driver = redirect
  domains = +local_domains
  allow_fail
  data = ${lookup("select smtp from users,domains where localpart = '*' and domain = '${quote_mysql:$domain}' and users.domain_id = domains.domain_id")}
  retry_use_local_part
  file_transport = virtual_delivery
  pipe_transport = address_pipe
virtual_domain_alias:
  driver = redirect
  domains = +local_domains
  allow_fail
  data = ${lookup("select concat('${quote_mysql:$local_part}@', domain) from domains,domainalias where domainalias.alias = '${quote_mysql:$domain}' and domainalias.domain_id = domains.domain_id")}
  retry_use_local_part
begin transports
remote:
  driver = smtp
virtual_delivery:
  driver = appendfile
  maildir_format
  create_directory
address_pipe:
  driver = pipe
`;

export const vexim: Software = {
  preset: 'vexim',
  name: 'Vexim 2.2 and 2.3',
  kinds: ['mysql'],
  statements: (_, chance) =>
    tables +
    insert('users', USERS, [
      user(1, 'siteadmin', '', { type: 'site' }),
      user(2, 'user', BOX),
      user(2, 'gone', BOX, { enabled: 0 }),
      user(2, 'Capital', BOX),
      user(2, 'info', 'user@on.example', { type: 'alias' }),
      user(2, 'many', 'nobody@on.example,nobody@off.example', { type: 'alias' }),
      user(2, 'away', 'someone@elsewhere.example', { type: 'alias' }),
      user(2, 'dead', 'nobody@on.example', { type: 'alias' }),
      user(2, 'chain', 'info@alias.example', { type: 'alias' }),
      user(2, 'ring', 'gnir@on.example', { type: 'alias' }),
      user(2, 'gnir', 'ring@on.example', { type: 'alias' }),
      user(2, 'failed', ':fail:', { type: 'fail' }),
      user(2, 'moved', 'user@elsewhere.example', { type: 'fail', enabled: 0 }),
      user(2, 'piped', '|/usr/bin/filter', { type: 'piped' }),
      user(2, 'hole', ':blackhole:', { type: 'alias' }),
      user(2, 'forwards', BOX, { forward: 'someone@elsewhere.example', enabled: 0 }),
      user(2, 'forwards-dead', BOX, { forward: 'nobody@on.example' }),
      user(2, 'keeps', BOX, { forward: 'nobody@on.example', unseen: 1 }),
      user(2, 'keeps-nothing', BOX, { forward: 'nobody@on.example', unseen: 1, enabled: 0 }),
      user(2, 'keeps-gone', BOX, { forward: 'user@on.example', unseen: 1, enabled: 0 }),
      user(2, 'slash/ed', BOX),
      user(2, '.dot', BOX),
      user(2, 'plus+row', BOX),
      user(2, 'plus+forward', BOX, { forward: 'user@on.example' }),
      user(2, '#comment', BOX),
      user(2, 'plus-target', 'user+tag@on.example', { type: 'alias' }),
      user(3, 'user', BOX),
      user(4, 'user', BOX),
      user(6, '*', 'user@on.example', { type: 'catch' }),
      user(6, 'failed', ':fail:', { type: 'fail' }),
      user(7, '*', 'nobody@on.example', { type: 'catch' }),
      user(8, '*', ':fail:', { type: 'catch' }),
    ]) +
    `INSERT INTO \`groups\` (id, domain_id, name, is_public, enabled) VALUES (1, 2, 'team', 'Y', 1), (2, 2, 'pair', 'Y', 1),
       (3, 2, 'empty', 'Y', 1), (4, 2, 'off-team', 'Y', 0), (5, 2, 'gone-team', 'Y', 1), (6, 2, 'closed', 'N', 1);
     INSERT INTO group_contents SELECT 1, user_id FROM users WHERE domain_id = 2 AND localpart = 'user';
     INSERT INTO group_contents SELECT 2, user_id FROM users WHERE domain_id = 2 AND localpart IN ('user', 'dead');
     INSERT INTO group_contents SELECT 4, user_id FROM users WHERE domain_id = 2 AND localpart = 'user';
     INSERT INTO group_contents SELECT 5, user_id FROM users WHERE domain_id = 2 AND localpart IN ('gone', 'dead');
     INSERT INTO group_contents SELECT 6, user_id FROM users WHERE domain_id = 2 AND localpart = 'user';` +
    byChance(chance),
  lookups: () => ({}),
  mainCf: () => ({}),
  exim: config,
  delimiter: '+',
  hasExceptions: true,
  // What a closed group says depends on the sender; a comma in a domain alias makes two recipients of one.
  isException: (address) => /^closed@|,.*@(a[0-9]|alias)/.test(address),
  wildcards: [
    'catch.example',
    'alias-of-catch.example',
    'relay.example',
    'relay-off.example',
    'alias-of-relay.example',
  ],
  entries: () => [
    accepted('user@on.example'),
    refused('gone@on.example', 'the account is disabled'),
    accepted('capital@on.example', 'capitals in the table'),
    accepted('info@on.example', 'an alias'),
    accepted('many@on.example', 'an alias of several, of whom nobody exists'),
    accepted('away@on.example', 'an alias that leads elsewhere'),
    refused('dead@on.example', 'an alias that leads to nobody'),
    accepted('chain@on.example', 'an alias of an alias in a domain alias'),
    refused('ring@on.example', 'two aliases that lead to each other'),
    refused('failed@on.example', 'an address that fails'),
    refused('moved@on.example', 'an address that has moved'),
    accepted('piped@on.example', 'a pipe'),
    accepted('hole@on.example', 'a black hole'),
    accepted('forwards@on.example', 'a forward of a disabled account'),
    refused('forwards-dead@on.example', 'a forward to nobody'),
    accepted('keeps-gone@on.example', 'a forward that keeps a copy for a disabled account'),
    accepted('keeps@on.example', 'a forward to nobody that keeps a copy'),
    accepted('keeps-nothing@on.example', 'a forward to nobody that keeps a copy for a disabled account'),
    accepted('plus-target@on.example', 'an alias of an extension'),
    refused('slash/ed@on.example', 'a slash, which the access list refuses'),
    refused('plus+row@on.example', 'an account with a +, of which only what is before it is asked'),
    accepted('plus+forward@on.example', 'a forward of an account with a +'),
    accepted('#comment@on.example'),
    refused('#comment@alias.example', 'what Exim takes for a comment, in a domain alias'),
    accepted('team@on.example', 'a group'),
    accepted('pair@on.example', 'a group of two'),
    refused('empty@on.example', 'a group without members'),
    refused('off-team@on.example', 'a disabled group'),
    refused('gone-team@on.example', 'a group whose only enabled member leads nowhere'),
    accepted('postmaster@on.example', 'postmaster'),
    accepted('postmaster@alias.example', 'postmaster of a domain alias'),
    refused('nobody@on.example'),
    accepted('user@alias.example', 'a domain alias'),
    refused('failed@alias.example', 'an address that fails, in a domain alias'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias-of-catch.example', 'the catch-all of a target'),
    refused('anybody@catch-nobody.example', 'a catch-all that leads to nobody'),
    refused('anybody@catch-fail.example', 'a catch-all that fails'),
    refused('user@off.example', 'the domain is disabled'),
    accepted('anybody@relay.example', 'a relayed domain'),
    accepted('anybody@relay-off.example', 'a relayed domain, whatever its enabled is'),
    accepted('anybody@alias-of-relay.example', 'an alias of a relayed domain'),
  ],
};
