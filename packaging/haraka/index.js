'use strict';
// Which recipients exist, asked of the maps that relaymap keeps. A map that is missing or damaged defers mail.
const path = require('node:path');
const { Cdb } = require('./cdb.js');

exports.register = function () {
  this.load_relaymap_ini();
  this.register_hook('rcpt', 'check_recipient');
  this.register_hook('get_mx', 'next_hop');
};

exports.load_relaymap_ini = function () {
  const ini = this.config.get('relaymap.ini', { booleans: ['-main.defer'] }, () => this.load_relaymap_ini());
  const { map_dir: folder = '/var/lib/relaymap/maps', delimiter = '', defer = false } = ini.main;
  this.delimiter = delimiter;
  this.defer = defer;
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

/** relay:[host]:port of the map transport, where there is one. */
exports.next_hop = function (next, _item, domain) {
  let route;
  try {
    route = absent(() => this.maps.transport.get(this.fold(domain)));
  } catch (error) {
    this.logerror(`relaymap: ${error.message}`);
    return next(DENYSOFT, 'the next hops cannot be read');
  }
  const [, exact, loose, port] = /^relay:(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(route ?? '') ?? [];
  const exchange = exact ?? loose;
  if (exchange === undefined) return next();
  return next(OK, { exchange, port: Number(port ?? 25), priority: 0 });
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
