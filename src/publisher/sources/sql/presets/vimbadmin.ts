/**
 * ViMbAdmin 3: tables `domain`, `alias` and `mailbox` as its Doctrine mappings make them. Pure.
 *
 * At RCPT a domain counts if it is active and no backup MX; in it what an active row of `alias` or `mailbox` names. A mailbox
 * with `delete_pending` is one whose files a cron job has yet to remove: it is gone, and so is the alias that leads to nothing but
 * itself, which ViMbAdmin makes for each mailbox. There are no alias domains. `access_restriction` is about reading mail.
 */
import type { Queries } from './dialects.ts';

export const vimbadmin: Queries = {
  mysql: `
  SELECT a.address FROM alias a JOIN domain d ON d.domain = SUBSTRING_INDEX(a.address, '@', -1)
  LEFT JOIN mailbox m ON m.username = a.address AND m.username = a.goto AND m.delete_pending = 1
  WHERE a.active = 1 AND a.goto <> '' AND d.active = 1 AND d.backupmx = 0 AND m.username IS NULL
  UNION ALL
  SELECT m.username FROM mailbox m JOIN domain d ON d.domain = SUBSTRING_INDEX(m.username, '@', -1)
  WHERE m.active = 1 AND COALESCE(m.delete_pending, 0) = 0 AND d.active = 1 AND d.backupmx = 0`,
};
