// qmail-ldap: its qmail.schema as far as it goes, and what its qmail-verify looks for, as Postfix look-ups.
import { attributes, entry, example, EXAMPLE, objectClass, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

const person = (uid: string, values: Readonly<Record<string, string | readonly string[] | undefined>>) =>
  entry(`uid=${uid},${EXAMPLE}`, { objectClass: ['inetOrgPerson', 'qmailUser'], uid, cn: uid, sn: uid, ...values });

const byChance = (chance: Chance): string =>
  [...chance.addresses(50), ...chance.domains.filter(() => chance.percent(10)).map((domain) => `catchall@${domain}`)]
    .map((mail, i) =>
      person(`c${i}`, {
        mail,
        mailAlternateAddress: chance.percent(30) ? [chance.address(), chance.address()] : undefined,
        accountStatus: chance.random.pick(['', 'active', 'noaccess', 'nopop', 'disabled', 'deleted']) || undefined,
      }),
    )
    .join('');

const isOpen = '(!(accountStatus=disabled))(!(accountStatus=deleted))';

export const qmailLdap: DirectorySoftware = {
  preset: 'qmail-ldap',
  name: 'qmail-ldap',
  suffix: EXAMPLE,
  schema:
    attributes(1, ['mailAlternateAddress', 'accountStatus']) +
    objectClass(1, 'qmailUser', 'AUXILIARY', ['mail', 'mailAlternateAddress', 'accountStatus']),
  ldif: (chance) =>
    example +
    person('user', { mail: 'user@on.example', mailAlternateAddress: ['other@on.example', 'user@second.example'] }) +
    person('gone', {
      mail: 'gone@on.example',
      mailAlternateAddress: 'gone-too@on.example',
      accountStatus: 'disabled',
    }) +
    person('deleted', { mail: 'deleted@on.example', accountStatus: 'deleted' }) +
    person('nopop', { mail: 'nopop@on.example', accountStatus: 'nopop' }) +
    person('noaccess', { mail: 'noaccess@on.example', accountStatus: 'noaccess' }) +
    person('all', { mail: 'catchall@catch.example' }) +
    person('no-longer-all', { mail: 'catchall@no-catch.example', accountStatus: 'disabled' }) +
    byChance(chance),
  lookups: {
    recipients: `query_filter = (&(|(mail=%s)(mailAlternateAddress=%s))${isOpen})\nresult_attribute = uid`,
    catchAll: `query_filter = (&(|(mail=catchall@%d)(mailAlternateAddress=catchall@%d))${isOpen})\nresult_attribute = uid`,
  },
  // Which domains there are is in control/rcpthosts, not in the directory.
  mainCf: (map) => ({
    relay_domains: 'static:all',
    relay_recipient_maps: map('recipients', 'catchAll'),
  }),
  wildcards: ['catch.example'],
  entries: [
    accepted('user@on.example'),
    accepted('other@on.example', 'mailAlternateAddress'),
    accepted('user@second.example', 'mailAlternateAddress in another domain'),
    refused('gone@on.example', 'disabled'),
    refused('gone-too@on.example', 'an alternate address of who is disabled'),
    refused('deleted@on.example', 'deleted'),
    accepted('nopop@on.example', 'who may not read mail still gets it'),
    accepted('noaccess@on.example', 'who may not log in still gets mail'),
    accepted('anybody@catch.example', 'the account catchall takes everybody'),
    refused('anybody@no-catch.example', 'a catchall that is disabled'),
    refused('nobody@on.example'),
  ],
};
