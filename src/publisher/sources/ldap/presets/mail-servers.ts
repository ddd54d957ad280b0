/** Mail software with one or two rules of its own about its directory. Pure. */
import { wholeAddressesIn, anyOf, is, NOTHING, valuesOf, type Question } from './question.ts';

/**
 * docker-mailserver with LDAP and the schema `postfix-book`, after its
 * target/postfix/ldap-{users,aliases,groups,domains}.cf: `mail`, `mailAlias` and `mailGroupMember` of entries with
 * `mailEnabled` TRUE. A domain exists if such a `mail` or `mailAlias` is in it; a group in any other domain has
 * none. Group names are compared case-sensitively, so a name with capitals is never found.
 */
export const postfixBook: Question = {
  exact: true,
  filter: `(&${anyOf('mail', 'mailAlias', 'mailGroupMember')}(mailEnabled=TRUE))`,
  attributes: ['mail', 'mailAlias', 'mailGroupMember'],
  take: (entry) => {
    // An alias and a group lead to the entry's `mail`.
    if (valuesOf(entry, 'mail').length === 0) return NOTHING;
    const groups = wholeAddressesIn(entry, 'mailGroupMember').filter((each) => each === each.toLowerCase());
    return { accepted: wholeAddressesIn(entry, 'mail', 'mailAlias'), forwarded: groups };
  },
};

/**
 * qmail-ldap: `mail` and `mailAlternateAddress` of every account that is not `disabled` or `deleted` (its
 * qmail-ldap.h; `noaccess` and `nopop` only restrict reading mail). The account `catchall@domain` accepts every
 * address of its domain. control/rcpthosts lists the domains.
 */
export const qmailLdap: Question = {
  exact: true,
  filter: anyOf('mail', 'mailAlternateAddress'),
  attributes: ['mail', 'mailAlternateAddress', 'accountStatus'],
  take: (entry) => {
    if (is(entry, 'accountStatus', 'disabled') || is(entry, 'accountStatus', 'deleted')) return NOTHING;
    const own = wholeAddressesIn(entry, 'mail', 'mailAlternateAddress');
    const all = own.filter((each) => /^catchall@/i.test(each)).map((each) => each.slice(each.indexOf('@')));
    return { accepted: [...own, ...all], forwarded: [] };
  },
};

/**
 * Kopano and Zarafa, after the look-ups in their documentation: `mail` and `kopanoAliases` of entries with
 * `kopanoAccount` 1, and `mail` of groups (`kopano-group`) that have members. A contact, or a group without
 * members, has nobody to deliver to.
 */
export const kopano: Question = {
  exact: true,
  filter: '(|(&(kopanoAccount=1)(|(mail=*)(kopanoAliases=*)))(&(objectClass=kopano-group)(mail=*)))',
  attributes: ['mail', 'kopanoAliases', 'kopanoAccount', 'objectClass', 'memberUid', 'member', 'uniqueMember'],
  take: (entry) => {
    const isAccount = is(entry, 'kopanoAccount', '1') && valuesOf(entry, 'mail').length > 0;
    if (isAccount) return { accepted: wholeAddressesIn(entry, 'mail', 'kopanoAliases'), forwarded: [] };
    const isGroup =
      is(entry, 'objectClass', 'kopano-group') &&
      ['memberUid', 'member', 'uniqueMember'].some((name) => valuesOf(entry, name).length > 0);
    return isGroup ? { accepted: wholeAddressesIn(entry, 'mail'), forwarded: [] } : NOTHING;
  },
};
