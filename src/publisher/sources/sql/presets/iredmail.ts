/**
 * iRedMail 1.x with an SQL backend, after its samples/postfix/{mysql,pgsql} and samples/iredmail. Pure.
 *
 * Domains: those that are active and not a backup MX, and active alias domains of these. An alias domain with a row
 * of its own counts by that row, whatever its target is. Accepted: the active rows of `forwardings`, whatever their
 * `is_...` flags say. A mailbox has one to itself; so do an alias, a per-user alias and a mlmmj mailing list. A row
 * whose address is a bare domain is that domain's catch-all. Mailboxes also count on their own, but only with
 * `enabledeliver`. An alias domain has the rows of its target, whose `active` no look-up asks for there. No look-up
 * reads `expired`: an expired account still gets mail. A backup MX domain is in `relay_domains` without a table of
 * recipients, so every address is accepted: the preset gives the catch-all, unless it is an alias domain as well.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ key, finds, domain, moved, catchAll }: Words): string => {
  const isLocal = (name: string) =>
    `(EXISTS (SELECT 1 FROM domain o WHERE ${finds('o.domain', name)} AND o.active = 1 AND o.backupmx = 0)
    OR EXISTS (SELECT 1 FROM alias_domain oa JOIN domain ot ON ${finds('ot.domain', key('oa.target_domain'))}
      WHERE ${finds('oa.alias_domain', name)} AND oa.active = 1 AND ot.active = 1 AND ot.backupmx = 0))`;
  const [address, box] = [key('f.address'), key('m.username')];
  const [bare, aliasDomain] = [key('f.address'), key('ad.alias_domain')];
  return `
  SELECT ${address} FROM forwardings f JOIN domain d ON ${finds('d.domain', key('f.domain'))}
  WHERE f.active = 1 AND f.forwarding <> '' AND d.active = 1 AND d.backupmx = 0 AND f.address LIKE '%@%'
    AND ${finds('f.address', address)} AND ${isLocal(domain(address))}
  UNION ALL
  SELECT ${catchAll(bare)} FROM forwardings f JOIN domain d ON ${finds('d.domain', bare)}
  WHERE f.active = 1 AND f.forwarding <> '' AND d.active = 1 AND d.backupmx = 0 AND ${finds('f.address', bare)}
  UNION ALL
  SELECT ${moved(address, aliasDomain)} FROM forwardings f
  JOIN alias_domain ad ON ${finds('ad.target_domain', domain(address))}
  JOIN domain t ON ${finds('t.domain', key('ad.target_domain'))}
  WHERE f.active = 1 AND f.forwarding <> '' AND ad.active = 1 AND t.backupmx = 0 AND f.address LIKE '%@%'
    AND ${finds('f.address', address)} AND ${finds('ad.alias_domain', aliasDomain)} AND ${isLocal(aliasDomain)}
  UNION ALL
  SELECT ${catchAll(aliasDomain)} FROM forwardings f
  JOIN alias_domain ad ON ${finds('ad.target_domain', bare)} JOIN domain t ON ${finds('t.domain', key('ad.target_domain'))}
  WHERE f.active = 1 AND f.forwarding <> '' AND ad.active = 1 AND ${finds('ad.alias_domain', aliasDomain)}
    AND ${isLocal(aliasDomain)}
  UNION ALL
  SELECT ${box} FROM mailbox m JOIN domain d ON ${finds('d.domain', key('m.domain'))}
  WHERE m.active = 1 AND m.enabledeliver = 1 AND d.active = 1 AND m.username LIKE '%@%'
    AND ${finds('m.username', box)} AND ${isLocal(domain(box))}
  UNION ALL
  SELECT ${catchAll(key('d.domain'))} FROM domain d
  WHERE d.active = 1 AND d.backupmx = 1 AND NOT ${isLocal(key('d.domain'))}`;
};

/** Its transport_maps_domain.cf: the transport of each active domain, of a backup MX too. */
const transport: SqlPreset = {
  software: 'iRedMail 1.x',
  dialects: ['postgres', 'mysql'],
  needs: { domain: 'domain active transport' },
  tables: { d: 'domain' },
  query: ({ key }) => `
  SELECT ${key('d.domain')}, d.transport FROM domain d
  WHERE d.active = 1 AND d.transport IS NOT NULL AND d.transport <> ''`,
};

export const iredmail: SqlPreset = {
  software: 'iRedMail 1.x',
  dialects: ['postgres', 'mysql'],
  needs: {
    domain: 'domain active backupmx',
    alias_domain: 'alias_domain target_domain active',
    forwardings: 'address forwarding domain active',
    mailbox: 'username domain enabledeliver active',
  },
  tables: {
    f: 'forwardings',
    m: 'mailbox',
    d: 'domain',
    o: 'domain',
    t: 'domain',
    ot: 'domain',
    ad: 'alias_domain',
    oa: 'alias_domain',
  },
  query,
  transport,
};
