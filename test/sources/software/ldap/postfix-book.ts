// docker-mailserver with LDAP: the schema of Postfix Book, and the look-ups of its target/postfix/ldap-*.cf.
import { attributes, entry, example, EXAMPLE, objectClass, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

const person = (i: string, values: Record<string, string | readonly string[] | undefined>, kind = 'BookAccount') =>
  entry(`uid=${i},${EXAMPLE}`, { objectClass: ['inetOrgPerson', `Postfix${kind}`], uid: i, cn: i, sn: i, ...values });

const byChance = (chance: Chance): string =>
  chance
    .addresses(50)
    .map((address, i) =>
      person(`c${i}`, {
        mail: address,
        mailAlias: chance.percent(30) ? [chance.address(), chance.address()] : undefined,
        mailGroupMember: chance.percent(20) ? chance.address() : undefined,
        mailEnabled: chance.random.pick(['TRUE', 'TRUE', 'TRUE', 'FALSE', '']) || undefined,
      }),
    )
    .join('');

export const postfixBook: DirectorySoftware = {
  preset: 'postfix-book',
  name: 'docker-mailserver 15 (postfix-book)',
  suffix: EXAMPLE,
  schema:
    attributes(1, ['mailAlias']) +
    attributes(2, ['mailGroupMember'], 'caseExactIA5Match') +
    attributes(3, ['mailEnabled'], 'booleanMatch') +
    objectClass(1, 'PostfixBookAccount', 'AUXILIARY', ['mail', 'mailAlias', 'mailGroupMember', 'mailEnabled']) +
    objectClass(2, 'PostfixBookForward', 'AUXILIARY', ['mail', 'mailAlias']),
  ldif: (chance) =>
    example +
    person('user', {
      mail: 'User@on.example',
      mailAlias: ['info@on.example', 'info@alias-only.example', '@catch.example'],
      mailGroupMember: ['staff@on.example', 'staff@nowhere.example', 'Staff@capital.example'],
      mailEnabled: 'TRUE',
    }) +
    person('gone', { mail: 'gone@on.example', mailAlias: 'old@on.example', mailEnabled: 'FALSE' }) +
    person('unset', { mail: 'unset@on.example', mailGroupMember: 'unset-staff@on.example' }) +
    person('off', { mail: 'user@off.example', mailEnabled: 'FALSE' }) +
    person('group-of-off', { mail: 'other@on.example', mailGroupMember: 'staff@off.example', mailEnabled: 'TRUE' }) +
    person('capital', { mail: 'x@capital.example', mailEnabled: 'TRUE' }) +
    person('forward', { mail: 'x@on.example', mailAlias: 'forward@on.example' }, 'BookForward') +
    byChance(chance),
  lookups: {
    users: 'query_filter = (&(mail=%s)(mailEnabled=TRUE))\nresult_attribute = mail',
    aliases: 'query_filter = (&(mailAlias=%s)(mailEnabled=TRUE))\nresult_attribute = mail',
    groups: 'query_filter = (&(mailGroupMember=%s)(mailEnabled=TRUE))\nresult_attribute = mail',
    domains: 'query_filter = (&(|(mail=*@%s)(mailAlias=*@%s))(mailEnabled=TRUE))\nresult_attribute = mail',
  },
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('aliases', 'groups'),
    virtual_mailbox_maps: map('users'),
  }),
  delimiter: '+',
  wildcards: ['catch.example'],
  entries: [
    accepted('user@on.example', 'capitals in the directory'),
    accepted('info@on.example', 'an alias'),
    accepted('info@alias-only.example', 'a domain that only an alias is in'),
    accepted('staff@on.example', 'a group'),
    refused('staff@nowhere.example', 'a group in a domain that nobody has an address in'),
    refused('staff@capital.example', 'a group with a capital, which is compared letter by letter'),
    accepted('x@capital.example'),
    refused('gone@on.example', 'not enabled'),
    refused('old@on.example', 'an alias of who is not enabled'),
    refused('unset@on.example', 'mailEnabled is not there'),
    refused('unset-staff@on.example', 'mailEnabled is not there'),
    refused('user@off.example', 'not enabled'),
    refused('staff@off.example', 'a group in a domain whose users are not enabled'),
    refused('forward@on.example', 'a PostfixBookMailForward has no mailEnabled'),
    accepted('anybody@catch.example', 'a catch-all'),
    refused('nobody@on.example'),
  ],
};
