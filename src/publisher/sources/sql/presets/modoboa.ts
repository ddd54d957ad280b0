/**
 * Modoboa 2.2 and later, after the maps that its `generate_postfix_maps` writes and the lookups of Dovecot beside them. Pure.
 *
 * Domains: enabled ones (of relayed ones what is known here), and enabled alias domains of enabled targets. Accepted: enabled aliases
 * that are not past `expire_at` and have a recipient. Each mailbox has an internal alias to itself, enabled as long as its
 * account is; mail for a mailbox that is `is_send_only` is refused by Dovecot, whom Postfix asks at RCPT, so an alias that leads
 * nowhere else is left out. Each alias domain has an internal alias `@aliasdomain` that rewrites to its target: no catch-all, but
 * what makes the target's addresses count in it. A catch-all is an alias `@domain` that is not internal.
 */
import { mysql, postgres, sqlite, type Queries, type Words } from './dialects.ts';

const query = ({ is, domain, moved, catchAll, now, found }: Words) => {
  const open = (a: string) => `${is(`${a}.enabled`)} AND (${a}.expire_at IS NULL OR ${a}.expire_at > ${now})`;
  const receives = `EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r LEFT JOIN admin_mailbox m ON m.id = r.r_mailbox_id
    WHERE r.alias_id = a.id AND r.address <> '' AND (m.id IS NULL OR NOT (${is('m.is_send_only')})))`;
  const accepted = `${open('a')} AND ${receives} AND ${found('a.address')}
    AND NOT (${is('a.internal')} AND a.address LIKE '@%')`;
  const own = `(SELECT name FROM admin_domain WHERE ${is('enabled')}
    UNION SELECT da.name FROM admin_domainalias da JOIN admin_domain t ON t.id = da.target_id
    WHERE ${is('da.enabled')} AND ${is('t.enabled')})`;
  return `
  SELECT a.address FROM admin_alias a JOIN ${own} d ON d.name = ${domain('a.address')} WHERE ${accepted}
  UNION ALL
  SELECT ${moved('a.address', 'da.name')} FROM admin_alias a JOIN admin_domain t ON t.name = ${domain('a.address')}
  JOIN admin_domainalias da ON da.target_id = t.id
  WHERE ${accepted} AND ${is('t.enabled')} AND ${is('da.enabled')} AND ${found('da.name')}
    AND EXISTS (SELECT 1 FROM admin_alias i WHERE i.address = ${catchAll('da.name')} AND ${open('i')})`;
};

export const modoboa: Queries = { postgres: query(postgres), mysql: query(mysql), sqlite: query(sqlite) };
