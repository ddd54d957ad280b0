// The ways to know recipients that are compared: for each, the Postfix that uses it.
import { ldapLines, sqlLines } from './world.mjs';

/** Round trip of the way to a source that is elsewhere, in milliseconds. */
export const ROUND_TRIP = 20;

/**
 * Debian's defaults where the tests' Postfix has others. What stays lifted: the limits for clients that ask for many
 * recipients which do not exist, and the delay of mail that comes in faster than it goes out (in_flow_delay).
 */
const DEFAULTS = { max_use: '100', max_idle: '100s', address_verify_poll_delay: '3s' };

const asksTable = (type, name, lines) => (port) => ({
  mainCf: { relay_recipient_maps: `${type}:{dir}/${name}.cf`, relay_transport: 'discard:' },
  files: { [`${name}.cf`]: lines(port) },
});

const verifies = (port) => ({
  mainCf: {
    relay_recipient_maps: '',
    smtpd_recipient_restrictions: 'reject_unverified_recipient',
    unverified_recipient_reject_code: '550',
    relay_transport: `relay:[127.0.0.1]:${port}`,
  },
});

/** Those that ask a server for each recipient: name, the server, and the Postfix for a port of it. */
export const ASKING = [
  { name: 'ldap:', source: 'slapd', options: asksTable('ldap', 'ldap', ldapLines) },
  { name: 'proxy:ldap:', source: 'slapd', options: asksTable('proxy:ldap', 'ldap', ldapLines) },
  {
    name: 'proxy:pgsql:',
    source: 'postgres',
    options: asksTable('proxy:pgsql', 'sql', (port) => sqlLines(port, 'postgres')),
  },
  {
    name: 'proxy:mysql:',
    source: 'mariadb',
    options: asksTable('proxy:mysql', 'sql', (port) => sqlLines(port, 'relay')),
  },
];

export const VERIFYING = { name: 'reject_unverified_recipient', source: 'primary', options: verifies };

/** Those that read files of this host: name, and the table. */
export const reading = (world) => [
  { name: 'cdb (relaymap)', table: `cdb:${world.maps('gateway')}/relay_recipients` },
  { name: 'lmdb', table: `lmdb:${world.at('text/recipients')}` },
  { name: 'texthash', table: `texthash:${world.at('text/recipients')}` },
  { name: 'proxy:texthash', table: `proxy:texthash:${world.at('text/recipients')}` },
];

/** All know the relayed domains from the same cdb, so that only the look-up of the recipient differs. */
export async function startContender(world, { mainCf, files = {} }, maps = world.maps('gateway')) {
  const common = { ...DEFAULTS, relay_domains: `cdb:${maps}/relay_domains` };
  return await world.tests.startPostfix({ mainCf: { ...common, ...mainCf }, files });
}

export const readsTable = (table) => ({ mainCf: { relay_recipient_maps: table, relay_transport: 'discard:' } });
