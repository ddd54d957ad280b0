/**
 * Froxlor 2.0 to 2.3, after the look-ups of its lib/configfiles. Pure.
 *
 * Domains: `panel_domains` with `isemaildomain` that are not deactivated. In them Postfix accepts every row of
 * `mail_virtual` that leads somewhere and whose customer is not deactivated (its `email` is `@domain` for a
 * catch-all), and every row of `mail_users`, whatever its flags and its customer are.
 */
import type { SqlPreset, Words } from './dialects.ts';

const query = ({ key, finds, domain }: Words): string => {
  const isOurs = (name: string) =>
    `EXISTS (SELECT 1 FROM panel_domains d WHERE ${finds('d.domain', name)} AND d.isemaildomain = 1 AND d.deactivated = 0)`;
  const [alias, box] = [key('v.email'), key('m.email')];
  return `
  SELECT ${alias} FROM mail_virtual v JOIN panel_customers c ON c.customerid = v.customerid
  WHERE c.deactivated = 0 AND TRIM(v.destination) <> '' AND v.email LIKE '%@%'
    AND ${finds('v.email', alias)} AND ${isOurs(domain(alias))}
  UNION ALL
  SELECT ${box} FROM mail_users m
  WHERE CONCAT(m.homedir, m.maildir) <> '' AND m.email LIKE '%@%' AND ${finds('m.email', box)} AND ${isOurs(domain(box))}`;
};

export const froxlor: SqlPreset = {
  software: 'Froxlor 2.0 to 2.3',
  dialects: ['mysql'],
  needs: {
    panel_domains: 'domain isemaildomain deactivated',
    panel_customers: 'customerid deactivated',
    mail_virtual: 'email destination customerid',
    mail_users: 'email homedir maildir',
  },
  tables: { v: 'mail_virtual', m: 'mail_users', c: 'panel_customers', d: 'panel_domains' },
  query,
};
