/**
 * ISPConfig 3.2 and 3.3, after the look-ups that its installer writes (install/tpl/mysql-virtual_*.cf.master) for
 * Postfix. Pure.
 *
 * The database may hold several mail servers. A row counts with the rows of its own server only, and the list is
 * the union of all servers. Domains: active ones of `mail_domain`, relayed ones (`mail_relay_domain`, before 3.2.6
 * `mail_transport`) with their subdomains, and domain aliases. In them Postfix accepts active aliases and forwards,
 * catch-alls, mailboxes that are delivered to (`postfix`, `disabledeliver`) or copied on (`cc`), relay recipients,
 * and the addresses of Mailman's lists. A domain alias rewrites `@alias` to `@target`, so Postfix accepts every
 * address there: the preset gives the catch-all. A recipient that `mail_access` rejects is left out.
 * `access`, `disableimap`, `disablepop3` and `disablelmtp` are not asked at RCPT.
 */
import type { Schema } from '../schema.ts';
import type { SqlPreset, Words } from './dialects.ts';

const LIST_SUFFIXES = 'admin bounces confirm join leave owner request subscribe unsubscribe'.split(' ');

const query = ({ key, finds, domain, catchAll, address, concat }: Words, schema: Schema): string => {
  const [relay, relays] = schema.has('mail_relay_domain') ? ['rd', 'mail_relay_domain'] : ['rt', 'mail_transport'];
  const isMailDomain = (name: string, server: string) =>
    `EXISTS (SELECT 1 FROM mail_domain o WHERE ${finds('o.domain', name)} AND o.active = 'y' AND o.server_id = ${server})`;
  const isRelayed = (name: string, server: string) =>
    `EXISTS (SELECT 1 FROM ${relays} ${relay} WHERE ${relay}.active = 'y' AND ${relay}.server_id = ${server}
      AND (${finds(`${relay}.domain`, name)}
        OR RIGHT(${name}, CHAR_LENGTH(${relay}.domain) + 1) = CONCAT('.', ${key(`${relay}.domain`)})))`;
  const isOurs = (name: string, server: string) => `(${isMailDomain(name, server)} OR ${isRelayed(name, server)})`;
  const access = (where: string) =>
    `(SELECT b.access FROM mail_access b WHERE b.type = 'recipient' AND b.active = 'y' AND b.server_id = found.server_id
      AND ${where} LIMIT 1)`;
  // DISTINCT keeps MariaDB from searching all rows again for every address.
  // Postfix asks for the address, its domain and each parent of that, and the local part. The first answer counts.
  const verdict = `COALESCE(${access(finds('b.source', 'found.address'))},
    (SELECT p.access FROM (SELECT DISTINCT s.access, s.server_id, ${key('s.source')} AS name FROM mail_access s
        WHERE s.type = 'recipient' AND s.active = 'y' AND s.source NOT LIKE '%@%') p
      WHERE p.server_id = found.server_id
        AND RIGHT(CONCAT('.', ${domain('found.address')}), CHAR_LENGTH(p.name) + 1) = CONCAT('.', p.name)
      ORDER BY CHAR_LENGTH(p.name) DESC LIMIT 1),
    ${access(finds('b.source', `LEFT(found.address, CHAR_LENGTH(found.address) - CHAR_LENGTH(${domain('found.address')}))`))}, 'OK')`;
  const [source, box, recipient] = [key('f.source'), key('u.email'), key('r.source')];
  const suffixes = LIST_SUFFIXES.map((suffix) => `UNION ALL SELECT '-${suffix}'`).join(' ');
  const lists = `UNION ALL
    SELECT ${address(concat(key('l.listname'), 'n.suffix'), key('l.domain'))}, l.server_id
    FROM mail_mailinglist l CROSS JOIN (SELECT '' AS suffix ${suffixes}) n
    WHERE l.listname <> '' AND ${isOurs(key('l.domain'), 'l.server_id')}`;
  return `
  SELECT found.address FROM (
    SELECT ${source} AS address, f.server_id FROM mail_forwarding f
    WHERE f.type IN ('alias', 'forward') AND f.active = 'y' AND f.destination <> '' AND f.source LIKE '_%@%'
      AND ${finds('f.source', source)} AND ${isOurs(domain(source), 'f.server_id')}
    UNION ALL
    SELECT ${catchAll(domain(source))}, f.server_id FROM mail_forwarding f
    WHERE f.type = 'catchall' AND f.active = 'y' AND f.destination <> '' AND f.source LIKE '@%'
      AND ${finds('f.source', source)} AND ${isOurs(domain(source), 'f.server_id')}
    UNION ALL
    SELECT ${catchAll(domain(source))}, f.server_id FROM mail_forwarding f
    WHERE f.type = 'aliasdomain' AND f.active = 'y' AND f.destination <> '' AND f.source LIKE '@%' AND ${finds('f.source', source)}
    UNION ALL
    SELECT ${box}, u.server_id FROM mail_user u
    WHERE u.email LIKE '%@%' AND ${finds('u.email', box)} AND ${isMailDomain(domain(box), 'u.server_id')}
      AND (u.postfix = 'y' AND u.disabledeliver = 'n'
        OR u.cc <> '' AND (u.forward_in_lda = 'n' OR u.disabledeliver = 'y') AND u.disablesmtp = 'n')
    UNION ALL
    SELECT ${recipient}, r.server_id FROM mail_relay_recipient r
    WHERE r.active = 'y' AND r.access <> '' AND r.source LIKE '%@%' AND ${finds('r.source', recipient)}
      AND ${isRelayed(domain(recipient), 'r.server_id')} AND NOT ${isMailDomain(domain(recipient), 'r.server_id')}
    ${schema.has('mail_mailinglist') ? lists : ''}
  ) found
  WHERE ${verdict} NOT REGEXP '^[[:space:]]*(reject|5[0-9][0-9])'`;
};

export const ispconfig: SqlPreset = {
  software: 'ISPConfig 3.2 and 3.3',
  dialects: ['mysql'],
  needs: {
    mail_domain: 'domain active server_id',
    mail_forwarding: 'source destination type active server_id',
    mail_user: 'email postfix cc forward_in_lda disabledeliver disablesmtp server_id',
    mail_transport: 'domain active server_id',
    mail_relay_recipient: 'source access active server_id',
    mail_access: 'source access type active server_id',
  },
  tables: {
    f: 'mail_forwarding',
    u: 'mail_user',
    r: 'mail_relay_recipient',
    l: 'mail_mailinglist',
    o: 'mail_domain',
    rd: 'mail_relay_domain',
    rt: 'mail_transport',
    b: 'mail_access',
    s: 'mail_access',
  },
  query,
};
