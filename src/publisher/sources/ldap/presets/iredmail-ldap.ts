/**
 * iRedMail 1.x with an LDAP backend, after its samples/postfix/ldap and iredmail.schema; base_dn is
 * `o=domains,...`. Pure.
 *
 * A domain counts if it is active and has the service `mail`; its alias names count if it also has the service
 * `domainalias`. A backup MX domain is in relay_domains without a table of recipients, so it accepts every address.
 * In a domain Postfix accepts what any of these finds, if account and domain are active:
 * - users that take mail (`mail` and `deliver`), by `mail` and `shadowAddress`;
 * - users and aliases with `mailForwardingAddress`: aliases and forwarding users with both services, and any active
 *   user through the catch-all table, which asks for no service. A catch-all is an account `@domain`;
 * - groups, through the `memberOfGroup` of their members, including external users. A group that has members only
 *   in that attribute has no other entry. A mlmmj mailing list, by `mail` and `shadowAddress`.
 */
import { wholeAddressesIn, is, NOTHING, valuesOf, type Attributes, type Question } from './question.ts';

const isA = (entry: Attributes, name: string): boolean => is(entry, 'objectClass', name);
const has = (entry: Attributes, service: string): boolean => is(entry, 'enabledService', service);

export const iredmailLdap: Question = {
  exact: true,
  filter:
    '(&(|(objectClass=mailUser)(objectClass=mailAlias)(objectClass=mailList)(objectClass=mailExternalUser))(accountStatus=active)(!(domainStatus=disabled)))',
  attributes: ['objectClass', 'enabledService', 'mail', 'shadowAddress', 'memberOfGroup', 'mailForwardingAddress'],
  take: (entry) => {
    const own = wholeAddressesIn(entry, 'mail', 'shadowAddress');
    const [isUser, isForwarded] = [isA(entry, 'mailuser'), valuesOf(entry, 'mailForwardingAddress').length > 0];
    const byCatchAllTable = isUser && isForwarded ? own : [];
    if (!has(entry, 'mail') || !has(entry, 'deliver')) return { accepted: byCatchAllTable, forwarded: [] };
    const found = [...byCatchAllTable];
    if (isUser || (isA(entry, 'mailalias') && isForwarded)) found.push(...own);
    // What finds a group gives the addresses of its members. Without an address it finds nothing.
    if (valuesOf(entry, 'mail').length > 0) found.push(...groups(entry, isUser));
    return { accepted: found, forwarded: [] };
  },
  domains: {
    scope: 'one',
    filter: '(&(objectClass=mailDomain)(accountStatus=active)(enabledService=mail))',
    attributes: ['domainName', 'domainAliasName', 'enabledService', 'domainBackupMX'],
    take: (entry) => {
      const aliases = has(entry, 'domainalias') ? valuesOf(entry, 'domainAliasName') : [];
      const names = [...valuesOf(entry, 'domainName'), ...aliases];
      return is(entry, 'domainBackupMX', 'yes') ? { local: [], relayed: names } : { local: names, relayed: [] };
    },
  },
};

function groups(entry: Attributes, isUser: boolean): readonly string[] {
  const shadows = wholeAddressesIn(entry, 'shadowAddress');
  if (isUser || isA(entry, 'mailexternaluser')) return [...wholeAddressesIn(entry, 'memberOfGroup'), ...shadows];
  if (!isA(entry, 'mailalias') && !isA(entry, 'maillist')) return NOTHING.accepted;
  const taken = new Set(shadows.map((each) => each.toLowerCase()));
  const found = wholeAddressesIn(entry, 'memberOfGroup').filter((each) => !taken.has(each.toLowerCase()));
  return isA(entry, 'maillist') && has(entry, 'mlmmj')
    ? [...found, ...wholeAddressesIn(entry, 'mail'), ...shadows]
    : found;
}
