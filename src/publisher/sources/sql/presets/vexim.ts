/**
 * Vexim 2.2 and 2.3, after the routers and access lists of its docs/debian-conf.d and docs/configure: what Exim
 * accepts by `verify = recipient`. Pure.
 *
 * Local domains: those of type `local` that are enabled, and domain aliases. An address is refused if its account
 * is of type `fail`. Otherwise the first of these that leads anywhere decides: the account's forward, the account
 * itself (enabled, in an enabled domain), a group with members, the catch-all `*`, the target of a domain alias.
 * Exim follows a single recipient to its end, and accepts several, a file, a pipe and a foreign address at once.
 * A group that is not public takes mail from its members only: it is in the list. `postmaster` is accepted
 * everywhere. A relayed domain (type `relay`) accepts every address, and so does an alias of one: the preset gives
 * the catch-all. Exim refuses a local part with `@`, `%`, `!`, `/` or `|`, or with a dot in front. A domain alias
 * writes the local part without quotes, so one that needs them is not found there.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ table, key, domain, moved, catchAll, address, joined, withoutExtension, unquoted }: Words): string => {
  const isLocal = (name: string) =>
    `(${name} IN (SELECT n.name FROM names n) OR ${name} IN (SELECT y.name FROM aliases y))`;
  const isChosen = (text: string) => `${joined(text)} IN (SELECT c.own_key FROM chosen c)`;
  /** All but the forward look for the local part without what follows its `+`. */
  const isAsked = (local: string) => `${local} NOT LIKE '%+%'`;
  /** Exim takes a line that begins with # for a comment. */
  const leads = (column: string) => `(TRIM(${column}) <> '' AND TRIM(${column}) NOT LIKE '#%')`;
  return `
  WITH RECURSIVE
  aliases AS (SELECT ${key('x.alias')} AS name, ${key('t.domain')} AS target, t.type AS type FROM domainalias x
    JOIN domains t ON t.domain_id = x.domain_id),
  names AS (SELECT d.domain_id, ${key('d.domain')} AS name, d.enabled FROM domains d
    WHERE (d.type = 'local' AND d.enabled = 1) OR ${key('d.domain')} IN (SELECT y.name FROM aliases y)),
  own AS (
    SELECT ${address(key('u.localpart'), 'n.name')} AS address,
      CASE WHEN u.type = 'fail' AND u.smtp IS NOT NULL AND ${isAsked('u.localpart')} THEN ':fail:'
        WHEN u.on_forward = 1 AND ${leads('u.forward')} THEN TRIM(${key('u.forward')})
        WHEN ${isAsked('u.localpart')} AND u.enabled = 1 AND n.enabled = 1 AND ${leads('u.smtp')} THEN TRIM(${key('u.smtp')}) END AS target
    FROM users u JOIN names n ON n.domain_id = u.domain_id WHERE u.localpart NOT IN ('', '*')
    UNION ALL
    -- A forward that keeps a copy: two recipients, and Exim accepts several at once.
    SELECT ${address(key('u.localpart'), 'n.name')}, ','
    FROM users u JOIN names n ON n.domain_id = u.domain_id
    WHERE u.localpart NOT IN ('', '*') AND u.on_forward = 1 AND u.unseen = 1 AND ${leads('u.forward')}
      AND NOT (u.type = 'fail' AND u.smtp IS NOT NULL AND ${isAsked('u.localpart')})),
  -- Several members are accepted at once.
  grouped AS (
    SELECT ${address(key('g.name'), 'n.name')} AS address,
      CASE WHEN COUNT(*) > 1 THEN ',' ELSE MIN(${address(key('u.localpart'), 'n.name')}) END AS target
    FROM ${table('groups')} g JOIN names n ON n.domain_id = g.domain_id AND n.enabled = 1
    JOIN group_contents m ON m.group_id = g.id
    JOIN users u ON u.user_id = m.member_id AND u.domain_id = g.domain_id AND u.enabled = 1
    WHERE g.enabled = 1 AND ${isAsked('g.name')} GROUP BY g.id, g.name, n.name),
  chosen AS (
    SELECT o.address, o.target, ${joined('o.address')} AS own_key FROM own o WHERE o.target IS NOT NULL
    UNION ALL
    SELECT g.address, g.target, ${joined('g.address')} FROM grouped g
    WHERE ${joined('g.address')} NOT IN (SELECT ${joined('o.address')} FROM own o WHERE o.target IS NOT NULL)
    UNION ALL
    SELECT ${catchAll('n.name')}, TRIM(${key('u.smtp')}), ${joined(catchAll('n.name'))}
    FROM users u JOIN names n ON n.domain_id = u.domain_id WHERE u.localpart = '*' AND ${leads('u.smtp')}),
  ends AS (
    SELECT c.address FROM chosen c
    WHERE c.target LIKE '/%' OR c.target LIKE '|%' OR c.target LIKE ':blackhole:%' OR c.target LIKE '%,%'
      OR (c.target LIKE '%_@_%' AND NOT ${isLocal(domain('c.target'))})),
  singles AS (
    SELECT DISTINCT c.address, COALESCE((SELECT ${moved('c.target', 'y.target')} FROM aliases y
      WHERE y.name = ${domain('c.target')} AND y.name NOT IN (SELECT n.name FROM names n)), c.target) AS recipient
    FROM chosen c WHERE c.target LIKE '_%@_%' AND c.target NOT LIKE '%,%' AND ${isLocal(domain('c.target'))}),
  plain AS (
    SELECT DISTINCT s.address, CASE WHEN ${isChosen('s.recipient')} THEN s.recipient
      ELSE ${withoutExtension('s.recipient')} END AS recipient FROM singles s),
  edges AS (
    SELECT DISTINCT p.address, ${joined('p.address')} AS own_key,
      CASE WHEN ${isChosen('p.recipient')} THEN ${joined('p.recipient')}
        ELSE ${joined(catchAll(domain('p.recipient')))} END AS recipient_key FROM plain p),
  accepted AS (
    SELECT e.address, ${joined('e.address')} AS own_key FROM ends e
    UNION
    SELECT e.address, e.own_key FROM accepted a JOIN edges e ON e.recipient_key = a.own_key),
  found AS (
    SELECT a.address FROM accepted a
    UNION ALL
    SELECT ${moved('a.address', 'y.name')} FROM accepted a JOIN aliases y ON y.target = ${domain('a.address')}
    WHERE NOT ${isChosen(moved('a.address', 'y.name'))} AND ${unquoted('a.address')} AND a.address NOT LIKE '#%'
    UNION ALL
    SELECT ${catchAll(key('d.domain'))} FROM domains d WHERE d.type = 'relay' AND NOT ${isLocal(key('d.domain'))}
    UNION ALL
    SELECT ${catchAll('y.name')} FROM aliases y WHERE y.type = 'relay'
    UNION ALL
    SELECT ${address("'postmaster'", 'n.name')} FROM names n
    UNION ALL
    SELECT ${address("'postmaster'", 'y.name')} FROM aliases y)
  SELECT f.address FROM found f
  WHERE f.address NOT LIKE '.%' AND f.address NOT LIKE '%@%@%' AND f.address NOT REGEXP '[%!/|].*@'`;
};

export const vexim: SqlPreset = {
  software: 'Vexim 2.2 and 2.3',
  dialects: ['mysql'],
  needs: {
    domains: 'domain_id domain type enabled',
    users: 'user_id domain_id localpart smtp type on_forward forward unseen enabled',
    domainalias: 'domain_id alias',
    groups: 'id domain_id name enabled',
    group_contents: 'group_id member_id',
  },
  tables: { d: 'domains', t: 'domains', u: 'users', x: 'domainalias', g: 'groups', m: 'group_contents' },
  query,
};
