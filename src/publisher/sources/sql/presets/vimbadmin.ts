/**
 * ViMbAdmin 3: tables `domain`, `alias` and `mailbox` as its Doctrine mappings make them, and the look-ups of its
 * guide. Pure.
 *
 * At RCPT a domain counts if it is active and not a backup MX. In it Postfix accepts what an active row of `alias`
 * or `mailbox` names. A mailbox with `delete_pending`, whose files a cron job has yet to remove, does not count.
 * Neither does the alias that ViMbAdmin made for it, if that leads only to itself. There are no alias domains.
 * `access_restriction` is about reading mail. The look-ups of a backup MX domain accept no mail at all, so such a
 * domain is not in the list.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ key, finds, domain }: Words): string => {
  const [alias, box] = [key('a.address'), key('m.username')];
  return `
  SELECT ${alias} FROM alias a JOIN domain d ON ${finds('d.domain', domain(alias))}
  WHERE a.active = 1 AND a.goto <> '' AND a.address LIKE '%@%' AND ${finds('a.address', alias)} AND d.active = 1 AND d.backupmx = 0
    AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.delete_pending = 1
      AND ${finds('m.username', alias)} AND ${finds('m.username', key('a.goto'))})
  UNION ALL
  SELECT ${box} FROM mailbox m JOIN domain d ON ${finds('d.domain', domain(box))}
  WHERE m.active = 1 AND COALESCE(m.delete_pending, 0) = 0 AND m.username LIKE '%@%' AND ${finds('m.username', box)}
    AND d.active = 1 AND d.backupmx = 0`;
};

/** Its guide's virtual_transport_maps.cf: the transport of each active domain that is not a backup MX. */
const transport: SqlPreset = {
  software: 'ViMbAdmin 3',
  dialects: ['mysql'],
  needs: { domain: 'domain active backupmx transport' },
  tables: { d: 'domain' },
  query: ({ key }) => `
  SELECT ${key('d.domain')}, d.transport FROM domain d
  WHERE d.active = 1 AND d.backupmx = 0 AND d.transport IS NOT NULL AND d.transport <> ''`,
};

export const vimbadmin: SqlPreset = {
  software: 'ViMbAdmin 3',
  dialects: ['mysql'],
  needs: {
    domain: 'domain active backupmx',
    alias: 'address goto active',
    mailbox: 'username active delete_pending',
  },
  tables: { a: 'alias', m: 'mailbox', d: 'domain' },
  query,
  transport,
};
