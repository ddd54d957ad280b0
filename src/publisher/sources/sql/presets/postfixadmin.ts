/**
 * PostfixAdmin 2.3 to 4: what the lookups of its DOCUMENTS/POSTFIX_CONF.txt accept. Pure.
 *
 * At RCPT a domain counts if it has an active row in `domain`, an alias domain too (it has a row of its own there). In it Postfix
 * accepts what an active row of `alias` or `mailbox` names; in an active alias domain also the local parts of its target, and the
 * target's catch-all. A mailbox that is inactive while its alias row is not is accepted, since the alias is asked first;
 * PostfixAdmin itself switches both. Whether the target domain is active is not asked. The domain `ALL` is where the rights of
 * superadmins live, and no domain. `backupmx` does not change what these lookups find.
 */
import { mysql, postgres, sqlite, type Queries, type Words } from './dialects.ts';

const query = ({ is, domain, moved, found }: Words) => `
  SELECT a.address FROM alias a JOIN domain d ON d.domain = ${domain('a.address')}
  WHERE ${is('a.active')} AND a.goto <> '' AND ${is('d.active')} AND d.domain <> 'ALL' AND ${found('a.address')}
  UNION ALL
  SELECT m.username FROM mailbox m JOIN domain d ON d.domain = ${domain('m.username')}
  WHERE ${is('m.active')} AND ${is('d.active')} AND d.domain <> 'ALL' AND ${found('m.username')}
  UNION ALL
  SELECT ${moved('a.address', 'ad.alias_domain')} FROM alias a
  JOIN alias_domain ad ON ad.target_domain = ${domain('a.address')} JOIN domain d ON d.domain = ad.alias_domain
  WHERE ${is('a.active')} AND a.goto <> '' AND ${is('ad.active')} AND ${is('d.active')} AND d.domain <> 'ALL'
    AND ${found('a.address')} AND ${found('ad.alias_domain')}
  UNION ALL
  SELECT ${moved('m.username', 'ad.alias_domain')} FROM mailbox m
  JOIN alias_domain ad ON ad.target_domain = ${domain('m.username')} JOIN domain d ON d.domain = ad.alias_domain
  WHERE ${is('m.active')} AND ${is('ad.active')} AND ${is('d.active')} AND d.domain <> 'ALL'
    AND ${found('m.username')} AND ${found('ad.alias_domain')}`;

export const postfixadmin: Queries = { postgres: query(postgres), mysql: query(mysql), sqlite: query(sqlite) };
