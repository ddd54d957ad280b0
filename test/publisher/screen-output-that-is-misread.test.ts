// What programs show on a screen, as people save it in a file: tables and lists of properties. Each address comes out
// whole, or the line is refused.
import { describe, expect, test } from 'vitest';
import { entriesOf } from './entries.ts';

const lines = (...all: string[]): string => all.map((each) => `${each}\n`).join('');

describe('a list of properties', () => {
  test.each<[string, string, string[]]>([
    [
      'zmprov gaa -v',
      lines(
        '# name a@d.example',
        'cn: A',
        'mail: a@d.example',
        'mail: b@d.example',
        'zimbraAccountStatus: active',
        'zimbraPrefMailForwardingAddress: x@e.example',
        '',
        '# name c@d.example',
        'mail: c@d.example',
        'zimbraAccountStatus: closed',
        '',
        '# name d@d.example',
        '',
      ),
      ['a@d.example', 'a@d.example', 'b@d.example', 'd@d.example'],
    ],
    ['what grep leaves of it', lines('mail: a@d.example', 'mail: b@d.example'), ['a@d.example', 'b@d.example']],
    [
      'virtualmin list-users --multiline',
      lines(
        'a@d.example',
        '    Unix username: a.d',
        '    Email address: a@d.example',
        '    Extra email addresses: b@d.example c@d.example',
        '    Forward mail to: x@e.example',
        'd@d.example',
        '    Email address: d@d.example',
      ),
      ['a@d.example', 'b@d.example', 'c@d.example', 'd@d.example'],
    ],
    [
      'virtualmin list-aliases --multiline',
      lines(
        'a@d.example',
        '    To: x@e.example',
        '    Active: Yes',
        'b@d.example',
        '    To: a@d.example',
        '    Active: No',
      ),
      ['a@d.example'],
    ],
    [
      String.raw`\G of MySQL`,
      lines(
        '*************************** 1. row ***************************',
        'address: a@d.example',
        ' active: 1',
        '*************************** 2. row ***************************',
        'address: b@d.example',
        ' active: 0',
      ),
      ['a@d.example'],
    ],
    [
      String.raw`\x of psql`,
      lines(
        '-[ RECORD 1 ]----',
        'username | a@d.example',
        'active   | t',
        '-[ RECORD 2 ]----',
        'username | b@d.example',
        'active   | f',
      ),
      ['a@d.example'],
    ],
    [
      'Domino, structured text',
      'Type:  Person\nInternetAddress:  a@d.example\n\fType:  Person\nInternetAddress:  b@d.example\n\f',
      ['a@d.example', 'b@d.example'],
    ],
    ['kopano-admin --details', lines('Username:   a', 'Emailaddress:   a@d.example', 'Active:   yes'), ['a@d.example']],
  ])('%s', async (_, text, entries) => {
    for (const length of [7, 1000]) expect(await entriesOf(text, {}, length)).toEqual(entries);
  });

  test('whose names are no local parts, whatever `domain` says', async () => {
    const text = lines('name:   a', 'passwd: $1$x', 'clear passwd: secret', 'uid:    0', 'gid:    0', 'dir:    /x/a');
    const words = 'list: no property that is known for addresses; say with columns = [...] which to take';
    expect(await entriesOf(text, { domain: 'd.example' })).toBe(words);
    expect(await entriesOf(`${text}\n${text}`, { domain: 'd.example', columns: ['name'] })).toEqual([
      'a@d.example',
      'a@d.example',
    ]);
  });

  test('is not what aliases and LDIF are', async () => {
    const aliases = lines('# local', 'postmaster: root', 'mail: a@e.example', 'info: a, b');
    expect(await entriesOf(aliases, { domain: 'd.example' })).toEqual([
      'postmaster@d.example',
      'mail@d.example',
      'info@d.example',
    ]);
    expect(await entriesOf(lines('info@d.example: a', 'mail: b'), { domain: 'd.example' })).toEqual([
      'info@d.example',
      'mail@d.example',
    ]);
    expect(await entriesOf(lines('dn: cn=a', 'mail: a@d.example', '', 'dn: cn=b', 'mail: b@d.example'))).toEqual([
      'a@d.example',
      'b@d.example',
    ]);
  });

  test('a line that is none is refused', async () => {
    expect(await entriesOf(lines('mail: a@d.example', 'b@e.example and more', 'mail: c@d.example'))).toBe(
      'list, line 2: no property and its value',
    );
  });
});

describe('a table', () => {
  test.each<[string, string, string[]]>([
    [
      'of psql',
      lines(
        '     username     | active ',
        '------------------+--------',
        ' a@d.example      | t',
        ' b@d.example      | f',
        '(2 rows)',
        '',
      ),
      ['a@d.example'],
    ],
    ['of psql -A', lines('username|active', 'a@d.example|t', 'b@d.example|f', '(2 rows)'), ['a@d.example']],
    [
      'of MySQL',
      lines(
        '+-------------+--------+',
        '| address     | active |',
        '+-------------+--------+',
        '| a@d.example |      1 |',
        '| b@d.example |      0 |',
        '+-------------+--------+',
        '2 rows in set (0.00 sec)',
      ),
      ['a@d.example'],
    ],
    [
      'of sqlite3',
      lines(
        '┌─────────────┬────────┐',
        '│   address   │ active │',
        '├─────────────┼────────┤',
        '│ a@d.example │ 1      │',
        '│ b@d.example │ 0      │',
        '└─────────────┴────────┘',
      ),
      ['a@d.example'],
    ],
    ['of sqlplus', lines('', 'MAIL', '-----------', 'a@d.example', '', '1 row selected.'), ['a@d.example']],
    ['of sqlcmd', lines('mail       ', '-----------', 'a@d.example', '', '(1 rows affected)'), ['a@d.example']],
    [
      'with a number that is wider than its name',
      lines('   Id Mail', '   -- ----', '12345 a@d.example', '    6 b@d.example'),
      ['a@d.example', 'b@d.example'],
    ],
  ])('%s', async (_, text, entries) => {
    for (const length of [7, 1000]) expect(await entriesOf(text, {}, length)).toEqual(entries);
  });

  test('whose letters are wider on a screen than in a text does not lose the beginning of an address', async () => {
    const table = lines(
      'DisplayName PrimarySmtpAddress',
      '----------- ------------------',
      '山田太郎    yamada@d.example',
    );
    expect(await entriesOf(table)).toBe(
      'list, line 3: column "DisplayName" does not stand under its header; export it as CSV',
    );
    expect(
      await entriesOf(lines('Name PrimarySmtpAddress', '---- ------------------', '山田   yamada@d.example')),
    ).toEqual(['yamada@d.example']);
  });

  test('behind which a line follows does not lose it', async () => {
    expect(await entriesOf(lines('Mail', '----', 'a@d.example', '', 'b@d.example'))).toBe(
      'list, line 5: no line of dashes under the header',
    );
  });
});
