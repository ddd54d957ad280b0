/**
 * Chimailmadmin: tables `xpa_domain`, `xpa_mailbox` and `xpa_alias` as its xpa_model.sql makes them, after its
 * address export, which is the relay_recipient_maps of its relays. Pure.
 *
 * Domains: active ones. `relay_recipients.email` is read too if that table is in the same database (the application
 * has its own connection for it, and its schema does not create it): every address except those of a domain that is
 * inactive in `xpa_domain`. An alias may lack its domain.
 *
 * What is active: the application writes `active = 'on'`, which the shipped tinyint column stores as 0. Its export
 * asks for `active = 'on'`, which such a column answers with the rows that contain 0. A row that something else
 * added has the column's default, 1. So in a number neither 0 nor 1 means inactive, and every mailbox counts.
 * Aliases count too: the export does not ask for their `active`. If the column holds text, mailboxes with `on` or
 * `1` count.
 */
import type { Schema } from '../schema.ts';
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ key, finds, domain, address }: Words, schema: Schema): string => {
  const [box, alias, name] = [key('m.email_address'), key('a.alias'), key('d.domain')];
  const isActive = (row: string, table: string) =>
    schema.text(table, 'active') === null ? '1 = 1' : `${row}.active IN ('1', 'on')`;
  const relayed = key('r.email');
  return `
  SELECT ${box} FROM xpa_mailbox m JOIN xpa_domain d ON d.domain_id = m.domain_id
  WHERE ${isActive('m', 'xpa_mailbox')} AND d.active > 0 AND m.email_address LIKE '%@%' AND ${finds('m.email_address', box)}
  UNION ALL
  SELECT CASE WHEN a.alias LIKE '%@%' THEN ${alias} ELSE ${address(alias, name)} END
  FROM xpa_alias a JOIN xpa_domain d ON d.domain_id = a.domain_id
  WHERE ${isActive('a', 'xpa_alias')} AND d.active > 0 AND a.alias <> ''
  ${
    schema.has('relay_recipients')
      ? `UNION ALL
  SELECT ${relayed} FROM relay_recipients r
  WHERE r.email LIKE '%@%'
    AND NOT EXISTS (SELECT 1 FROM xpa_domain o WHERE ${finds('o.domain', domain(relayed))} AND o.active = 0)`
      : ''
  }`;
};

/**
 * Domain and transport, as its relay export has them. A domain without a transport of its own has `maildrop:` there,
 * which is no next hop.
 */
const transport: SqlPreset = {
  software: 'Chimailmadmin',
  dialects: ['mysql'],
  needs: { xpa_domain: 'domain active transport' },
  tables: { d: 'xpa_domain' },
  query: ({ key }) => `
  SELECT ${key('d.domain')}, d.transport FROM xpa_domain d
  WHERE d.active > 0 AND d.transport IS NOT NULL AND d.transport <> ''`,
};

export const chimailmadmin: SqlPreset = {
  software: 'Chimailmadmin',
  dialects: ['mysql'],
  needs: {
    xpa_domain: 'domain_id domain active',
    xpa_mailbox: 'email_address domain_id active',
    xpa_alias: 'alias domain_id active',
  },
  tables: { m: 'xpa_mailbox', a: 'xpa_alias', d: 'xpa_domain', o: 'xpa_domain', r: 'relay_recipients' },
  query,
  transport,
};
