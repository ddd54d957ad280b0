/**
 * Mailman 3.0 to 3.3, after the maps that its core writes for Postfix (mailman/mta/postfix.py: postfix_lmtp as
 * relay_recipient_maps, postfix_domains, postfix_vmap). Pure.
 *
 * Each list has its posting address and eight others (`-bounces`, `-request`, ...), whatever its settings are. If
 * its domain has an `alias_domain`, Postfix relays that domain and rewrites the list's own domain to it: the preset
 * gives the addresses in both. `-bounces+...` and `-confirm+...` need `recipient_delimiter = +` on the gateways.
 */
import type { Schema } from '../schema.ts';
import type { SqlPreset, Words } from './dialects.ts';

const SUFFIXES = ['', '-bounces', '-confirm', '-join', '-leave', '-owner', '-request', '-subscribe', '-unsubscribe'];

const query = ({ key, finds, address, concat }: Words, schema: Schema): string => {
  const suffixes = SUFFIXES.map((suffix) => `SELECT '${suffix}' AS suffix`).join(' UNION ALL ');
  const of = (host: string) => address(concat(key('l.list_name'), 's.suffix'), host);
  const aliased = `
  UNION ALL
  SELECT ${of(key('d.alias_domain'))} FROM mailinglist l JOIN domain d ON ${finds('d.mail_host', key('l.mail_host'))}
  CROSS JOIN (${suffixes}) s
  WHERE l.list_name <> '' AND d.alias_domain <> ''`;
  return `
  SELECT ${of(key('l.mail_host'))} FROM mailinglist l CROSS JOIN (${suffixes}) s WHERE l.list_name <> ''
  ${schema.has('domain', 'alias_domain') ? aliased : ''}`;
};

export const mailman3: SqlPreset = {
  software: 'Mailman 3.0 to 3.3',
  dialects: ['sqlite', 'postgres', 'mysql'],
  needs: { mailinglist: 'list_name mail_host', domain: 'mail_host' },
  tables: { l: 'mailinglist', d: 'domain' },
  query,
};
