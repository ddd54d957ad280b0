/** Directories without mail software of their own: every entry with an address gets mail. Pure. */
import { addressesIn, anyOf, is, NOTHING, valuesOf, wholeAddressesIn, type Question } from './question.ts';
import { addressesOf } from '../values.ts';

/**
 * Every kind of object that has an address: users, groups, contacts, public folders. Disabled users count: shared
 * and room mailboxes are disabled users, and without Exchange a directory does not tell them from people who left.
 * A contact or mail user may have an address elsewhere, to which its mail is forwarded.
 */
export const activeDirectory: Question = {
  filter: '(|(proxyAddresses=*)(mail=*))',
  attributes: ['proxyAddresses', 'mail', 'targetAddress', 'objectClass'],
  take: (entry) => {
    // A proxy address without a type does not count.
    const proxies = valuesOf(entry, 'proxyAddresses')
      .filter((each) => /^\s*smtp:/i.test(each))
      .flatMap(addressesOf);
    const addresses = [...proxies, ...addressesIn(entry, 'mail')];
    if (is(entry, 'objectClass', 'contact') && proxies.length === 0) return { accepted: [], forwarded: addresses };
    const targets = addressesIn(entry, 'targetAddress').map((each) => each.toLowerCase());
    const forwarded = addresses.filter((each) => targets.includes(each.toLowerCase()));
    return { accepted: addresses.filter((each) => !forwarded.includes(each)), forwarded };
  },
};

/**
 * inetOrgPerson, inetLocalMailRecipient (Sendmail), Sun, GOsa, Univention. Leaves out an account for which the mail
 * system must refuse mail, but not one that only may not log in (`noaccess`). Software with its own rules has its
 * own preset.
 */
const OPENLDAP = [
  'mail',
  'mailAlternateAddress',
  'mailLocalAddress',
  'mailEquivalentAddress',
  'gosaMailAlternateAddress',
  'mailPrimaryAddress',
  'mailAlternativeAddress',
  'shadowAddress',
];
export const openldap: Question = {
  filter: anyOf(...OPENLDAP),
  attributes: [...OPENLDAP, 'accountStatus', 'accountActive', 'inetUserStatus', 'mailUserStatus'],
  take: (entry) => {
    const isOff = ['disabled', 'deleted', 'inactive', 'removed'].some((status) =>
      ['accountStatus', 'inetUserStatus', 'mailUserStatus'].some((name) => is(entry, name, status)),
    );
    if (isOff || is(entry, 'accountActive', 'false')) return NOTHING;
    return { accepted: addressesIn(entry, ...OPENLDAP), forwarded: [] };
  },
};

/**
 * FreeIPA (389 Directory Server): users and groups with `mail`, and `mailAlternateAddress` if the schema has it.
 * FreeIPA itself runs no mail server. A locked account (`nsAccountLock`) may not log in but still gets mail. A
 * preserved or staged user, below `cn=provisioning`, does not count.
 */
export const freeipa: Question = {
  exact: true,
  filter: anyOf('mail', 'mailAlternateAddress'),
  attributes: ['mail', 'mailAlternateAddress', 'entryDN'],
  take: (entry) =>
    valuesOf(entry, 'entryDN').some((dn) => /,\s*cn=provisioning\s*,/i.test(dn))
      ? NOTHING
      : { accepted: wholeAddressesIn(entry, 'mail', 'mailAlternateAddress'), forwarded: [] },
};

/** The site's own filter. Of `proxyAddresses` only SMTP addresses count. */
export const ownQuestion = (filter: string, attributes: readonly string[] = ['mail']): Question => ({
  filter,
  attributes,
  take: (entry) => ({
    accepted: attributes.flatMap((name) =>
      name.toLowerCase() === 'proxyaddresses'
        ? valuesOf(entry, name)
            .filter((each) => /^\s*smtp:/i.test(each))
            .flatMap(addressesOf)
        : addressesIn(entry, name),
    ),
    forwarded: [],
  }),
});
