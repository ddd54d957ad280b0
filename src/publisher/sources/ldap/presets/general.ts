/** Directories without a mail software of their own: whoever has an address gets mail. Pure. */
import { addressesIn, anyOf, is, NOTHING, valuesOf, wholeAddressesIn, type Question } from './question.ts';
import { addressesOf } from '../values.ts';

/**
 * Every kind of object that has an address: users (disabled ones too: shared and room mailboxes are, and a directory without Exchange
 * does not tell them from those who left), groups, contacts, public folders. A contact's or a mail user's own address may be one
 * outside, to which its mail is sent on.
 */
export const activeDirectory: Question = {
  filter: '(|(proxyAddresses=*)(mail=*))',
  attributes: ['proxyAddresses', 'mail', 'targetAddress', 'objectClass'],
  take: (entry) => {
    // A proxy address without a type is none.
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
 * inetOrgPerson, inetLocalMailRecipient (Sendmail), Sun, GOsa, Univention. An account that the mail system is told to refuse mail for is
 * left out; one that only may not log in (`noaccess`) is not. Software with rules of its own has a preset of its own.
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
  attributes: [...OPENLDAP, 'accountStatus', 'accountActive'],
  take: (entry) => {
    const isOff = ['disabled', 'deleted', 'inactive'].some((status) => is(entry, 'accountStatus', status));
    if (isOff || is(entry, 'accountActive', 'false')) return NOTHING;
    return { accepted: addressesIn(entry, ...OPENLDAP), forwarded: [] };
  },
};

/**
 * FreeIPA (389 Directory Server): users and groups with `mail`, and `mailAlternateAddress` where its schema has it. FreeIPA itself runs no
 * mail server. A locked account (`nsAccountLock`) may not log in, and still gets mail; a preserved or staged user is below
 * `cn=provisioning` and is nobody.
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

/** A filter of the site's own; of `proxyAddresses` those that are SMTP's count. */
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
