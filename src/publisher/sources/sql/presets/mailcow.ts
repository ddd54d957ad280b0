/**
 * mailcow: dockerized 2023-12a and later, after the look-ups that its Postfix container writes
 * (data/Dockerfiles/postfix/postfix.sh) and the tables of its init_db.inc.php. Pure.
 *
 * Domains: active ones, including relayed ones (`backupmx`), and active alias domains whatever their target is.
 * Accepted in them: aliases and mailboxes with `active` 1 or 2 (2: no login, but mail arrives); in an alias domain
 * the target's mailboxes, not its aliases; resources (rooms, things, groups); temporary aliases that are valid or,
 * from 2025-12 on, permanent; what a recipient map rewrites. A relayed domain with `relay_all_recipients` accepts
 * every address, so the preset gives the catch-all, unless it is an active alias domain as well: then it is not
 * relayed. An alias that is `internal` (from 2025-10 on) with `active` 1
 * is left out: Postfix accepts it, but Rspamd then rejects all mail for it from other domains
 * (data/conf/rspamd/dynmaps/settings.php). With `active` 2 Rspamd does not check.
 */
import type { Schema } from '../schema.ts';
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ key, finds, domain, moved, catchAll, epoch }: Words, schema: Schema): string => {
  const aliasDomain = (address: string) =>
    `EXISTS (SELECT 1 FROM alias_domain oa WHERE ${finds('oa.alias_domain', domain(address))} AND oa.active = 1)`;
  const isOurs = (address: string) =>
    `(EXISTS (SELECT 1 FROM domain o WHERE ${finds('o.domain', domain(address))} AND o.active = 1) OR ${aliasDomain(address)})`;
  const isLocal = (address: string) =>
    `(EXISTS (SELECT 1 FROM domain o WHERE ${finds('o.domain', domain(address))} AND o.active = 1 AND o.backupmx = 0)
      OR ${aliasDomain(address)})`;
  const [alias, box, temporary, rewritten] = [key('a.address'), key('m.username'), key('s.address'), key('r.old_dest')];
  const isRejectedLater = schema.has('alias', 'internal') ? 'a.active = 1 AND a.internal = 1' : '1 = 0';
  const isPermanent = schema.has('spamalias', 'permanent') ? 's.permanent <> 0' : '1 = 0';
  return `
  SELECT ${alias} FROM alias a
  WHERE a.active IN (1, 2) AND NOT (${isRejectedLater}) AND a.goto <> '' AND a.address LIKE '%@%'
    AND ${finds('a.address', alias)} AND ${isOurs(alias)}
  UNION ALL
  SELECT ${box} FROM mailbox m
  WHERE m.active IN (1, 2) AND m.username LIKE '%@%' AND ${finds('m.username', box)} AND ${isLocal(box)}
  UNION ALL
  SELECT ${box} FROM mailbox m
  WHERE m.kind REGEXP 'location|thing|group' AND m.username LIKE '%@%' AND ${finds('m.username', box)} AND ${isOurs(box)}
  UNION ALL
  SELECT ${moved(box, key('ad.alias_domain'))} FROM mailbox m JOIN alias_domain ad ON ${finds('ad.target_domain', domain(box))}
  WHERE m.active IN (1, 2) AND m.username LIKE '%@%' AND ${finds('m.username', box)}
    AND ad.active = 1 AND ${finds('ad.alias_domain', key('ad.alias_domain'))}
  UNION ALL
  SELECT ${temporary} FROM spamalias s
  WHERE (s.validity >= ${epoch} OR ${isPermanent}) AND s.goto <> '' AND s.address LIKE '%@%'
    AND ${finds('s.address', temporary)} AND ${isOurs(temporary)}
  UNION ALL
  SELECT ${rewritten} FROM recipient_maps r
  WHERE r.active = 1 AND r.old_dest LIKE '%@%' AND r.new_dest <> '' AND ${finds('r.old_dest', rewritten)} AND ${isOurs(rewritten)}
  UNION ALL
  SELECT ${catchAll(key('d.domain'))} FROM domain d
  WHERE d.active = 1 AND d.backupmx = 1 AND d.relay_all_recipients = 1 AND NOT ${aliasDomain(catchAll(key('d.domain')))}`;
};

/**
 * Its mysql_transport_maps.cf: the active rows of `transports`. In a row that is `is_mx_based` the destination is an
 * expression for the names of MX hosts, and no domain.
 */
const transport: SqlPreset = {
  software: 'mailcow 2023-12a and later',
  dialects: ['mysql'],
  needs: { transports: 'destination nexthop active' },
  tables: { t: 'transports' },
  query: ({ key }, schema) => `
  SELECT ${key('t.destination')}, CONCAT('smtp_via_transport_maps:', t.nexthop) FROM transports t
  WHERE t.active = 1 AND t.nexthop <> ''${schema.has('transports', 'is_mx_based') ? ' AND t.is_mx_based = 0' : ''}`,
};

export const mailcow: SqlPreset = {
  software: 'mailcow 2023-12a and later',
  dialects: ['mysql'],
  needs: {
    domain: 'domain active backupmx relay_all_recipients',
    alias: 'address goto active',
    alias_domain: 'alias_domain target_domain active',
    mailbox: 'username kind active',
    spamalias: 'address goto validity',
    recipient_maps: 'old_dest new_dest active',
  },
  tables: {
    a: 'alias',
    m: 'mailbox',
    s: 'spamalias',
    r: 'recipient_maps',
    ad: 'alias_domain',
    oa: 'alias_domain',
    d: 'domain',
    o: 'domain',
  },
  query,
  transport,
};
