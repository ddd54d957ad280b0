// A domain controller of Samba's with more users than Active Directory gives at once (Samba itself knows no such
// limit): every address is published and no other.
import { Client } from 'ldapts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { sourceToml } from '../publisher/sourced.ts';
import { PASSWORD, startSamba, type DomainController } from './directories.ts';

const USERS = 1200;
const MANY = 2000;
let samba: DomainController;
const accepted = new Set<string>();
let traps = 0;

beforeAll(async () => {
  samba = await startSamba();
  const ca = readFileSync(path.join(samba.dir, 'ca.pem'), 'utf8');
  const client = new Client({
    url: `ldaps://${samba.address}`,
    tlsOptions: { ca },
    timeout: 60_000,
    connectTimeout: 60_000,
  });
  await client.bind(samba.admin, PASSWORD);
  await filled(client);
  await client.unbind();
}, 1_200_000);
afterAll(async () => {
  await samba?.stop();
});

async function filled(client: Client): Promise<void> {
  const people = `OU=People,${samba.base}`;
  await client.add(people, { objectClass: 'organizationalUnit' });
  const add = async (cn: string, kind: string, attributes: Record<string, string | string[]>) => {
    await client.add(`CN=${cn},${people}`, { objectClass: kind, ...attributes });
  };
  const takes = (...addresses: string[]) => addresses.forEach((each) => accepted.add(each.toLowerCase()));
  for (let i = 0; i < USERS; i++) {
    const name = `user${i}`;
    // 514: disabled, as a shared or room mailbox is; 544: enabled, without a password.
    const userAccountControl = i % 20 === 0 ? '514' : '544';
    const account = { sAMAccountName: name, userAccountControl };
    if (i % 5 === 0) {
      const proxies = [
        `SMTP:${name}@example.test`,
        `smtp:Alias.${name}@Example.test`,
        `X500:/o=Example/cn=${name}`,
        `sip:${name}@sip.test`,
      ];
      await add(name, 'user', { ...account, mail: `${name}@example.test`, proxyAddresses: proxies });
      takes(`${name}@example.test`, `alias.${name}@example.test`);
      traps += 2;
    } else if (i % 5 === 1) {
      await add(name, 'user', { ...account, userPrincipalName: `${name}@upn.test` });
      traps += 1; // an account without an address
    } else {
      await add(name, 'user', { ...account, mail: `${name}@example.test` });
      takes(`${name}@example.test`);
    }
  }
  await add('sales', 'group', {
    sAMAccountName: 'sales',
    mail: 'sales@example.test',
    proxyAddresses: ['SMTP:sales@example.test', 'smtp:vertrieb@example.test'],
  });
  takes('sales@example.test', 'vertrieb@example.test');
  await add('partner', 'contact', { mail: 'someone@partner.test' });
  traps += 1; // of another domain, where we have no mailbox
  await add('elsewhere', 'contact', { mail: 'colleague@example.test' });
  takes('colleague@example.test');
  const many = Array.from({ length: MANY }, (_, i) => `smtp:many${i}@example.test`);
  await add('many', 'user', { sAMAccountName: 'many', userAccountControl: '544', proxyAddresses: many });
  takes(...many.map((each) => each.slice(5)));
}

function publisher(keys: Readonly<Record<string, unknown>> = {}): Central {
  const central = new Central({ policy: 'postmaster = false' });
  central.rows(['other@elsewhere.example']);
  const url = `ldaps://${samba.address}`;
  const source = {
    type: 'ldap',
    url,
    base_dn: samba.base,
    preset: 'active-directory',
    ...samba.tls,
    ...keys,
    name: 'dc1',
  };
  central.configure({ policy: 'postmaster = false', further: sourceToml(source) });
  return central;
}

test.each<[string, () => Record<string, unknown>]>([
  ['over LDAPS', () => ({})],
  ['over StartTLS', () => ({ url: `ldap://${samba.address}`, starttls: true })],
])('all addresses and no other, from the base of the domain, %s', async (way, keys) => {
  const { rows } = await publisher(keys()).publish();
  expect(rows.filter((row) => row !== 'other@elsewhere.example')).toEqual([...accepted].sort());
  process.stdout.write(
    `Samba AD DC ${way}: ${USERS} users, ${accepted.size} addresses as expected, ${traps} traps left out\n`,
  );
});

test('nobody in particular, a wrong password, another base: nothing is written', async () => {
  await publisher({ bind_dn: undefined, password_file: undefined }).refused(2, /SOURCE: dc1 refused it .LDAP result 1/);
  await publisher({ bind_dn: `CN=Nobody,${samba.base}` }).refused(2, /SOURCE: dc1 refused bind_dn and password/);
  await publisher({ base_dn: 'DC=example,DC=com' }).refused(2, /SOURCE: dc1 .*LDAP result/);
});
