/** What a directory is asked for and which addresses its entries stand for, by preset (docs/commands.md section 3). Pure. */

/** An entry's values by attribute, names in lower case. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

export interface Taken {
  readonly accepted: readonly string[];
  /** Where mail for the entry is sent on to: accepted only in a domain that other entries show to be ours. */
  readonly forwarded: readonly string[];
}

export interface Question {
  readonly filter: string;
  readonly attributes: readonly string[];
  readonly take: (entry: Attributes) => Taken;
}

const values = (entry: Attributes, name: string): readonly string[] => entry.get(name.toLowerCase()) ?? [];
const NOTHING: Taken = { accepted: [], forwarded: [] };

/** The address of a proxy address, or null for one of another kind (X500:, sip:, eum:). */
function smtpAddress(proxy: string): string | null {
  const [, address] = /^smtp:(.*)$/is.exec(proxy) ?? [];
  return address === undefined ? null : address.trim();
}
const smtpAddresses = (proxies: readonly string[]): string[] =>
  proxies.map(smtpAddress).filter((each) => each !== null);

/**
 * Every kind of object that has an address: users (disabled ones too: shared and room mailboxes are, and a directory without Exchange
 * does not tell them from those who left), groups, contacts, public folders. A contact's or a mail user's own address may be one
 * outside, to which its mail is sent on.
 */
const activeDirectory: Question = {
  filter: '(|(proxyAddresses=*)(mail=*))',
  attributes: ['proxyAddresses', 'mail', 'targetAddress', 'objectClass'],
  take: (entry) => {
    const proxies = smtpAddresses(values(entry, 'proxyAddresses'));
    const addresses = [...proxies, ...values(entry, 'mail')];
    const isContact = values(entry, 'objectClass').some((name) => name.toLowerCase() === 'contact');
    if (isContact && proxies.length === 0) return { accepted: [], forwarded: addresses };
    const targets = values(entry, 'targetAddress').map((each) => (smtpAddress(each) ?? each).toLowerCase());
    const forwarded = addresses.filter((each) => targets.includes(each.toLowerCase()));
    return { accepted: addresses.filter((each) => !forwarded.includes(each)), forwarded };
  },
};

/**
 * inetOrgPerson, inetLocalMailRecipient (Sendmail), qmail-ldap and Sun, GOsa, Univention, iRedMail. An account that the mail system is
 * told to refuse mail for is left out; one that only may not log in (`noaccess`) is not.
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
const openldap: Question = {
  filter: `(|${OPENLDAP.map((name) => `(${name}=*)`).join('')})`,
  attributes: [...OPENLDAP, 'accountStatus', 'accountActive'],
  take: (entry) => {
    const status = values(entry, 'accountStatus').map((each) => each.toLowerCase());
    const active = values(entry, 'accountActive').map((each) => each.toLowerCase());
    if (status.some((each) => ['disabled', 'deleted', 'inactive'].includes(each)) || active.includes('false'))
      return NOTHING;
    return { accepted: OPENLDAP.flatMap((name) => values(entry, name)), forwarded: [] };
  },
};

export const PRESETS: Readonly<Record<string, Question>> = { 'active-directory': activeDirectory, openldap };

/** A filter of the site's own; of `proxyAddresses` those that are SMTP's count. */
export function ownQuestion(filter: string, attributes: readonly string[] = ['mail']): Question {
  return {
    filter,
    attributes,
    take: (entry) => ({
      accepted: attributes.flatMap((name) => {
        const found = values(entry, name);
        return name.toLowerCase() === 'proxyaddresses' ? smtpAddresses(found) : found;
      }),
      forwarded: [],
    }),
  };
}
