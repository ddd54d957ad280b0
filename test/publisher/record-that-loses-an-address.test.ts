// An export's record gives all its addresses, or is refused: what is not read, cut off, joined or of another kind
// is never lost in silence.
import { array, assert, asyncProperty, constantFrom, integer, stringMatching, tuple, uniqueArray } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf } from './entries.ts';

const csv = async (text: string, more = {}) => await entriesOf(text, { format: 'csv', ...more });
const json = async (value: unknown, more = {}) => await entriesOf(JSON.stringify(value), { format: 'json', ...more });
const refused = (text: string): RegExp => new RegExp(`^list, (?:row|entry|line) \\d+: .*${text}`);

describe('a column that is not read must not hold an address', () => {
  test('unless it is the one that was taken, or the configuration names the columns', async () => {
    const text = 'mail,private\na@d.example,A@D.example\nb@d.example,b@e.example\n';
    expect(await csv(text)).toMatch(refused('column "private" is not read and holds an address; say with columns'));
    expect(await csv(text.replace('b@e', 'b@d'))).toEqual(['a@d.example', 'b@d.example']);
    expect(await csv(text, { columns: ['mail'] })).toEqual(['a@d.example', 'b@d.example']);
    expect(await csv(text, { columns: ['Mail', 2] })).toEqual([
      'a@d.example',
      'A@D.example',
      'b@d.example',
      'b@e.example',
    ]);
  });

  test.each<[string, unknown]>([
    ['in JSON', [{ mail: 'a@d.example', private: 'a@e.example' }]],
    ['deeper within', [{ mail: 'a@d.example', attributes: { others: [['x', 'a@e.example']] } }]],
    ['as a key', [{ mail: 'a@d.example', 'a@e.example': true }]],
    ['beside the list', { contact: 'a@e.example', users: [{ mail: 'a@d.example' }] }],
    ['a list of addresses in a record', [{ name: 'a', recipients: ['a@e.example'], enabled: true }]],
    ['addresses for keys', { 'a@d.example': { name: 'A' } }],
    ['a key with a list of aliases', { 'a@d.example': ['b@d.example'] }],
    ['such keys within a page', { users: { 'a@d.example': { aliases: ['b@d.example'] } } }],
  ])('%s', async (_, value) => {
    expect(await json(value)).toMatch(refused('not read and holds an address'));
  });

  test('in a row that is longer than the header, and in LDIF', async () => {
    expect(await csv('name,mail\nA,a@d.example,b@d.example\n')).toMatch(refused('3 columns, the header has 2'));
    expect(await csv('name,mail\nA, Jr,a@d.example\n')).toMatch(refused('3 columns, the header has 2'));
    const ldif = 'dn: cn=a\nmail: a@d.example\ndescription: or write to b@d.example\n';
    expect(await entriesOf(ldif)).toMatch(refused('column "description" is not read'));
    expect(await entriesOf(ldif, { columns: ['mail'], format: 'ldif' })).toEqual(['a@d.example']);
  });

  test('its name is shown only if it can be one', async () => {
    expect(await json([{ mail: 'a@d.example', sessions: { a1b2c3d4: { by: 'x@e.example' } } }])).toMatch(
      refused('column "sessions.by" is not read'),
    );
    expect(await json([{ mail: 'a@d.example', '{PLAIN}correct-horse': 'x@e.example' }])).toMatch(
      refused('a column is not read'),
    );
  });
});

describe('a header', () => {
  test.each([
    ['that nobody knows', 'name,department\nA,a@d.example\n'],
    ['that is a mistyped address', 'a.d.example\nb@d.example\n'],
    ['of a user principal name alone', 'Name,UserPrincipalName\nA,a@d.example\n'],
  ])('%s is refused', async (_, text) => {
    expect(await csv(text)).toBe(
      'list, row 1: no @ in it, and no column that is known for addresses; say with columns = [...] which to take',
    );
  });

  test('a name of the configuration that stands above several columns', async () => {
    const both = ['a@d.example', 'b@d.example'];
    expect(await csv('Mail,n,Mail\na@d.example,x,b@d.example\n', { columns: ['Mail'] })).toEqual(both);
    expect(await csv('Mail 1,n,Mail 2\na@d.example,x,b@d.example\n', { columns: ['Mail'] })).toEqual(both);
    expect(await csv('Mail,n,Mail 2\na@d.example,x,b@d.example\n', { columns: ['Mail'] })).toEqual(['a@d.example']);
  });

  test('by numbers alone, a first row that is a mistyped address is no header', async () => {
    expect(await csv('x,a.d.example\ny,b@d.example\n', { columns: [2] })).toEqual(['a.d.example', 'b@d.example']);
    expect(await csv('Name,Postfach\ny,b@d.example\n', { columns: [2] })).toEqual(['b@d.example']);
    expect(await csv('Name,Postfach\ny,b@d.example\n', { columns: ['Fach'] })).toBe(
      'list, row 1: there is no column "Fach"',
    );
  });

  test('without one: a column of which one row has no address', async () => {
    expect(await csv('a.d.example,A\nb@d.example,B\n')).toMatch(refused('no @ in it'));
    expect(await csv('x@d.example,a.d.example\ny@d.example,b@d.example\n')).toMatch(
      refused('column 2 has no @, but an address in row 2'),
    );
    expect(await csv('x@d.example,b@d.example\ny@d.example,a.d.example\n')).toEqual([
      'x@d.example',
      'b@d.example',
      'y@d.example',
      'a.d.example',
    ]);
  });
});

describe('a value that is not all', () => {
  test.each([
    '{SMTP:a@d.example, smtp:b@d.example...}',
    'a@d.exam…',
    'System.String[]',
    'System.Object[]',
    'Microsoft.Exchange.Data.ProxyAddressCollection',
    'Microsoft.ActiveDirectory.Management.ADPropertyValueCollection',
  ])('%s', async (value) => {
    expect(await csv(`mail,proxyAddresses\nx@d.example,"${value}"\n`)).toMatch(refused('column "proxyAddresses"'));
    expect(await csv(`mail,aliases\nx@d.example,"${value}"\n`)).toMatch(refused('column "aliases"'));
  });

  test.each([
    [
      'a range of Active Directory',
      'dn: cn=a\nproxyAddresses;range=0-1499: smtp:a@d.example\n',
      'a part of the values',
    ],
    [
      'a size limit',
      'dn: cn=a\nmail: a@d.example\n\nsearch: 2\nresult: 4 Size limit exceeded\n',
      'no whole answer \\(result 4\\)',
    ],
    ['a cookie of a page', 'dn: cn=a\nmail: a@d.example\n\n# pagedresults: cookie=AQAAAA==\n', 'further pages'],
    ['such a cookie without -L', 'dn: cn=a\nmail: a@d.example\n\npagedresults: cookie=AQAAAA==\n', 'further pages'],
    ['a referral', 'dn: cn=a\nmail: a@d.example\n\nref: ldap://b.example/dc=d\n', 'referral'],
    ['changes', 'dn: cn=a\nchangetype: modify\nadd: mail\nmail: a@d.example\n-\n', 'changes'],
    ['a value elsewhere', 'dn: cn=a\nmail:< file:///etc/mail\n', 'at a URL'],
  ])('LDIF: %s', async (_, text, words) => {
    expect(await entriesOf(text)).toMatch(refused(words));
  });
});

test('all pages of ldapsearch, and the references of Active Directory that lead to no recipients', async () => {
  const page = (name: string, cookie: string) =>
    `dn: cn=${name}\nmail: ${name}@d.example\n\n# search result\nsearch: 2\nresult: 0 Success\ncontrol: 1.2.840.113556.1.4.319 false MAUCAQAEAA==\npagedresults: cookie=${cookie}\n`;
  const asked = 'Press [size] Enter for the next {|2} entries.\n';
  for (const between of ['', asked, `${asked}\n`])
    expect(await entriesOf(`${page('a', 'AQAAAA==')}${between}${page('b', '')}`)).toEqual([
      'a@d.example',
      'b@d.example',
    ]);
  const references = ['DC=ForestDnsZones', 'DC=DomainDnsZones', 'CN=Configuration']
    .map((each) => `# search reference\nref: ldap://x.d.example/${each},DC=d,DC=example\n\n`)
    .join('');
  expect(await entriesOf(`dn: cn=a\nmail: a@d.example\n\n${references}`)).toEqual(['a@d.example']);
});

test.each<[string, string, string[]]>([
  ['a name beside the address', '""Uma, A"" <a@d.example>; B <SMTP:b@d.example>', ['a@d.example', 'b@d.example']],
  ['mailto', 'mailto:a@d.example', ['a@d.example']],
  [
    'types in any case',
    'SmTp:a@d.example;sip:x@e.example;x400:c=de;a= ;p=x;EUM:1;x500:/o=a b/cn=c;smtp:b@d.example',
    ['a@d.example', 'b@d.example'],
  ],
  ['what was joined to another type', 'SIP:x@e.example;a@d.example', ['a@d.example']],
  ['a list of JSON, of Python, of PostgreSQL', '[""a@d.example"",""b@d.example""]', ['a@d.example', 'b@d.example']],
  ['quotes of a spreadsheet', "'a@d.example'", ['a@d.example']],
  ['a bar in a local part', 'a|b@d.example', ['a|b@d.example']],
  ['a bar between two', 'a@d.example|b@d.example', ['a@d.example', 'b@d.example']],
  ['a quoted local part', '""a;b c""@d.example, c@d.example', ['"a;b c"@d.example', 'c@d.example']],
  ['nothing', 'N/A', []],
  ['text beside it stays, to be refused', 'a@d.example (old)', ['a@d.example (old)']],
  ['a name stays, to be refused', 'Uma; a@d.example', ['Uma', 'a@d.example']],
])('a cell: %s', async (_, cell, entries) => {
  expect(await csv(`mail,n\n"${cell}",1\n`)).toEqual(entries);
});

test('what is inactive, and what only looks like it', async () => {
  const users = (fields: object) => [{ email: 'a@d.example', ...fields }, { email: 'b@d.example' }];
  for (const off of [
    { active: false },
    { active: 0 },
    { active: '0' },
    { enabled: false },
    { suspended: true },
    { status: 'Suspended' },
    { state: 'blocked' },
    { deletedDateTime: '2026-01-01' },
    { isDeleted: true },
    { suspended_incoming: 1 },
    { IsInactiveMailbox: 'True' },
    { disabled: 'yes' },
    { deleted_at: '2026-01-01T00:00:00Z' },
    { mailEnabled: false, userPrincipalName: 'x' },
    { aktiv: 'nein' },
    { Activé: 'FAUX' },
    { Gelöscht: 'WAHR' },
    { Estado: 'Desactivado' },
    { status: 'DEPROVISIONED' },
    { inetUserStatus: 'inactive' },
    { '@removed': { reason: 'deleted' } },
    { status: { code: 'DISABLED' } },
    { gesperrt: 'x' },
  ])
    expect(await json(users(off)), JSON.stringify(off)).toEqual(['b@d.example']);
  for (const on of [
    { active: 1 },
    { active: 2 },
    { accountEnabled: false },
    { enabled: false, userPrincipalName: 'x' },
    { state: 'NO' },
    { status: 'locked' },
    { suspended: false },
    { suspended_incoming: 0 },
    { IsInactiveMailbox: 'False' },
    { archived: 0 },
    { blocked: 'no' },
    { closed: false },
    { deletedDateTime: null },
    { deleted_at: '0000-00-00 00:00:00' },
    { Gelöscht: 'FALSCH' },
    { Statut: 'Actif' },
  ])
    expect(await json(users(on)), JSON.stringify(on)).toEqual(['a@d.example', 'b@d.example']);
});

test('a record whose status stands above the object with its address, or above the named columns', async () => {
  const users = [
    { status: 'ACTIVE', profile: { login: 'x@e.example', email: 'a@d.example' } },
    { status: 'DEPROVISIONED', profile: { login: 'y@e.example', email: 'b@d.example' } },
  ];
  expect(await json(users)).toEqual(['a@d.example']);
  expect(await json({ status: 'disabled', users: [{ mail: 'a@d.example' }] })).toEqual(['a@d.example']);
  const keycloak = [
    { email: 'a@d.example', enabled: true, attributes: { alias: ['b@d.example'] } },
    { email: 'c@d.example', enabled: false, attributes: { alias: ['d@d.example'] } },
  ];
  expect(await json(keycloak)).toMatch(refused('column "attributes.alias" is not read'));
  expect(await json(keycloak, { columns: ['email', 'attributes.alias'] })).toEqual(['a@d.example', 'b@d.example']);
});

test('addresses of others are not looked for deeper inside', async () => {
  const value = [{ mail: 'a@d.example', attributes: { recovery_email: 'x@e.example', otherMails: ['y@e.example'] } }];
  expect(await json(value)).toEqual(['a@d.example']);
});

describe('a local part and a domain in columns of their own', () => {
  const text = 'local_part,domain,active\na,d.example,1\nb,e.example,1\nc,e.example,0\n,e.example,1\n';

  test('make the address, whatever `domain` says', async () => {
    for (const more of [{}, { columns: ['local_part'], domain: 'd.example' }])
      expect(await csv(text, more), JSON.stringify(more)).toEqual(['a@d.example', 'b@e.example']);
    expect(await entriesOf(text)).toEqual(['a@d.example', 'b@e.example']);
    expect(await json([{ local_part: 'a', domain: 'd.example' }])).toEqual(['a@d.example']);
    expect(await csv('Local part,n\na,1\n', { domain: 'd.example' })).toEqual(['a@d.example']);
  });

  test('a user name likewise, and never in a domain that its record does not name', async () => {
    const users = 'username,domain\na,d.example\nb,e.example\n';
    for (const more of [{}, { columns: ['username'] }])
      expect(await csv(users, more)).toEqual(['a@d.example', 'b@e.example']);
    expect(await csv(users, { columns: ['username'], domain: 'd.example' })).toBe(
      'list, row 3: column "domain" says another domain than the configuration (d.example); take one of the two out',
    );
    expect(await csv('username,domain\na,CORP\n', { domain: 'd.example' })).toEqual(['a@d.example']);
    expect(await csv('username,domain,mail\na,d.example,b@e.example\n')).toEqual(['b@e.example']);
    expect(await csv('mail,domain\nunknown,d.example\n')).toEqual(['unknown']);
  });

  test('unless the address stands beside them', async () => {
    const both = { username: 'a@d.example', local_part: 'x', domain: 'e.example' };
    expect(await json([both, { mail: 'b@d.example', localpart: 'y', domain: 'e.example' }])).toEqual(['b@d.example']);
    expect(await json([both])).toEqual(['a@d.example']);
  });
});

test.each([
  ['Name;E-Mail-Adresse', 'Anzeigename;Primäre SMTP-Adresse', 'Name;Proxyadressen'],
  ['Nom;Adresse e-mail', 'Nom;Adresse de messagerie', 'Nom;Adresse électronique'],
  ['Nombre;Correo electrónico', 'Nombre;Dirección de correo electrónico', 'Nome;Indirizzo di posta elettronica'],
  ['Naam;E-mailadres', 'Nazwa;Adres e-mail', 'Namn;E-postadress', 'Nome;Endereço de e-mail'],
  ['Имя;Адрес электронной почты', '名前;メールアドレス', '名前;メール アドレス', '이름;이메일 주소'],
])('the header of an export in another language: %s', async (...headers) => {
  for (const header of headers) {
    expect(await entriesOf(`${header}\nU;a@d.example\n`), header).toEqual(['a@d.example']);
    expect(await entriesOf(`${header.normalize('NFD')}\nU;a@d.example\n`), header).toEqual(['a@d.example']);
  }
});

describe('what an independent writer puts in is what comes out', () => {
  const address = stringMatching(/^[a-z0-9._+-]{1,12}@[a-z0-9-]{1,8}\.example$/);
  const records = array(uniqueArray(address, { minLength: 0, maxLength: 4 }), { minLength: 1, maxLength: 8 });
  const all = (lists: readonly (readonly string[])[]) => lists.flat();
  const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;

  test('CSV, with every separator and every joint', async () => {
    await assert(
      asyncProperty(
        records,
        constantFrom(',', ';', '\t', '|'),
        constantFrom(';', ',', ' ', '|', '; ', ';smtp:', ' SMTP:', '%smtp:', '+smtp:'),
        async (lists, separator, joint) => {
          const rows = lists.map(([first = '', ...rest]) =>
            [
              cell('Uma, "A"; B|C'),
              cell(first),
              cell(rest.length > 0 && joint.includes(':') ? `smtp:${rest.join(joint)}` : rest.join(joint)),
            ].join(separator),
          );
          const text = [['Name', 'Mail', 'proxyAddresses'].map(cell).join(separator), ...rows].join('\r\n');
          expect(await csv(text)).toEqual(all(lists));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('JSON, alone, in a page and by lines', async () => {
    await assert(
      asyncProperty(records, integer({ min: 1, max: 50 }), async (lists, length) => {
        const people = lists.map(([mail = null, ...proxyAddresses]) => ({
          id: 1,
          mail,
          proxyAddresses: proxyAddresses.map((each) => `smtp:${each}`),
        }));
        for (const text of [
          JSON.stringify(people),
          JSON.stringify({ value: people }, null, 1),
          people.map((each) => `${JSON.stringify(each)}\n`).join(''),
        ])
          expect(await entriesOf(text, { format: 'json' }, length)).toEqual(all(lists));
      }),
      { numRuns: 100 },
    );
  });

  test('LDIF, folded anywhere and in base64', async () => {
    await assert(
      asyncProperty(records, integer({ min: 1, max: 20 }), constantFrom(true, false), async (lists, width, encoded) => {
        const fold = (line: string) => line.replace(new RegExp(`(.{${width}})(?=.)`, 'g'), '$1\n ');
        const line = (each: string) =>
          fold(encoded ? `mail:: ${Buffer.from(each).toString('base64')}` : `mail: ${each}`);
        const text = lists
          .map((list, i) => `dn: cn=${i}\n${list.map((each) => `${line(each)}\n`).join('')}\n`)
          .join('');
        expect(await entriesOf(text, { format: 'ldif' })).toEqual(all(lists));
      }),
      { numRuns: 100 },
    );
  });

  test('maps, aliases and passwd', async () => {
    const secret = stringMatching(/^[A-Za-z0-9$/.]{4,12}$/);
    await assert(
      asyncProperty(uniqueArray(address, { minLength: 1, maxLength: 8 }), secret, async (list, password) => {
        const lines = (make: (each: string) => string) => list.map((each) => `${make(each)}\n`).join('');
        expect(
          await entriesOf(
            lines((each) => `${each}\tx${password}`),
            { format: 'postfix' },
          ),
        ).toEqual(list);
        expect(
          await entriesOf(
            lines((each) => `${each}: x${password},\n  more`),
            { format: 'aliases' },
          ),
        ).toEqual(list);
        expect(
          await entriesOf(
            lines((each) => `${each}:{PLAIN}${password}:5000:5000::`),
            { format: 'passwd' },
          ),
        ).toEqual(list);
        expect(
          await entriesOf(
            lines((each) => `${each}|{PLAIN}${password}`),
            { format: 'passwd' },
          ),
        ).toEqual(list);
      }),
      { numRuns: 100 },
    );
  });

  test('tables and lists on a screen', async () => {
    const people = array(tuple(stringMatching(/^[A-Z][a-z]{0,8}( [A-Z])?$/), address), { minLength: 1, maxLength: 6 });
    await assert(
      asyncProperty(people, async (list) => {
        const width = Math.max(4, ...list.map(([name]) => name.length));
        const row = (name: string, mail: string) => `${name.padEnd(width)} ${mail}\r\n`;
        const table = `\r\n${row('Name', 'PrimarySmtpAddress')}${row('----', '------------------')}${list.map(([name, mail]) => row(name, mail)).join('')}\r\n`;
        const shown = list
          .map(([name, mail]) => `Name               : ${name}\r\nPrimarySmtpAddress : ${mail}\r\n\r\n`)
          .join('');
        for (const text of [table, shown]) expect(await entriesOf(text)).toEqual(list.map(([, mail]) => mail));
      }),
      { numRuns: 100 },
    );
  });
});
