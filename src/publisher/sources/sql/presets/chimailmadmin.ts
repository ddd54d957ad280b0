/**
 * Chimailmadmin: tables `xpa_domain`, `xpa_mailbox`, `xpa_alias` and `relay_recipients`, after its address export, which is the
 * relay_recipient_maps of its relays. Pure.
 *
 * Domains: active ones. Accepted: active mailboxes and aliases of such a domain, and every `relay_recipients.email` but those of a
 * domain that `xpa_domain` has as inactive (the table is filled from other servers, for domains that need not be listed). A mailbox's
 * `active` is 1 in one version of the schema, and the text `on` in another. An alias may lack its domain.
 */
import type { Queries } from './dialects.ts';

const ACTIVE = `CAST(m.active AS CHAR(8)) IN ('1', 'on')`;

export const chimailmadmin: Queries = {
  mysql: `
  SELECT m.email_address FROM xpa_mailbox m JOIN xpa_domain d ON d.domain_id = m.domain_id
  WHERE ${ACTIVE} AND d.active > 0
  UNION ALL
  SELECT CASE WHEN a.alias LIKE '%@%' THEN a.alias ELSE CONCAT(a.alias, '@', d.domain) END
  FROM xpa_alias a JOIN xpa_domain d ON d.domain_id = a.domain_id
  WHERE a.active > 0 AND d.active > 0 AND a.alias <> ''
  UNION ALL
  SELECT r.email FROM relay_recipients r LEFT JOIN xpa_domain d ON d.domain = SUBSTRING_INDEX(r.email, '@', -1) AND d.active = 0
  WHERE d.domain IS NULL`,
};
