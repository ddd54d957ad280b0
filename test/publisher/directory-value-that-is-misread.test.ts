// One value of an attribute: blanks around an address, a type before it, several in one. Each is taken, or refused
// as it stands.
import { describe, expect, test } from 'vitest';
import { addressesOf, wholeAddressOf } from '../../src/publisher/sources/ldap/values.ts';
import { freeipa, openldap, ownQuestion } from '../../src/publisher/sources/ldap/presets/general.ts';
import { quotedAddress } from '../../src/publisher/sources/quoted.ts';

test.each<[string, readonly string[]]>([
  ['a@x.example', ['a@x.example']],
  [' a@x.example ', ['a@x.example']],
  ['a@x.example, b@x.example', ['a@x.example', 'b@x.example']],
  ['a@x.example;b@x.example c@x.example', ['a@x.example', 'b@x.example', 'c@x.example']],
  ['smtp:a@x.example', ['a@x.example']],
  ['SMTP: a@x.example', ['a@x.example']],
  ['mailto:a@x.example', ['a@x.example']],
  ['smtp:a@x.example, smtp:b@x.example', ['a@x.example', 'b@x.example']],
  ['X500:/o=Example/cn=a', []],
  ['sip:a@x.example', []],
  ['John <a@x.example>', ['a@x.example']],
  // No address: refused where rows are made.
  ['a, b@x.example', ['a', 'b@x.example']],
  ['System.String[]', ['System.String[]']],
  ['"a b"@x.example', ['"a b"@x.example']],
])('%s', (value, addresses) => {
  expect(addressesOf(value)).toEqual(addresses);
});

test.each<[string, readonly string[]]>([
  [' a@x.example ', ['a@x.example']],
  ['smtp:a@x.example', ['a@x.example']],
  ['X500:/o=Example/cn=a', []],
  ['a, b@x.example', ['a, b@x.example']],
])('as a software compares it: %s', (value, addresses) => {
  expect(wholeAddressOf(value)).toEqual(addresses);
});

const entry = (attributes: Readonly<Record<string, readonly string[]>>) => new Map(Object.entries(attributes));

describe('an attribute of any name', () => {
  test('takes what has a type before it', () => {
    const { take } = ownQuestion('(otherMailbox=*)', ['otherMailbox']);
    expect(take(entry({ othermailbox: ['smtp:a@x.example', 'X400:c=US'] })).accepted).toEqual(['a@x.example']);
    expect(openldap.take(entry({ mail: [' a@x.example'] })).accepted).toEqual(['a@x.example']);
    for (const off of [
      { inetuserstatus: ['inactive'] },
      { mailuserstatus: ['Removed'] },
      { accountstatus: ['disabled'] },
    ])
      expect(openldap.take(entry({ mail: ['a@x.example'], ...off })).accepted, JSON.stringify(off)).toEqual([]);
  });

  test('a preserved user of FreeIPA is nobody', () => {
    const dn = 'uid=a,cn=deleted users,cn=accounts,cn=provisioning,dc=example,dc=org';
    expect(freeipa.take(entry({ mail: ['a@x.example'], entrydn: [dn] })).accepted).toEqual([]);
  });
});

test.each([
  ['a@x.example', 'a@x.example'],
  ['a,b@x.example', '"a,b"@x.example'],
  ['back\\slash@x.example', '"back\\\\slash"@x.example'],
  ['in side@x.example', '"in side"@x.example'],
  ['"in side"@x.example', '"in side"@x.example'],
  ['@x.example', '@x.example'],
  ['nobody', 'nobody'],
])('a local part as Postfix looks it up, in quotes where it has to be: %s', (text, address) => {
  expect(quotedAddress(text)).toBe(address);
});
