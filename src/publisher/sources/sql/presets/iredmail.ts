/**
 * iRedMail 1.x with an SQL backend, after its samples/postfix/{mysql,pgsql}. Pure.
 *
 * Domains: active and no backup MX, and active alias domains of such. Accepted: the active rows of `forwardings`, whatever their
 * `is_...` flags say: a mailbox has one to itself, an alias, a per-user alias and a mailing list (mlmmj) likewise. A row whose
 * address is a bare domain is that domain's catch-all. Mailboxes besides only with `enabledeliver`. An alias domain has the rows of its
 * target. `expired` is a column that no lookup reads: who is past it still gets mail. The lookups find nothing in a backup MX domain:
 * its recipients are known to its primary alone.
 */
import { mysql, postgres, type Queries, type Words } from './dialects.ts';

const query = ({ domain, moved, catchAll, found }: Words) => {
  const own = `(SELECT domain FROM domain WHERE active = 1 AND backupmx = 0
    UNION SELECT ad.alias_domain FROM alias_domain ad JOIN domain t ON t.domain = ad.target_domain
    WHERE ad.active = 1 AND t.active = 1 AND t.backupmx = 0)`;
  return `
  SELECT f.address FROM forwardings f JOIN domain d ON d.domain = f.domain
  JOIN ${own} o ON o.domain = ${domain('f.address')}
  WHERE f.active = 1 AND f.forwarding <> '' AND d.active = 1 AND d.backupmx = 0 AND f.address LIKE '%@%'
    AND ${found('f.address')}
  UNION ALL
  SELECT ${catchAll('f.address')} FROM forwardings f JOIN domain d ON d.domain = f.address
  WHERE f.active = 1 AND f.forwarding <> '' AND d.active = 1 AND d.backupmx = 0 AND ${found('f.address')}
  UNION ALL
  SELECT ${moved('f.address', 'ad.alias_domain')} FROM forwardings f
  JOIN alias_domain ad ON ad.target_domain = ${domain('f.address')} JOIN domain t ON t.domain = ad.target_domain
  WHERE f.active = 1 AND f.forwarding <> '' AND ad.active = 1 AND t.active = 1 AND t.backupmx = 0
    AND f.address LIKE '%@%' AND ${found('f.address')} AND ${found('ad.alias_domain')}
  UNION ALL
  SELECT ${catchAll('ad.alias_domain')} FROM forwardings f
  JOIN alias_domain ad ON ad.target_domain = f.address JOIN domain t ON t.domain = ad.target_domain
  WHERE f.active = 1 AND f.forwarding <> '' AND ad.active = 1 AND t.active = 1 AND t.backupmx = 0
    AND ${found('ad.alias_domain')}
  UNION ALL
  SELECT m.username FROM mailbox m JOIN domain d ON d.domain = m.domain
  JOIN ${own} o ON o.domain = ${domain('m.username')}
  WHERE m.active = 1 AND m.enabledeliver = 1 AND d.active = 1 AND ${found('m.username')}`;
};

export const iredmail: Queries = { postgres: query(postgres), mysql: query(mysql) };
