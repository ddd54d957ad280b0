// FreeIPA: users and groups of its 389 Directory Server, by the attributes that Postfix look-ups in its guides ask.
// It runs no mail server.
import { at, entry, example, EXAMPLE, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;
const ACCOUNTS = `cn=accounts,${EXAMPLE}`;
const container = (dn: string) => entry(dn, { objectClass: 'nsContainer', cn: dn.slice(3, dn.indexOf(',')) });
const person = (uid: string, values: Values, under = `cn=users,${ACCOUNTS}`) =>
  entry(`uid=${uid},${under}`, { objectClass: ['inetOrgPerson', 'mailRecipient'], uid, cn: uid, sn: uid, ...values });

const byChance = (chance: Chance): string =>
  chance
    .addresses(50)
    .map((mail, i) =>
      person(
        `c${i}`,
        {
          mail: at(chance, 90, mail),
          mailAlternateAddress: chance.percent(30) ? [chance.address(), chance.address()] : undefined,
        },
        chance.percent(90) ? `cn=users,${ACCOUNTS}` : `cn=deleted users,cn=accounts,cn=provisioning,${EXAMPLE}`,
      ),
    )
    .join('');

export const freeipa: DirectorySoftware = {
  preset: 'freeipa',
  name: 'FreeIPA 4 (389-ds)',
  suffix: EXAMPLE,
  // What 389-ds has itself.
  schema: '',
  ldif: (chance) =>
    example +
    container(ACCOUNTS) +
    container(`cn=users,${ACCOUNTS}`) +
    container(`cn=groups,${ACCOUNTS}`) +
    container(`cn=provisioning,${EXAMPLE}`) +
    container(`cn=accounts,cn=provisioning,${EXAMPLE}`) +
    container(`cn=deleted users,cn=accounts,cn=provisioning,${EXAMPLE}`) +
    person('user', { mail: ['user@on.example', 'User.Name@on.example'], mailAlternateAddress: 'other@on.example' }) +
    person('locked', { mail: 'locked@on.example', nsAccountLock: 'TRUE' }) +
    person('none', {}) +
    person('kept', { mail: 'kept@on.example' }, `cn=deleted users,cn=accounts,cn=provisioning,${EXAMPLE}`) +
    entry(`cn=staff,cn=groups,${ACCOUNTS}`, {
      objectClass: ['groupOfNames', 'mailRecipient'],
      cn: 'staff',
      mail: 'staff@on.example',
    }) +
    byChance(chance),
  lookups: {
    recipients: `search_base = ${ACCOUNTS}\nquery_filter = (|(mail=%s)(mailAlternateAddress=%s))\nresult_attribute = cn`,
  },
  mainCf: (map) => ({ relay_domains: 'static:all', relay_recipient_maps: map('recipients') }),
  wildcards: [],
  entries: [
    accepted('user@on.example'),
    accepted('user.name@on.example', 'a second mail, with capitals'),
    accepted('other@on.example', 'mailAlternateAddress'),
    accepted('locked@on.example', 'who may not log in still gets mail'),
    accepted('staff@on.example', 'a group'),
    refused('kept@on.example', 'a preserved user'),
    refused('nobody@on.example'),
  ],
};
