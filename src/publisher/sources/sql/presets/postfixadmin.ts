/**
 * PostfixAdmin 3.2 to 4.0.5: what the look-ups of its DOCUMENTS/POSTFIX_CONF.txt accept. Pure.
 *
 * At RCPT a domain counts if it has an active row in `domain`; an alias domain has its own row there. In it Postfix
 * accepts what an active row of `alias` or `mailbox` names. In an active alias domain it also accepts the local
 * parts of the target, and the target's catch-all. An inactive mailbox with an active alias row is accepted,
 * because Postfix asks the alias first; PostfixAdmin itself switches both. Postfix does not ask whether the target
 * domain is active. The domain `ALL` holds the rights of superadmins and is not a domain.
 *
 * A domain with `backupmx` (DOCUMENTS/BACKUP_MX.txt), or with a transport that begins with `smtp` or `relay` (the
 * transport map of POSTFIX_CONF.txt), is a relayed domain where these look-ups are in use: every address is
 * accepted, so the preset gives the catch-all.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ is, key, finds, domain, moved, catchAll }: Words): string => {
  const [alias, box] = [key('a.address'), key('m.username')];
  return `
  SELECT ${alias} FROM alias a JOIN domain d ON ${finds('d.domain', domain(alias))}
  WHERE ${is('a.active')} AND a.goto <> '' AND a.address LIKE '%@%' AND ${finds('a.address', alias)}
    AND ${is('d.active')} AND d.domain <> 'ALL'
  UNION ALL
  SELECT ${box} FROM mailbox m JOIN domain d ON ${finds('d.domain', domain(box))}
  WHERE ${is('m.active')} AND m.username LIKE '%@%' AND ${finds('m.username', box)}
    AND ${is('d.active')} AND d.domain <> 'ALL'
  UNION ALL
  SELECT ${moved(alias, key('ad.alias_domain'))} FROM alias a
  JOIN alias_domain ad ON ${finds('ad.target_domain', domain(alias))}
  JOIN domain d ON ${finds('d.domain', key('ad.alias_domain'))}
  WHERE ${is('a.active')} AND a.goto <> '' AND a.address LIKE '%@%' AND ${finds('a.address', alias)}
    AND ${is('ad.active')} AND ${finds('ad.alias_domain', key('ad.alias_domain'))} AND ${is('d.active')} AND d.domain <> 'ALL'
  UNION ALL
  SELECT ${moved(box, key('ad.alias_domain'))} FROM mailbox m
  JOIN alias_domain ad ON ${finds('ad.target_domain', domain(box))}
  JOIN domain d ON ${finds('d.domain', key('ad.alias_domain'))}
  WHERE ${is('m.active')} AND m.username LIKE '%@%' AND ${finds('m.username', box)}
    AND ${is('ad.active')} AND ${finds('ad.alias_domain', key('ad.alias_domain'))} AND ${is('d.active')} AND d.domain <> 'ALL'
  UNION ALL
  SELECT ${catchAll(key('d.domain'))} FROM domain d
  WHERE ${is('d.active')} AND d.domain <> 'ALL' AND (${is('d.backupmx')} OR d.transport LIKE 'smtp%' OR d.transport LIKE 'relay%')`;
};

/** The transport map of POSTFIX_CONF.txt: the transport of each active domain. */
const transport: SqlPreset = {
  software: 'PostfixAdmin 3.2 to 4.0.5',
  dialects: ['postgres', 'mysql', 'sqlite'],
  needs: { domain: 'domain active transport' },
  tables: { d: 'domain' },
  query: ({ is, key }) => `
  SELECT ${key('d.domain')}, d.transport FROM domain d
  WHERE ${is('d.active')} AND d.domain <> 'ALL' AND d.transport IS NOT NULL AND d.transport <> ''`,
};

export const postfixadmin: SqlPreset = {
  software: 'PostfixAdmin 3.2 to 4.0.5',
  dialects: ['postgres', 'mysql', 'sqlite'],
  needs: {
    domain: 'domain active backupmx transport',
    alias: 'address goto active',
    mailbox: 'username active',
    alias_domain: 'alias_domain target_domain active',
  },
  tables: { a: 'alias', m: 'mailbox', d: 'domain', ad: 'alias_domain' },
  query,
  transport,
};
