// Zimbra and Carbonio: zimbra.schema as far as their look-ups go, and those that mtainit writes.
import { at, attributes, entry, objectClass, organization, type DirectorySoftware } from './directory.ts';
import { accepted, refused, type Chance } from '../software.ts';

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;
const ROOT = 'dc=example';

const domain = (name: string, values: Values = {}) =>
  entry(`dc=${name},${ROOT}`, {
    objectClass: 'zimbraDomain',
    dc: name,
    zimbraDomainName: name,
    zimbraDomainType: 'local',
    zimbraMailStatus: 'enabled',
    ...values,
  });
let number = 0;
const account = (values: Values) => {
  const uid = `z${number++}`;
  return entry(`uid=${uid},${ROOT}`, {
    objectClass: 'zimbraMailRecipient',
    uid,
    zimbraMailStatus: 'enabled',
    ...values,
  });
};
const user = (address: string, values: Values = {}) => account({ zimbraMailDeliveryAddress: address, ...values });

function byChance(chance: Chance): string {
  const domains = chance.domains.map((name) =>
    domain(name, {
      zimbraMailStatus: chance.percent(90) ? 'enabled' : 'disabled',
      zimbraDomainType: chance.percent(85) ? 'local' : 'alias',
    }),
  );
  const people = chance.addresses(50).map((address) =>
    account({
      zimbraMailStatus: chance.percent(85) ? 'enabled' : 'disabled',
      zimbraMailDeliveryAddress: at(chance, 75, address),
      zimbraMailAlias: chance.percent(40) ? [address, chance.address()] : undefined,
      zimbraOldMailAddress: at(chance, 10, chance.address()),
      zimbraMailForwardingAddress: at(chance, 40, chance.address()),
      zimbraMailCatchAllAddress: at(chance, 1, `@${chance.domain()}`),
    }),
  );
  return domains.join('') + people.join('');
}

export const zimbra: DirectorySoftware = {
  preset: 'zimbra',
  name: 'Zimbra 8 to 10, Carbonio',
  suffix: '',
  schema:
    attributes(1, [
      'zimbraDomainName',
      'zimbraDomainType',
      'zimbraMailStatus',
      'zimbraMailDeliveryAddress',
      'zimbraMailAlias',
      'zimbraOldMailAddress',
      'zimbraMailCatchAllAddress',
      'zimbraMailForwardingAddress',
      'zimbraPrefMailForwardingAddress',
      'zimbraMailCatchAllForwardingAddress',
      'zimbraMailCanonicalAddress',
      'zimbraMailCatchAllCanonicalAddress',
    ]) +
    objectClass(1, 'zimbraDomain', 'STRUCTURAL', [
      'dc',
      'zimbraDomainName',
      'zimbraDomainType',
      'zimbraMailStatus',
      'zimbraMailCatchAllAddress',
      'zimbraMailCatchAllForwardingAddress',
    ]) +
    objectClass(2, 'zimbraMailRecipient', 'STRUCTURAL', [
      'uid',
      'member',
      'zimbraMailStatus',
      'zimbraMailDeliveryAddress',
      'zimbraMailAlias',
      'zimbraOldMailAddress',
      'zimbraMailCatchAllAddress',
      'zimbraMailForwardingAddress',
      'zimbraPrefMailForwardingAddress',
      'zimbraMailCanonicalAddress',
    ]),
  ldif: (chance) =>
    organization('dc=example,', 'Example').replace(
      Buffer.from('dc=example,').toString('base64'),
      Buffer.from(ROOT).toString('base64'),
    ) +
    domain('on.example') +
    domain('off.example', { zimbraMailStatus: 'disabled' }) +
    domain('catch.example') +
    domain('alias.example', {
      zimbraDomainType: 'alias',
      zimbraMailCatchAllAddress: '@alias.example',
      zimbraMailCatchAllForwardingAddress: '@on.example',
    }) +
    user('user@on.example', {
      zimbraMailAlias: ['other@on.example', 'user@catch.example'],
      zimbraOldMailAddress: 'maiden@on.example',
    }) +
    user('gone@on.example', { zimbraMailStatus: 'disabled', zimbraMailAlias: 'gone-too@on.example' }) +
    user('user@off.example') +
    user('all@catch.example', { zimbraMailCatchAllAddress: '@catch.example' }) +
    account({
      zimbraMailAlias: 'list@on.example',
      zimbraMailForwardingAddress: ['user@on.example', 'x@elsewhere.example'],
    }) +
    account({ zimbraMailAlias: 'empty-list@on.example' }) +
    account({ zimbraMailAlias: 'renamed@on.example', zimbraMailCanonicalAddress: 'user@on.example' }) +
    byChance(chance),
  lookups: {
    vmm: 'query_filter = (&(zimbraMailDeliveryAddress=%s)(zimbraMailStatus=enabled))\nresult_attribute = zimbraMailDeliveryAddress',
    vmd: 'query_filter = (&(zimbraDomainName=%s)(zimbraDomainType=local)(zimbraMailStatus=enabled))\nresult_attribute = zimbraDomainName',
    vam: 'query_filter = (&(|(zimbraMailDeliveryAddress=%s)(zimbraMailAlias=%s)(zimbraOldMailAddress=%s)(zimbraMailCatchAllAddress=%s))(zimbraMailStatus=enabled))\nresult_attribute = zimbraMailDeliveryAddress,zimbraMailForwardingAddress,zimbraPrefMailForwardingAddress,zimbraMailCatchAllForwardingAddress\nspecial_result_attribute = member',
    vad: 'query_filter = (&(zimbraDomainName=%s)(zimbraDomainType=alias)(zimbraMailStatus=enabled))\nresult_attribute = zimbraDomainName',
    canonical:
      'query_filter = (&(|(zimbraMailDeliveryAddress=%s)(zimbraMailAlias=%s)(zimbraMailCatchAllAddress=%s))(zimbraMailStatus=enabled))\nresult_attribute = zimbraMailCanonicalAddress,zimbraMailCatchAllCanonicalAddress',
  },
  mainCf: (map) => ({
    virtual_mailbox_domains: map('vmd'),
    virtual_mailbox_maps: map('vmm'),
    virtual_alias_domains: map('vad'),
    virtual_alias_maps: map('vam'),
    canonical_maps: map('canonical'),
  }),
  wildcards: ['catch.example', 'alias.example'],
  entries: [
    accepted('user@on.example'),
    accepted('other@on.example', 'an alias'),
    accepted('user@catch.example', 'an alias in another domain'),
    accepted('maiden@on.example', 'an old address'),
    refused('gone@on.example', 'mail is disabled'),
    refused('gone-too@on.example', 'an alias of who gets no mail'),
    refused('user@off.example', 'the domain is disabled'),
    accepted('list@on.example', 'a distribution list'),
    refused('empty-list@on.example', 'a distribution list without members'),
    accepted('renamed@on.example', 'a canonical address'),
    accepted('anybody@catch.example', 'a catch-all'),
    accepted('anybody@alias.example', 'an alias domain takes everybody'),
    refused('nobody@on.example'),
  ],
};
