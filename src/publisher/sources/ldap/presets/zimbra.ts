/**
 * Zimbra 8 to 10 and Carbonio, after the look-ups that their mtainit writes (ldap-vmm.cf, ldap-vmd.cf, ldap-vam.cf,
 * ldap-vad.cf, ldap-canonical.cf); base_dn is empty, `""`. Pure.
 *
 * A domain counts if its `zimbraMailStatus` is `enabled` and its type `local` or `alias`. In it Postfix accepts the
 * delivery address, the aliases, the old addresses and the catch-all of every enabled entry that has somebody to
 * deliver to. A distribution list without members has nobody. An alias domain has its own catch-all, which leads to
 * its target: Postfix accepts every address there, so the preset gives the wildcard.
 */
import { wholeAddressesIn, anyOf, is, NOTHING, valuesOf, type Question } from './question.ts';

const KEYS = ['zimbraMailDeliveryAddress', 'zimbraMailAlias', 'zimbraOldMailAddress', 'zimbraMailCatchAllAddress'];
/** What its look-ups give. An entry with none of these is not found. */
const RESULTS = [
  'zimbraMailDeliveryAddress',
  'zimbraMailForwardingAddress',
  'zimbraPrefMailForwardingAddress',
  'zimbraMailCatchAllForwardingAddress',
  'member',
];
/** Its canonical table does not look at old addresses. */
const CANONICAL = ['zimbraMailCanonicalAddress', 'zimbraMailCatchAllCanonicalAddress'];

export const zimbra: Question = {
  exact: true,
  filter: `(&${anyOf(...KEYS)}(zimbraMailStatus=enabled))`,
  attributes: [...new Set([...KEYS, ...RESULTS, ...CANONICAL])],
  take: (entry) => {
    const leads = (names: readonly string[]) => names.some((name) => valuesOf(entry, name).length > 0);
    if (leads(RESULTS)) return { accepted: wholeAddressesIn(entry, ...KEYS), forwarded: [] };
    if (!leads(CANONICAL)) return NOTHING;
    return {
      accepted: wholeAddressesIn(entry, ...KEYS.filter((name) => name !== 'zimbraOldMailAddress')),
      forwarded: [],
    };
  },
  domains: {
    scope: 'sub',
    filter: '(&(zimbraDomainName=*)(zimbraMailStatus=enabled))',
    attributes: ['zimbraDomainName', 'zimbraDomainType'],
    take: (entry) => ({
      local: ['local', 'alias'].some((type) => is(entry, 'zimbraDomainType', type))
        ? valuesOf(entry, 'zimbraDomainName')
        : [],
      relayed: [],
    }),
  },
};
