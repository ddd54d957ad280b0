// iRedMail with an LDAP backend: its samples/iredmail/iredmail.schema as far as its look-ups go, and its
// samples/postfix/ldap.
import { at, attributes, entry, example, EXAMPLE, objectClass, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

const ROOT = `o=domains,${EXAMPLE}`;
type Values = Readonly<Record<string, string | readonly string[] | undefined>>;
const MAIL = ['mail', 'deliver'];

const domain = (name: string, values: Values = {}) =>
  entry(`domainName=${name},${ROOT}`, {
    objectClass: 'mailDomain',
    domainName: name,
    accountStatus: 'active',
    enabledService: 'mail',
    ...values,
  });
let number = 0;
const account = (kind: string, under: string, values: Values) => {
  const name = `a${number++}`;
  const own =
    kind === 'mailUser'
      ? { objectClass: ['inetOrgPerson', 'mailUser'], uid: name, cn: name, sn: name }
      : { objectClass: kind, cn: name };
  return entry(`cn=${name},domainName=${under},${ROOT}`, {
    ...own,
    accountStatus: 'active',
    enabledService: MAIL,
    ...values,
  });
};
const user = (mail: string, values: Values = {}) =>
  account('mailUser', 'on.example', { mail, homeDirectory: '/srv/x', ...values });

function byChance(chance: Chance): string {
  const domains = chance.domains.map((name) =>
    domain(name, {
      accountStatus: chance.percent(85) ? 'active' : 'disabled',
      domainBackupMX: chance.percent(8) ? 'yes' : undefined,
      enabledService: chance.percent(90) ? ['mail', 'domainalias'] : ['domainalias'],
      domainAliasName: at(chance, 20, `a${chance.random.number(5)}.example`),
    }),
  );
  const address = () =>
    chance.percent(90) ? chance.address() : chance.address().replace(/@.*/, `@a${chance.random.number(5)}.example`);
  const people = chance.addresses(60).map((mail) => {
    const services = ['mail', 'deliver', 'forward', 'mlmmj'].filter((service) =>
      chance.percent(service === 'mlmmj' ? 30 : 85),
    );
    return account(
      chance.random.pick(['mailUser', 'mailUser', 'mailAlias', 'mailList', 'mailExternalUser']),
      mail.split('@')[1] ?? '',
      {
        mail,
        homeDirectory: '/srv/x',
        accountStatus: chance.percent(90) ? 'active' : 'disabled',
        domainStatus: at(chance, 5, 'disabled'),
        enabledService: services,
        shadowAddress: chance.percent(30) ? [address(), address()] : undefined,
        memberOfGroup: at(chance, 20, chance.address()),
        mailForwardingAddress: at(chance, 40, 'someone@elsewhere.example'),
      },
    );
  });
  return domains.join('') + people.join('');
}

export const iredmailLdap: DirectorySoftware = {
  preset: 'iredmail-ldap',
  name: 'iRedMail 1.x (LDAP)',
  suffix: EXAMPLE,
  base: ROOT,
  schema:
    attributes(1, [
      'domainName',
      'domainAliasName',
      'domainBackupMX',
      'domainStatus',
      'enabledService',
      'shadowAddress',
      'memberOfGroup',
      'mailForwardingAddress',
      'accountStatus',
      'homeDirectory',
    ]) +
    objectClass(1, 'mailDomain', 'STRUCTURAL', [
      'domainName',
      'domainAliasName',
      'domainBackupMX',
      'enabledService',
      'accountStatus',
    ]) +
    [
      ['mailUser', 'AUXILIARY'],
      ['mailAlias', 'STRUCTURAL'],
      ['mailList', 'STRUCTURAL'],
      ['mailExternalUser', 'STRUCTURAL'],
    ]
      .map(([name = '', kind = ''], i) =>
        objectClass(2 + i, name, kind, [
          'cn',
          'mail',
          'homeDirectory',
          'accountStatus',
          'domainStatus',
          'enabledService',
          'shadowAddress',
          'memberOfGroup',
          'mailForwardingAddress',
        ]),
      )
      .join(''),
  ldif: (chance) =>
    example +
    entry(ROOT, { objectClass: 'organization', o: 'domains' }) +
    domain('on.example', { enabledService: ['mail', 'domainalias'], domainAliasName: 'alias.example' }) +
    domain('off.example', { accountStatus: 'disabled' }) +
    domain('no-mail.example', { enabledService: 'smtp' }) +
    domain('no-alias.example', { domainAliasName: 'not-an-alias.example' }) +
    domain('backup.example', { domainBackupMX: 'yes' }) +
    domain('catch.example') +
    user('user@on.example', {
      shadowAddress: ['shadow@on.example', 'user@alias.example', 'user@not-an-alias.example'],
      memberOfGroup: 'staff@on.example',
    }) +
    user('gone@on.example', { accountStatus: 'disabled' }) +
    user('of-off@on.example', { domainStatus: 'disabled' }) +
    user('no-deliver@on.example', { enabledService: 'mail', memberOfGroup: 'nobodies@on.example' }) +
    user('forwarded@on.example', { enabledService: 'mail', mailForwardingAddress: 'x@elsewhere.example' }) +
    user('user@off.example') +
    user('user@no-mail.example') +
    user('@catch.example', { mailForwardingAddress: 'user@on.example' }) +
    account('mailAlias', 'on.example', {
      mail: 'info@on.example',
      mailForwardingAddress: 'user@on.example',
      memberOfGroup: 'list-of-aliases@on.example',
    }) +
    account('mailAlias', 'on.example', { mail: 'empty@on.example' }) +
    account('mailList', 'on.example', { mail: 'list@on.example' }) +
    account('mailList', 'on.example', {
      mail: 'mlmmj@on.example',
      enabledService: [...MAIL, 'mlmmj'],
      shadowAddress: 'mlmmj-too@on.example',
    }) +
    account('mailExternalUser', 'on.example', { mail: 'x@elsewhere.example', memberOfGroup: 'partners@on.example' }) +
    byChance(chance),
  lookups: {
    domains:
      'scope = one\nquery_filter = (&(objectClass=mailDomain)(|(domainName=%s)(&(enabledService=domainalias)(domainAliasName=%s)))(!(domainBackupMX=yes))(accountStatus=active)(enabledService=mail))\nresult_attribute = domainName',
    relayDomains:
      'scope = one\nquery_filter = (&(objectClass=mailDomain)(|(domainName=%s)(&(enabledService=domainalias)(domainAliasName=%s)))(domainBackupMX=yes)(accountStatus=active)(enabledService=mail))\nresult_attribute = domainName',
    mailbox:
      'query_filter = (&(objectClass=mailUser)(|(mail=%s)(shadowAddress=%s))(accountStatus=active)(!(domainStatus=disabled))(enabledService=mail)(enabledService=deliver))\nresult_attribute = homeDirectory',
    alias:
      'query_filter = (&(|(mail=%s)(shadowAddress=%s))(accountStatus=active)(!(domainStatus=disabled))(enabledService=mail)(enabledService=deliver)(|(objectClass=mailAlias)(&(objectClass=mailUser)(enabledService=forward))))\nresult_attribute = mailForwardingAddress',
    group:
      'query_filter = (&(accountStatus=active)(!(domainStatus=disabled))(enabledService=mail)(enabledService=deliver)(|(&(|(memberOfGroup=%s)(shadowAddress=%s))(|(objectClass=mailUser)(objectClass=mailExternalUser)))(&(memberOfGroup=%s)(!(shadowAddress=%s))(|(objectClass=mailAlias)(objectClass=mailList)))(&(objectClass=mailList)(enabledService=mlmmj)(|(mail=%s)(shadowAddress=%s)))))\nresult_attribute = mail',
    members:
      'query_filter = (&(objectClass=mailUser)(accountStatus=active)(!(domainStatus=disabled))(enabledService=mail)(enabledService=deliver)(|(mail=%s)(shadowAddress=%s)))\nresult_attribute = mail',
    catchAll:
      'query_filter = (&(objectClass=mailUser)(accountStatus=active)(!(domainStatus=disabled))(|(mail=%s)(shadowAddress=%s)))\nresult_attribute = mailForwardingAddress',
  },
  mainCf: (map) => ({
    virtual_mailbox_domains: map('domains'),
    relay_domains: map('relayDomains'),
    virtual_mailbox_maps: map('mailbox'),
    virtual_alias_maps: map('alias', 'group', 'members', 'catchAll'),
  }),
  delimiter: '+',
  wildcards: ['catch.example', 'backup.example'],
  entries: [
    accepted('user@on.example'),
    accepted('shadow@on.example', 'a shadowAddress'),
    accepted('user@alias.example', 'a shadowAddress in an alias domain'),
    refused('user@not-an-alias.example', 'the alias name of a domain without the service domainalias'),
    accepted('staff@on.example', 'a group that only memberOfGroup names'),
    accepted('info@on.example', 'an alias'),
    accepted('list-of-aliases@on.example', 'a group of aliases'),
    refused('empty@on.example', 'an alias that leads nowhere'),
    refused('list@on.example', 'a list without members and without mlmmj'),
    accepted('mlmmj@on.example', 'a list of mlmmj'),
    accepted('mlmmj-too@on.example', 'the shadowAddress of a list of mlmmj'),
    accepted('partners@on.example', 'a group of external users'),
    refused('gone@on.example', 'disabled'),
    refused('of-off@on.example', 'the domain is disabled'),
    refused('no-deliver@on.example', 'without the service deliver'),
    refused('nobodies@on.example', 'a group of who gets no mail'),
    accepted('forwarded@on.example', 'without deliver, but the catch-all table asks for no service'),
    refused('user@off.example', 'the domain is disabled'),
    refused('user@no-mail.example', 'the domain has no service mail'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@backup.example', 'a backup MX domain takes everybody'),
    refused('nobody@on.example'),
  ],
};
