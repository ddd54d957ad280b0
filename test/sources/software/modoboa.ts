// Modoboa after its Django models, and the lookups of its postfix_maps.py.
import { accepted, insert, later, refused, type Software } from './software.ts';

const tables = (time: string) => `
  CREATE TABLE admin_domain (id int PRIMARY KEY, name varchar(100) NOT NULL UNIQUE, enabled boolean NOT NULL, type varchar(20) NOT NULL);
  CREATE TABLE admin_domainalias (id int PRIMARY KEY, name varchar(255) NOT NULL UNIQUE, target_id int NOT NULL, enabled boolean NOT NULL);
  CREATE TABLE core_user (id int PRIMARY KEY, username varchar(254) NOT NULL, is_active boolean NOT NULL);
  CREATE TABLE admin_mailbox (id int PRIMARY KEY, address varchar(252) NOT NULL, domain_id int NOT NULL, user_id int NOT NULL,
    is_send_only boolean NOT NULL);
  CREATE TABLE admin_alias (id int PRIMARY KEY, address varchar(254) NOT NULL, domain_id int, enabled boolean NOT NULL,
    internal boolean NOT NULL, expire_at ${time} NULL);
  CREATE TABLE modoboa_admin_aliasrecipient (id int PRIMARY KEY, address varchar(254) NOT NULL, alias_id int NOT NULL, r_mailbox_id int,
    r_alias_id int);
`;
const domains: [string, boolean, string][] = [
  ['on.example', true, 'domain'],
  ['off.example', false, 'domain'],
  ['catch.example', true, 'domain'],
  ['relay.example', true, 'relaydomain'],
];
const aliasDomains: [string, number, boolean][] = [
  ['alias.example', 1, true],
  ['alias-off.example', 1, false],
  ['alias-of-off.example', 2, true],
  ['alias-of-catch.example', 3, true],
  ['alias-of-relay.example', 4, true],
];
/** Address, account enabled, send-only. */
const boxes: [string, boolean, boolean][] = [
  ['user@on.example', true, false],
  ['gone@on.example', false, false],
  ['mute@on.example', true, true],
  ['user@off.example', true, false],
  ['user@catch.example', true, false],
  ['split@relay.example', true, false],
  ['Capital@on.example', true, false],
];
interface Alias {
  readonly address: string;
  readonly to: readonly string[];
  readonly enabled?: boolean;
  readonly internal?: boolean;
  readonly expires?: string;
}
const aliases: Alias[] = [
  ...boxes.map(([address, enabled]) => ({ address, to: [address], enabled, internal: true })),
  ...aliasDomains.map(([name, target]) => ({
    address: `@${name}`,
    to: [`@${domains[target - 1]?.[0] ?? ''}`],
    internal: true,
  })),
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
];
const domainId = (address: string) => domains.findIndex(([name]) => address.endsWith(`@${name}`)) + 1 || null;
const boxId = (address: string) => boxes.findIndex(([name]) => name === address) + 1 || null;

export const modoboa: Software = {
  preset: 'modoboa',
  kinds: ['postgres', 'mysql'],
  statements: (kind) =>
    tables(kind === 'mysql' ? 'datetime(6)' : 'timestamp with time zone') +
    insert(
      'admin_domain',
      'id, name, enabled, type',
      domains.map((row, i) => [i + 1, ...row]),
    ) +
    insert(
      'admin_domainalias',
      'id, name, target_id, enabled',
      aliasDomains.map((row, i) => [i + 1, ...row]),
    ) +
    insert(
      'core_user',
      'id, username, is_active',
      boxes.map(([address, enabled], i) => [i + 1, address, enabled]),
    ) +
    insert(
      'admin_mailbox',
      'id, address, domain_id, user_id, is_send_only',
      boxes.map(([address, , mute], i) => [i + 1, address.split('@')[0] ?? '', domainId(address), i + 1, mute]),
    ) +
    insert(
      'admin_alias',
      'id, address, domain_id, enabled, internal, expire_at',
      aliases.map(({ address, enabled = true, internal = false, expires = null }, i) => [
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
      aliases
        .flatMap(({ to }, i) => to.map((address) => [address, i + 1, boxId(address)] as const))
        .map((row, i) => [i + 1, ...row]),
    ),
  lookups: (kind) => {
    const on = (column: string) => (kind === 'mysql' ? `${column}=1` : column);
    return {
      domains: `SELECT name FROM admin_domain WHERE name='%s' AND type='domain' AND ${on('enabled')}`,
      relayDomains: `SELECT name FROM admin_domain WHERE name='%s' AND type='relaydomain' AND ${on('enabled')}`,
      domainAliases: `SELECT dom.name FROM admin_domain dom INNER JOIN admin_domainalias domal ON dom.id=domal.target_id
        WHERE domal.name='%s' AND ${on('domal.enabled')} AND ${on('dom.enabled')}`,
      aliases: `SELECT alr.address FROM modoboa_admin_aliasrecipient AS alr INNER JOIN admin_alias AS al ON alr.alias_id=al.id
        WHERE ${on('al.enabled')} AND al.address='%s' AND (al.expire_at IS NULL OR al.expire_at>now())`,
    };
  },
  // Modoboa's Postfix has no tables of mailboxes: it asks Dovecot and relayed hosts (reject_unverified_recipient). Each mailbox has an
  // alias to itself, so that what the aliases do not know is refused here.
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_domains: map('domainAliases'),
    virtual_alias_maps: map('aliases'),
    virtual_mailbox_maps: 'texthash:{dir}/nothing',
    relay_domains: map('relayDomains'),
    relay_recipient_maps: 'texthash:{dir}/nothing',
    parent_domain_matches_subdomains: '',
  }),
  decidedBy: (address) => address.replace('@alias.example', '@on.example').replace('@alias-of-relay.', '@relay.'),
  wildcards: ['catch.example', 'alias-of-catch.example'],
  entries: (kind) => [
    accepted('user@on.example'),
    accepted('info@on.example'),
    accepted('for-now@on.example', 'an alias that has yet to expire'),
    refused('expired@on.example', 'an alias that has expired'),
    refused('old@on.example', 'a disabled alias'),
    refused('empty@on.example', 'an alias without a recipient'),
    refused('gone@on.example', 'a disabled account'),
    later('mute@on.example', 'send-only: Dovecot refuses it'),
    later('to-mute@on.example', 'an alias of a send-only mailbox: Dovecot refuses it'),
    accepted('to-both@on.example', 'an alias of a send-only mailbox and of one that receives'),
    kind === 'mysql'
      ? accepted('capital@on.example', 'capitals in the table, where = does not tell them apart')
      : refused('capital@on.example', 'capitals in the table, where = tells them apart'),
    refused('nobody@on.example'),
    refused('user@off.example', 'the domain is disabled'),
    refused('info@off.example', 'the domain is disabled'),
    accepted('user@alias.example', 'an alias domain'),
    accepted('info@alias.example', "an alias of an alias domain's target"),
    // Postfix itself takes anything in an alias domain, and asks on behalf of the target whether it exists.
    later('nobody@alias.example', 'the internal @aliasdomain is no catch-all: Dovecot knows nobody'),
    later('old@alias.example', 'disabled in the target'),
    later('mute@alias.example', 'send-only in the target'),
    refused('user@alias-off.example', 'the alias domain is disabled'),
    refused('user@alias-of-off.example', 'the target domain is disabled'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias-of-catch.example', 'the catch-all of a target'),
    accepted('split@relay.example', 'a mailbox of a relayed domain'),
    accepted('info@relay.example', 'an alias of a relayed domain'),
    refused('nobody@relay.example', 'a relayed domain'),
    accepted('split@alias-of-relay.example', 'an alias domain of a relayed domain'),
  ],
};
