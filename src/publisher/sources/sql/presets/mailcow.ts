/**
 * mailcow: dockerized (2025 and later), after the lookups that its Postfix container writes (data/Dockerfiles/postfix/postfix.sh). Pure.
 *
 * Domains: active ones, those that are relayed (`backupmx`) as well, and active alias domains whatever their target is.
 * Accepted in them: aliases and mailboxes with `active` 1 or 2 (2: no login, mail still comes in); in an alias domain the target's
 * mailboxes, not its aliases; resources (rooms, things, groups); temporary aliases that are valid or permanent; what a recipient map
 * rewrites. A relayed domain with `relay_all_recipients` accepts everybody, and is given as the catch-all that it is. An alias that is
 * `internal` is left out: Postfix takes it, but Rspamd then rejects all mail for it that comes from another domain.
 */
import type { Queries } from './dialects.ts';

const DOMAINS = `(SELECT domain FROM domain WHERE active = 1
    UNION SELECT alias_domain FROM alias_domain WHERE active = 1)`;
const OWN = `(SELECT domain FROM domain WHERE active = 1 AND backupmx = 0
    UNION SELECT alias_domain FROM alias_domain WHERE active = 1)`;

export const mailcow: Queries = {
  mysql: `
  SELECT a.address FROM alias a JOIN ${DOMAINS} d ON d.domain = SUBSTRING_INDEX(a.address, '@', -1)
  WHERE a.active IN (1, 2) AND a.internal = 0 AND a.goto <> ''
  UNION ALL
  SELECT m.username FROM mailbox m JOIN ${OWN} d ON d.domain = SUBSTRING_INDEX(m.username, '@', -1)
  WHERE m.active IN (1, 2)
  UNION ALL
  SELECT m.username FROM mailbox m JOIN ${DOMAINS} d ON d.domain = SUBSTRING_INDEX(m.username, '@', -1)
  WHERE m.kind REGEXP 'location|thing|group'
  UNION ALL
  SELECT CONCAT(LEFT(m.username, CHAR_LENGTH(m.username) - CHAR_LENGTH(ad.target_domain)), ad.alias_domain)
  FROM mailbox m JOIN alias_domain ad ON ad.target_domain = SUBSTRING_INDEX(m.username, '@', -1)
  WHERE m.active IN (1, 2) AND ad.active = 1
  UNION ALL
  SELECT s.address FROM spamalias s JOIN ${DOMAINS} d ON d.domain = SUBSTRING_INDEX(s.address, '@', -1)
  WHERE (s.validity >= {epoch} OR s.permanent <> 0) AND s.goto <> ''
  UNION ALL
  SELECT r.old_dest FROM recipient_maps r JOIN ${DOMAINS} d ON d.domain = SUBSTRING_INDEX(r.old_dest, '@', -1)
  WHERE r.active = 1 AND r.old_dest LIKE '%@%' AND r.new_dest <> ''
  UNION ALL
  SELECT CONCAT('@', domain) FROM domain WHERE active = 1 AND backupmx = 1 AND relay_all_recipients = 1`,
};
