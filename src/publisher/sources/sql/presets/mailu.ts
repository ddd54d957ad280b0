/**
 * Mailu 1.9 to 2024.06 and its main branch of 2026, after the answers that its admin service gives Postfix
 * (core/admin/mailu/internal/views/postfix.py and models.py). Pure.
 *
 * Domains: `domain` and `alternative`, another name of one. In a domain every user is accepted, whatever its
 * `enabled` is, and every alias that leads somewhere, in any case; from 2026 on not one that is `disabled` or whose
 * owner is. In an alternative the users and aliases of its domain are, but not a user who forwards to nobody and
 * keeps nothing. If an alternative has the name of a domain, only the users of that domain count.
 *
 * A `wildcard` alias is a pattern of LIKE. `%` is a catch-all. A list cannot state any other pattern: the preset
 * gives the catch-all for it too. A relayed domain has no table of recipients, so every address is accepted: the
 * preset gives the catch-all.
 */
import type { Schema } from '../schema.ts';
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ table, is, key, finds, domain, moved, catchAll, address }: Words, schema: Schema): string => {
  const isAlternative = (name: string) => `EXISTS (SELECT 1 FROM alternative oa WHERE ${finds('oa.name', name)})`;
  const isOurs = (name: string) =>
    `(EXISTS (SELECT 1 FROM domain o WHERE ${finds('o.name', name)}) OR ${isAlternative(name)})`;
  const owner = `(a.owner_email IS NULL OR EXISTS (SELECT 1 FROM ${table('user')} w
    WHERE ${finds('w.email', key('a.owner_email'))} AND ${is('w.enabled')}))`;
  const isOpen = [
    `TRIM(a.destination) <> ''`,
    ...(schema.has('alias', 'disabled') ? [`NOT (${is('a.disabled')})`] : []),
    ...(schema.has('alias', 'owner_email') ? [owner] : []),
  ].join(' AND ');
  const isPattern = `(${is('a.wildcard')} AND (a.localpart LIKE '%!%%' ESCAPE '!' OR a.localpart LIKE '%!_%' ESCAPE '!'))`;
  const aliasIn = (name: string) =>
    `CASE WHEN ${isPattern} THEN ${catchAll(name)} ELSE ${address(`LOWER(${key('a.localpart')})`, name)} END`;
  /** A user who forwards to nobody and keeps nothing leads nowhere, also where an alias has the same address. */
  const leads = (user: string) =>
    `(NOT (${is(`${user}.forward_enabled`)}) OR ${is(`${user}.forward_keep`)} OR COALESCE(TRIM(${user}.forward_destination), '') <> '')`;
  const isHidden = `EXISTS (SELECT 1 FROM ${table('user')} v
    WHERE ${finds('v.email', address(`LOWER(${key('a.localpart')})`, key('a.domain_name')))} AND NOT ${leads('v')})`;
  const [box, other] = [key('u.email'), key('l.name')];
  return `
  SELECT ${box} FROM ${table('user')} u
  WHERE u.email LIKE '%@%' AND ${finds('u.email', box)} AND ${isOurs(domain(box))}
  UNION ALL
  SELECT ${moved(box, other)} FROM ${table('user')} u JOIN alternative l ON ${finds('l.domain_name', domain(box))}
  WHERE u.email LIKE '%@%' AND ${finds('u.email', box)}
    AND ${leads('u')}
  UNION ALL
  SELECT ${aliasIn(key('a.domain_name'))} FROM alias a
  WHERE ${isOpen} AND ${isOurs(key('a.domain_name'))} AND NOT ${isAlternative(key('a.domain_name'))}
  UNION ALL
  SELECT ${aliasIn(other)} FROM alias a JOIN alternative l ON ${finds('l.domain_name', key('a.domain_name'))}
  WHERE ${isOpen} AND (${isPattern} OR NOT ${isHidden})
  UNION ALL
  SELECT ${catchAll(key('r.name'))} FROM relay r WHERE NOT ${isOurs(key('r.name'))}`;
};

export const mailu: SqlPreset = {
  software: 'Mailu 1.9 to 2024.06',
  dialects: ['sqlite', 'postgres', 'mysql'],
  needs: {
    domain: 'name',
    alternative: 'name domain_name',
    relay: 'name smtp',
    user: 'email enabled forward_enabled forward_keep forward_destination',
    alias: 'localpart domain_name wildcard destination',
  },
  tables: { u: 'user', v: 'user', w: 'user', a: 'alias', l: 'alternative', oa: 'alternative', o: 'domain', r: 'relay' },
  query,
};
