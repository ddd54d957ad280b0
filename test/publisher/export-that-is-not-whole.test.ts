// Each line of the tables in docs/sources.md, typed: an export as its software makes it, the configuration that the
// page names, and every address that must come out, with none that must not.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { folder, rowsFrom } from './sourced.ts';

interface Export {
  readonly text: string | Buffer;
  /** Local parts at example.org, or whole addresses. */
  readonly rows: readonly string[];
  readonly policy?: string;
}
const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text.replaceAll('\n', '\r\n')}`, 'utf16le');
const windows = (text: string): Buffer => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
const json = (value: unknown): string => JSON.stringify(value, null, 2);

const EXPORTS: Record<string, Export> = {
  'Exchange, screen': {
    text: utf16(
      '\nPrimarySmtpAddress   \n------------------   \numa@example.org      \nvic.w@example.org    \n\n\nPrimarySmtpAddress\n------------------\nhelp@example.org\n\n',
    ),
    rows: ['help', 'uma', 'vic.w'],
  },
  'Exchange, list on screen': {
    text: utf16(
      '\n\nPrimarySmtpAddress : uma@example.org\nEmailAddresses     : {SMTP:uma@example.org, smtp:u@example.org,\n                     X500:/o=Org/cn=uma, smtp:una@example.org}\n\nPrimarySmtpAddress : vic@example.org\nEmailAddresses     : {SMTP:vic@example.org}\n\n',
    ),
    rows: ['u', 'uma', 'una', 'vic'],
  },
  'Exchange, CSV': {
    text: '"DisplayName","EmailAddresses"\n"Uma","SMTP:uma@example.org smtp:u@example.org SIP:uma@example.net X500:/o=Org/ou=Exchange Group (X)/cn=uma SPO:SPO_1@SPO_2"\n"Vic","SMTP:vic@example.org"\n',
    rows: ['u', 'uma', 'vic'],
  },
  'Exchange, a row an alias': {
    text: '#TYPE Selected.Mailbox\n"RecipientTypeDetails","PrimarySmtpAddress","SMTPALIAS"\n"UserMailbox","uma@example.org","SMTP:uma@example.org"\n"UserMailbox","uma@example.org","smtp:u@example.org"\n"UserMailbox","uma@example.org","EUM:400;phone-context=x.example.org"\n',
    rows: ['u', 'uma'],
  },
  'Exchange, contacts among them': {
    text: 'Name,RecipientTypeDetails,PrimarySmtpAddress,ExternalEmailAddress\nUma,UserMailbox,uma@example.org,\nShop,MailContact,shop@example.net,SMTP:shop@example.net\nPress,MailContact,press@example.org,SMTP:agency@example.net\n',
    rows: ['press', 'uma'],
  },
  'Exchange admin centre': {
    text: '\ufeffDISPLAY NAME,EMAIL ADDRESS,RECIPIENT TYPE,ARCHIVE STATUS\r\nUma,uma@example.org,UserMailbox,None\r\nHelp,help@example.org,SharedMailbox,None\r\n',
    rows: ['help', 'uma'],
  },
  'Exchange 5.5': {
    text: '"Obj-Class"%"First Name"%"E-mail Addresses"\n"Mailbox"%"Uma"%"SMTP:uma@example.org%MS:ORG/EX/UMA%smtp:u@example.org%X400:c=us;a= ;p=Org;o=EX;s=Uma;"\n',
    rows: ['u', 'uma'],
  },
  'Active Directory': {
    text: '"GivenName","SamAccountName","Enabled","UserPrincipalName","EmailAddress","proxyAddresses"\n"Uma","uma","True","uma@corp.example.net","uma@example.org","SMTP:uma@example.org;smtp:u@example.org"\n"Help","help","False","help@corp.example.net","","SMTP:help@example.org"\n',
    rows: ['help', 'u', 'uma'],
  },
  'Active Directory, ldifde': {
    text: 'dn: CN=Uma,DC=example,DC=org\r\nchangetype: add\r\nmail: uma@example.org\r\nproxyAddresses: SMTP:uma@example.org\r\nproxyAddresses: smtp:u@exam\r\n ple.org\r\nproxyAddresses: X500:/o=Org/cn=uma\r\n\r\ndn: CN=Vic,DC=example,DC=org\r\nchangetype: add\r\nproxyAddresses:: c210cDp2aWNAZXhhbXBsZS5vcmc=\r\n\r\n',
    rows: ['u', 'uma', 'vic'],
  },
  'Microsoft 365 admin centre': {
    text: 'Block credential,Display name,Licenses,Proxy addresses,Soft deletion time stamp,User principal name\nFalse,Uma,Unlicensed,SMTP:uma@example.org+smtp:u@example.org,,uma@corp.example.net\nTrue,Help,Unlicensed,SMTP:help@example.org,,help@corp.example.net\nFalse,Gone,Unlicensed,SMTP:gone@example.org,11/24/2026,gone@corp.example.net\n',
    rows: ['help', 'u', 'uma'],
  },
  'Microsoft Graph': {
    text: json({
      '@odata.context': 'https://graph.example/$metadata#users',
      value: [
        {
          mail: 'uma@example.org',
          userPrincipalName: 'uma@corp.example.net',
          proxyAddresses: ['SMTP:uma@example.org', 'smtp:u@example.org'],
        },
        { mail: null, userPrincipalName: 'service@corp.example.net', proxyAddresses: [] },
        { mail: 'friend@example.net', userType: 'Guest', proxyAddresses: [] },
      ],
    }),
    rows: ['u', 'uma'],
  },
  'user principal names': {
    text: 'DisplayName,UserPrincipalName\nUma,uma@example.org\n',
    rows: ['uma'],
  },
  'Google admin console': {
    text: 'First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Status [READ ONLY],Recovery Email,Work Secondary Email\nUma,A,uma@example.org,****,Active,uma@example.net,\nVic,B,vic@example.org,****,Suspended,,\n',
    rows: ['uma'],
  },
  'Google, GAM': {
    text: 'Type,Email,Target\nDomainPrimary,example.org,\nUser,uma@example.org,\nUserAlias,u@example.org,uma@example.org\nGroup,help@example.org,\nResource,room_1@example.org,\n',
    rows: ['help', 'room_1', 'u', 'uma'],
  },
  Domino: {
    text: 'Type:  Person\nInternetAddress:  uma@example.org\nFullName:  CN=Uma/O=Org\n\fType:  Person\nInternetAddress:  vic@example.org\n',
    rows: ['uma', 'vic'],
  },
  Zimbra: {
    text: '# name uma@example.org\nmail: uma@example.org\nzimbraAccountStatus: active\nzimbraMailAlias: u@example.org\n\n# name vic@example.org\nmail: vic@example.org\nzimbraAccountStatus: closed\n\n',
    rows: ['u', 'uma'],
  },
  'Virtualmin, users': {
    text: 'uma@example.org\n    Unix username: uma.example\n    Email address: uma@example.org\n    Extra email addresses: u@example.org\n    Forward mail to: x@example.net\n',
    rows: ['u', 'uma'],
  },
  'MySQL client': {
    text: '+-----------------+--------+\n| username        | active |\n+-----------------+--------+\n| uma@example.org |      1 |\n| vic@example.org |      0 |\n+-----------------+--------+\n2 rows in set (0.01 sec)\n',
    rows: ['uma'],
  },
  psql: {
    text: '    username     | active \n-----------------+--------\n uma@example.org | t\n vic@example.org | f\n(2 rows)\n\n',
    rows: ['uma'],
  },
  'vpopmail, users': {
    text: 'name:   uma\npasswd: $1$x\nclear passwd: secret\nuid:    0\n\nname:   vic\npasswd: $1$y\nclear passwd: secret\nuid:    0\n',
    rows: ['uma', 'vic'],
  },
  'two columns, one address': {
    text: 'local_part\tdomain\tactive\numa\texample.org\t1\nvic\texample.org\t0\nvic\texample.net\t1\n',
    rows: ['uma', 'vic@example.net'],
  },
  'Google sheet': { text: 'uma@example.org,u@example.org\nvic@example.org,\n', rows: ['u', 'uma', 'vic'] },
  'Excel in Europe': {
    text: windows('sep=;\nName;E-Mail-Adresse\nJörg Müller;jörg@example.org\n"Wölfl; Uma";uma@example.org\n'),
    rows: ['jörg', 'uma'],
  },
  'columns by number': {
    text: 'Name;Postfach;Zweitadresse\nUma;uma@example.org;u@example.org\n',
    rows: ['u', 'uma'],
  },
  'Keycloak, Authentik': {
    text: json([
      { id: '1', username: 'uma', email: 'uma@example.org', enabled: true },
      { id: '2', username: 'vic@login.example.net', email: 'vic@example.org', enabled: false },
      { id: '3', username: 'robot', enabled: true },
    ]),
    rows: ['uma'],
  },
  SCIM: {
    text: json({
      schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
      totalResults: 2,
      startIndex: 1,
      itemsPerPage: 2,
      Resources: [
        {
          userName: 'uma@login.example.net',
          active: true,
          emails: [
            { value: 'uma@example.org', primary: true },
            { value: 'u@example.org', type: 'other' },
          ],
        },
        { userName: 'vic', active: false, emails: [{ value: 'vic@example.org' }] },
      ],
    }),
    rows: ['u', 'uma'],
  },
  mailcow: {
    text: json([
      {
        username: 'uma@example.org',
        active: 1,
        domain: 'example.org',
        local_part: 'uma',
        attributes: { force_pw_update: '0' },
      },
      { username: 'vic@example.org', active: 0, domain: 'example.org', local_part: 'vic', attributes: {} },
      { username: 'help@example.org', active: 2, domain: 'example.org', local_part: 'help', attributes: {} },
    ]),
    rows: ['help', 'uma'],
  },
  'mailcow, aliases': {
    text: json([
      { id: 1, address: 'sales@example.org', goto: 'uma@example.org,x@example.net', active: 1 },
      { id: 2, address: 'old@example.org', goto: 'uma@example.org', active: 0 },
    ]),
    rows: ['sales'],
  },
  'Mail-in-a-Box': {
    text: json([
      {
        domain: 'example.org',
        users: [
          { email: 'uma@example.org', privileges: ['admin'], status: 'active' },
          { email: 'old@example.org', status: 'inactive', mailbox: '/home/user-data/mail/old' },
        ],
      },
    ]),
    rows: ['uma'],
  },
  'documents a line': { text: '{"email":"uma@example.org"}\n{"email":"vic@example.org"}\n', rows: ['uma', 'vic'] },
  'JSON of your own': {
    text: json({
      data: {
        items: [{ mail: 'uma@example.org', contact: 'x@example.net' }, { mail: ['vic@example.org', 'v@example.org'] }],
      },
    }),
    rows: ['uma', 'v', 'vic'],
  },
  OpenLDAP: {
    text: 'dn: uid=uma,ou=people,dc=example,dc=org\nmail: uma@example.org\nmailAlternateAddress: u@example.org\nuid: uma\n\ndn: uid=vic,ou=people,dc=example,dc=org\nmail: vic@example.org\naccountStatus: disabled\n\n',
    rows: ['u', 'uma'],
  },
  'Postfix, access map': {
    text: 'uma@example.org OK\nvic@example.org\tDUNNO\ntrap@example.org REJECT\nleft@example.org 550 5.1.1 gone\nfull@example.org DEFER later\nexample.org REJECT\n',
    rows: ['uma', 'vic'],
  },
  'Postfix, transport': {
    text: 'uma@example.org smtp:[10.0.0.5]\nold@example.org error:5.1.1 closed\nvoid@example.org discard:\nexample.org smtp:[10.0.0.5]\n',
    rows: ['uma'],
  },
  'Postfix, virtual': {
    text: 'example.org anything\numa@example.org uma\nsales@example.org uma@example.org,\n  vic@example.net\n@old.example @example.org\n',
    rows: ['sales', 'sales@old.example', 'uma', 'uma@old.example'],
  },
  'Sendmail, virtusertable': {
    text: 'uma@example.org\tuma\njoe@example.org\terror:nouser 550 No such user\nspam@example.org\terror:5.7.0:550 closed\n@example.org\terror:nouser 550 No such user\n@old.example\t%1@example.org\n',
    rows: ['uma', 'uma@old.example'],
  },
  Virtualmin: {
    text: 'example.org\texample.org\numa@example.org\tuma-example.org\nabuse@example.org\tuma@example.org\n',
    rows: ['abuse', 'uma'],
  },
  'system accounts': {
    text: 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\numa:x:1000:1000:Uma,,,:/home/uma:/bin/bash\n',
    rows: ['uma'],
  },
  'system aliases': {
    text: '# local\nroot: uma\nwebmaster:\n  uma,\n  vic@example.net\n"big boss": uma\n',
    rows: ['big boss', 'root', 'webmaster'],
  },
  'Mailman 2': {
    text: '## dev mailing list\ndev:              "|/usr/lib/mailman/mail/mailman post dev"\ndev-request:      "|/usr/lib/mailman/mail/mailman request dev"\n',
    rows: ['dev-request@lists.example.org', 'dev@lists.example.org'],
  },
  Dovecot: {
    text: 'uma@example.org:{SSHA512}abc==:5000:5000::/srv/vmail/uma::userdb_quota_rule=*:bytes=1G\nvic@example.org:{PLAIN}p@ss:5000:5000::/srv/vmail/vic::\n',
    rows: ['uma', 'vic'],
  },
  'docker-mailserver': {
    text: 'uma@example.org|{SHA512-CRYPT}$6$salt$hash\nvic@example.org|{SHA512-CRYPT}$6$salt$hash/with|bar\n',
    rows: ['uma', 'vic'],
  },
  vpopmail: {
    text: 'postmaster:$1$x$y:1:0:Postmaster:/home/vpopmail/domains/example.org/postmaster:NOQUOTA:secret\numa:$1$x$y:1:0:Uma:/home/vpopmail/domains/example.org/uma:50M:secret\n',
    rows: ['postmaster', 'uma'],
  },
  'Exim, lsearch': {
    text: 'uma: uma@mail.example.org\n"two words": x\nold: :fail: left us\nvoid: :blackhole:\n*: :fail: unknown\n',
    rows: ['two words', 'uma'],
  },
};

const FOLDERS: Record<string, { readonly files: Readonly<Record<string, string>>; readonly rows: readonly string[] }> =
  {
    cPanel: {
      files: {
        'example.org': 'sales@example.org: uma@example.org\n*: :fail: No Such User Here\n',
        'example.net': 'vic@example.net: vic\n',
        'example.net~': 'old@example.net: x\n',
      },
      rows: ['sales', 'vic@example.net'],
    },
    'Exim, dsearch': {
      files: {
        'example.org': 'uma: uma@mail.example.org\n*: :fail: unknown\n',
        '.hidden': 'x',
        'example.net': 'vic: vic\n',
      },
      rows: ['uma', 'vic@example.net'],
    },
    DirectAdmin: {
      files: {
        domainowners: 'example.org: admin\n',
        'example.org/passwd': 'uma:$6$abc$defg:1001:12::/home/admin/imap/example.org/uma:/bin/false\n',
        'example.org/aliases': 'admin: admin\n',
        'example.net/passwd': 'vic:$6$abc$defg:1002:12::/home/admin/imap/example.net/vic:/bin/false\n',
        'empty.example/aliases': 'admin: admin\n',
      },
      rows: ['uma', 'vic@example.net'],
    },
    'lists of local parts': {
      files: { 'example.org': 'uma\nvic # of sales\n', 'example.net': 'vic\n' },
      rows: ['uma', 'vic', 'vic@example.net'],
    },
  };

/** The rows of the tables of exports: name and lines of configuration. */
const documented = readFileSync(fileURLToPath(new URL('../../docs/sources.md', import.meta.url)), 'utf8')
  .split('\n')
  .filter((line) => /^\| [^|-]/.test(line))
  .map((line) =>
    line
      .replaceAll('\\|', '¦')
      .split('|')
      .map((cell) => cell.trim()),
  )
  .filter((cells) => cells.length === 6 && cells[1] !== 'export')
  .map(([, name = '', , lines = '']) => ({
    name,
    keys: parse([...lines.matchAll(/`([^`]+)`/g)].map(([, line]) => line).join('\n')) as Record<string, unknown>,
  }));

const sorted = (rows: readonly string[]): string[] =>
  rows.map((row) => (row.includes('@') ? row : `${row}@example.org`)).sort();

test('the page and this test name the same exports', () => {
  expect(documented.map(({ name }) => name).sort()).toEqual([...Object.keys(EXPORTS), ...Object.keys(FOLDERS)].sort());
});

describe('each export, with the configuration that docs/sources.md names', () => {
  test.each(documented)('$name', async ({ name, keys }) => {
    const dir = folder();
    const made = EXPORTS[name];
    if (made !== undefined) {
      const file = path.join(dir, 'export');
      writeFileSync(file, made.text);
      expect(await rowsFrom({ type: 'file', path: file, ...keys })).toEqual(sorted(made.rows));
      return;
    }
    for (const [file, text] of Object.entries(FOLDERS[name]?.files ?? {})) {
      mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
      writeFileSync(path.join(dir, file), text);
    }
    const rest = /\/(\*.*)$/.exec(String(keys['path']))?.[1];
    const found = await rowsFrom({ type: 'file', ...keys, path: rest === undefined ? dir : path.join(dir, rest) });
    expect(found).toEqual(sorted(FOLDERS[name]?.rows ?? []));
  });
});
