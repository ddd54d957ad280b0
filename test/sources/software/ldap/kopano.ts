// Kopano: kopano.schema as far as the look-ups of its documentation go.
import { at, attributes, entry, example, EXAMPLE, objectClass, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;
const person = (uid: string, values: Values) =>
  entry(`uid=${uid},${EXAMPLE}`, { objectClass: ['inetOrgPerson', 'kopano-user'], uid, cn: uid, sn: uid, ...values });
const group = (cn: string, values: Values) =>
  entry(`cn=${cn},${EXAMPLE}`, { objectClass: ['organizationalRole', 'kopano-group'], cn, ...values });

const byChance = (chance: Chance): string =>
  chance
    .addresses(50)
    .map((mail, i) => {
      if (chance.percent(15)) return group(`g${i}`, { mail, memberUid: at(chance, 80, 'user') });
      return person(`c${i}`, {
        mail: at(chance, 90, mail),
        kopanoAliases: chance.percent(30) ? [chance.address(), chance.address()] : undefined,
        kopanoAccount: chance.random.pick(['1', '1', '1', '0', '']) || undefined,
      });
    })
    .join('');

export const kopano: DirectorySoftware = {
  preset: 'kopano',
  name: 'Kopano 8 to 11',
  suffix: EXAMPLE,
  schema:
    attributes(1, ['kopanoAliases', 'kopanoAccount', 'memberUid']) +
    objectClass(1, 'kopano-user', 'AUXILIARY', ['mail', 'kopanoAliases', 'kopanoAccount']) +
    objectClass(2, 'kopano-group', 'AUXILIARY', ['mail', 'memberUid', 'kopanoAccount']),
  ldif: (chance) =>
    example +
    person('user', {
      mail: 'user@on.example',
      kopanoAliases: ['other@on.example', 'user@alias-only.example'],
      kopanoAccount: '1',
    }) +
    person('gone', { mail: 'gone@on.example', kopanoAliases: 'gone-too@on.example', kopanoAccount: '0' }) +
    person('none', { mail: 'none@on.example' }) +
    group('staff', { mail: 'staff@on.example', memberUid: ['user', 'gone'] }) +
    group('empty', { mail: 'empty@on.example' }) +
    byChance(chance),
  lookups: {
    users: 'query_filter = (&(kopanoAccount=1)(mail=%s))\nresult_attribute = mail',
    aliases: 'query_filter = (&(kopanoAccount=1)(kopanoAliases=%s))\nresult_attribute = mail',
    groups: 'query_filter = (&(objectClass=kopano-group)(mail=%s))\nresult_attribute = memberUid',
    domains: 'query_filter = (|(mail=*@%s)(kopanoAliases=*@%s))\nresult_attribute = mail, kopanoAliases',
  },
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    virtual_alias_maps: map('aliases', 'groups'),
    virtual_mailbox_maps: map('users'),
  }),
  wildcards: [],
  entries: [
    accepted('user@on.example'),
    accepted('other@on.example', 'an alias'),
    accepted('user@alias-only.example', 'an alias in a domain of its own'),
    refused('gone@on.example', 'kopanoAccount is 0'),
    refused('gone-too@on.example', 'an alias of who is no account'),
    refused('none@on.example', 'kopanoAccount is not there'),
    accepted('staff@on.example', 'a group'),
    refused('empty@on.example', 'a group without members'),
    refused('nobody@on.example'),
  ],
};
