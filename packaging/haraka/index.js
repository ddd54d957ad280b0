'use strict';
// Which recipients exist, asked of the maps that relaymap keeps. A map that is missing or damaged defers mail.
const path = require('node:path');
const dns = require('node:dns/promises');
const { Cdb } = require('./cdb.js');

exports.register = function () {
  this.load_relaymap_ini();
  this.register_hook('rcpt', 'check_recipient');
  this.register_hook('get_mx', 'next_hop');
  this.register_hook('data_post', 'send_on', 100);
};

exports.load_relaymap_ini = function () {
  const ini = this.config.get('relaymap.ini', { booleans: ['-main.defer', '-main.next_hops'] }, () =>
    this.load_relaymap_ini(),
  );
  const {
    map_dir: folder = '/var/lib/relaymap/maps',
    delimiter = '',
    defer = false,
    next_hops: nextHops = false,
  } = ini.main;
  this.delimiter = delimiter;
  this.defer = defer;
  this.nextHops = nextHops;
  for (const map of Object.values(this.maps ?? {})) map.close();
  const map = (name) => new Cdb(path.join(folder, `${name}.cdb`));
  this.maps = {
    recipients: map('relay_recipients'),
    domains: map('relay_domains'),
    folding: map('case_folding'),
    stale: map('stale_domains'),
    transport: map('transport'),
  };
};

exports.check_recipient = function (next, connection, params) {
  if (connection.relaying) return next();
  const { maps } = this;
  try {
    const local = this.fold(params[0].user ?? '');
    const domain = this.fold(params[0].original_host ?? params[0].host ?? '');
    if (!maps.domains.has(domain)) return next();
    const keys = [`${local}@${domain}`, ...this.without_extension(local, domain), `@${domain}`];
    if (keys.some((key) => maps.recipients.has(key))) return next(OK);
    if (this.defer || this.is_stale(domain)) return next(DENYSOFT, 'unknown recipient, try again later');
    return next(DENY, 'no such recipient');
  } catch (error) {
    this.logerror(`relaymap: ${error.message}`);
    return next(DENYSOFT, 'the recipient list cannot be read, try again later');
  }
};

/** user+tag is user, where relaymap.ini names a delimiter. */
exports.without_extension = function (local, domain) {
  const at = [...this.delimiter].map((c) => local.indexOf(c)).filter((i) => i > 0);
  return at.length === 0 ? [] : [`${local.slice(0, Math.min(...at))}@${domain}`];
};

/** As the rows are folded: by the table that relaymap puts beside the maps. */
exports.fold = function (text) {
  if (!/[^\u0000-\u007f]/.test(text)) return text.toLowerCase();
  return [...text].map((c) => (c <= '\u007f' ? c.toLowerCase() : (this.maps.folding.get(c) ?? c))).join('');
};

exports.is_stale = function (domain) {
  return absent(() => this.maps.stale.get(domain))?.startsWith('DEFER') === true;
};

/**
 * With next_hops=true: mail for the domains of the lists goes out by Haraka itself, once no plugin refuses it. Only
 * this transaction is let out, and no recipient can come to it any more.
 */
exports.send_on = function (next, connection) {
  const { transaction } = connection;
  if (!this.nextHops || connection.relaying || !transaction) return next();
  try {
    const domains = transaction.rcpt_to.map((rcpt) => this.fold(rcpt.original_host ?? rcpt.host ?? ''));
    if (domains.every((domain) => this.maps.domains.has(domain))) connection.relaying = true;
    return next();
  } catch (error) {
    this.logerror(`relaymap: ${error.message}`);
    return next(DENYSOFT, 'the domains cannot be read, try again later');
  }
};

/** relay:[host]:port of the map transport, where there is one; without the brackets the MX of that host. */
exports.next_hop = async function (next, _item, domain) {
  let route;
  try {
    const get = () => this.maps.transport.get(this.fold(domain));
    route = this.nextHops ? get() : absent(get);
  } catch (error) {
    this.logerror(`relaymap: ${error.message}`);
    return next(DENYSOFT, 'the next hops cannot be read');
  }
  const [, exact, loose, port] = /^relay:(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(route ?? '') ?? [];
  if (exact === undefined && loose === undefined) return next();
  const to = (exchange, priority) => ({ exchange, port: Number(port ?? 25), priority });
  if (exact !== undefined) return next(OK, to(exact, 0));
  try {
    const found = (await dns.resolveMx(loose)).sort((a, b) => a.priority - b.priority);
    return next(
      OK,
      found.map(({ exchange, priority }) => to(exchange, priority)),
    );
  } catch (error) {
    if (error.code === 'ENODATA') return next(OK, to(loose, 0)); // it has no MX: the host itself
    this.logerror(`relaymap: the MX of ${loose}: ${error.message}`);
    return next(DENYSOFT, `the MX of ${loose} is not found`);
  }
};

/** What a map says that need not be there. */
function absent(get) {
  try {
    return get();
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}
