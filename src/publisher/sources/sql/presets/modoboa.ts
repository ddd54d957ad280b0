/**
 * Modoboa 2.2 to 2.9, after the maps that its `generate_postfix_maps` writes and what its Postfix asks besides. It
 * has no table of mailboxes, but `reject_unverified_recipient`. So Dovecot decides at RCPT, by the userdb query and
 * the auth_username_chars that modoboa-installer sets up. Pure.
 *
 * Postfix rewrites an address by the enabled aliases that are not past `expire_at`, repeatedly, and asks whoever
 * gets the mail at the end. So an address is accepted if any of its final addresses is:
 * - a mailbox that is not `is_send_only` and has only characters that Dovecot accepts. It does not matter whether
 *   the account is active: a disabled account still receives, unless its address is also an alias that leads
 *   elsewhere;
 * - an address in a domain that is not here, or in a relayed one: nobody can know what that host would say. Only an
 *   active mailbox of a relayed domain is Dovecot's to take or refuse. An
 *   alias that leads to several recipients is accepted without asking any of them: Postfix says "deliverable
 *   (aliased to multiple recipients)". An address that needs quotes in SMTP is accepted in neither way, as an alias
 *   or as an alias's target; one that needs them for its dots is not accepted as an alias.
 *
 * A domain of type `relaydomain` accepts whatever the host behind it accepts, so the preset gives the catch-all,
 * unless it is an alias domain as well: then it is not relayed.
 * Each alias domain has an internal alias `@aliasdomain` that rewrites to its target. It is not a catch-all, but
 * makes the target's addresses count.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({
  is,
  key,
  finds,
  domain,
  moved,
  catchAll,
  address,
  withoutExtension,
  dovecotTakes,
  unquoted,
  joined,
  now,
}: Words): string => {
  const isOpen = (alias: string) =>
    `${is(`${alias}.enabled`)} AND (${alias}.expire_at IS NULL OR ${alias}.expire_at > ${now})`;
  const isInternalCatchAll = (alias: string) => `(${is(`${alias}.internal`)} AND ${alias}.address LIKE '@%')`;
  /** Postfix rewrites this address. */
  const hasAlias = (
    text: string,
  ) => `EXISTS (SELECT 1 FROM admin_alias x JOIN modoboa_admin_aliasrecipient xr ON xr.alias_id = x.id
    WHERE ${finds('x.address', text)} AND ${isOpen('x')} AND NOT ${isInternalCatchAll('x')})`;
  const isDomain = (name: string, type: string) =>
    `EXISTS (SELECT 1 FROM admin_domain o WHERE ${finds('o.name', name)} AND ${is('o.enabled')} AND o.type = '${type}')`;
  /** The alias domain `da` of the domain `t` rewrites: it has the alias that Modoboa makes for it. */
  const isMoving = `${is('da.enabled')} AND ${is('t.enabled')} AND EXISTS (SELECT 1 FROM admin_alias i
    WHERE ${finds('i.address', catchAll(key('da.name')))} AND ${isOpen('i')} AND ${isInternalCatchAll('i')})`;
  const target = (
    name: string,
  ) => `(SELECT ${key('t.name')} FROM admin_domainalias da JOIN admin_domain t ON t.id = da.target_id
    WHERE ${finds('da.name', name)} AND ${isMoving})`;
  /** Two dots in a row need quotes too, and so does one at either end. A mailbox and a target may have them. */
  const isPlain = (text: string) => `${text} NOT LIKE '%..%' AND ${text} NOT LIKE '.%' AND ${text} NOT LIKE '%.@%'`;
  return `
  WITH RECURSIVE
  -- What Postfix rewrites, and to what. DISTINCT keeps MariaDB from computing each step again for every row of the next.
  rewritten AS (
    SELECT ${key('a.address')} AS address, ${key('r.address')} AS recipient
    FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
    WHERE ${isOpen('a')} AND NOT ${isInternalCatchAll('a')} AND a.address LIKE '%@%' AND r.address LIKE '%@%'
      AND ${unquoted(key('a.address'))} AND ${unquoted(key('r.address'))} AND ${finds('a.address', key('a.address'))}
      AND (${key('a.address')} = ${key('r.address')} OR (${isPlain(key('a.address'))}))),
  -- A recipient that is no alias itself is looked up without its extension, then in the target of its alias domain, then as a catch-all's.
  plain AS (
    SELECT DISTINCT w.address, CASE WHEN ${hasAlias('w.recipient')} THEN w.recipient ELSE ${withoutExtension('w.recipient')} END AS recipient
    FROM rewritten w),
  settled AS (
    SELECT DISTINCT p.address, CASE WHEN ${target(domain('p.recipient'))} IS NULL OR ${hasAlias('p.recipient')}
      THEN p.recipient ELSE ${moved('p.recipient', target(domain('p.recipient')))} END AS recipient
    FROM plain p),
  led AS (
    SELECT DISTINCT s.address, CASE WHEN ${hasAlias('s.recipient')} OR NOT ${hasAlias(catchAll(domain('s.recipient')))}
      THEN s.recipient ELSE ${catchAll(domain('s.recipient'))} END AS recipient
    FROM settled s),
  edges AS (
    SELECT DISTINCT l.address, l.recipient, ${joined('l.address')} AS address_key, ${joined('l.recipient')} AS recipient_key
    FROM led l),
  -- Mail for an active mailbox in a relayed domain is Dovecot's, and it takes none for these.
  closed AS (
    SELECT ${joined(address(key('m.address'), key('d.name')))} AS own_key FROM admin_mailbox m
    JOIN admin_domain d ON d.id = m.domain_id JOIN core_user u ON u.id = m.user_id
    WHERE d.type = 'relaydomain' AND ${is('d.enabled')} AND ${is('u.is_active')}
      AND (${is('m.is_send_only')} OR NOT (${dovecotTakes(key('m.address'))}))),
  -- Where mail ends: at a mailbox that is no alias or one to itself, elsewhere, or with whoever is behind a relayed domain.
  ends AS (
    SELECT ${address(key('m.address'), key('d.name'))} AS address FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id
    WHERE NOT (${is('m.is_send_only')}) AND ${is('d.enabled')} AND ${dovecotTakes(key('m.address'))}
    UNION
    SELECT e.recipient FROM edges e WHERE NOT ${isDomain(domain('e.recipient'), 'domain')}
      AND e.recipient_key NOT IN (SELECT c.own_key FROM closed c)
    UNION
    SELECT ${catchAll(key('d.name'))} FROM admin_domain d
    WHERE ${is('d.enabled')} AND d.type = 'relaydomain' AND NOT EXISTS (SELECT 1 FROM admin_domainalias da JOIN admin_domain t
      ON t.id = da.target_id WHERE ${finds('da.name', key('d.name'))} AND ${is('da.enabled')} AND ${is('t.enabled')})),
  selves AS (SELECT DISTINCT e.address_key AS own_key FROM edges e WHERE e.address = e.recipient),
  starts AS (
    SELECT n.address, ${joined('n.address')} AS own_key FROM ends n LEFT JOIN selves y ON y.own_key = ${joined('n.address')}
    WHERE y.own_key IS NOT NULL OR NOT ${hasAlias('n.address')}
    UNION
    SELECT e.address, e.address_key FROM edges e GROUP BY e.address, e.address_key HAVING COUNT(DISTINCT e.recipient_key) > 1),
  accepted AS (
    SELECT b.address, b.own_key FROM starts b
    UNION
    SELECT e.address, e.address_key FROM accepted g JOIN edges e ON e.recipient_key = g.own_key)
  SELECT g.address FROM accepted g
  WHERE ${isDomain(domain('g.address'), 'domain')} OR ${isDomain(domain('g.address'), 'relaydomain')}
    OR (${target(domain('g.address'))} IS NOT NULL AND ${hasAlias('g.address')})
  UNION ALL
  SELECT ${moved('g.address', key('da.name'))} FROM accepted g
  JOIN admin_domain t ON ${finds('t.name', domain('g.address'))} JOIN admin_domainalias da ON da.target_id = t.id
  WHERE ${isMoving} AND NOT ${hasAlias(moved('g.address', key('da.name')))}`;
};

export const modoboa: SqlPreset = {
  software: 'Modoboa 2.2 to 2.9',
  dialects: ['postgres', 'mysql', 'sqlite'],
  needs: {
    admin_domain: 'id name enabled type',
    admin_domainalias: 'name target_id enabled',
    admin_mailbox: 'address domain_id user_id is_send_only',
    core_user: 'id is_active',
    admin_alias: 'id address enabled internal expire_at',
    modoboa_admin_aliasrecipient: 'alias_id address',
  },
  tables: {
    a: 'admin_alias',
    x: 'admin_alias',
    o: 'admin_domain',
    i: 'admin_alias',
    m: 'admin_mailbox',
    u: 'core_user',
    d: 'admin_domain',
    da: 'admin_domainalias',
    t: 'admin_domain',
    r: 'modoboa_admin_aliasrecipient',
  },
  query,
};
