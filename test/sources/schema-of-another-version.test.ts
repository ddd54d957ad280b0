// A preset on a database that is not the one of its name: a column that another version has, an upgrade that left
// collations mixed, rows that somebody typed by hand. What the software's own Postfix finds is in the list, or the
// refusal says what is missing.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SmtpClient } from '../support/smtp.ts';
import { startPostfix } from '../support/postfix.ts';
import { mailbox } from './asking.ts';
import { startMariadb, startPostgres, type Database } from './databases.ts';
import { refusal, rowsOf } from './querying.ts';
import { froxlor } from './software/froxlor.ts';
import { ispconfig } from './software/ispconfig.ts';
import { mailcow } from './software/mailcow.ts';
import { mailman3 } from './software/mailman3.ts';
import { mailu } from './software/mailu.ts';
import { postfixadmin } from './software/postfixadmin.ts';
import { Chance, type Kind } from './software/software.ts';
import { vexim } from './software/vexim.ts';

const servers = {} as Record<'postgres' | 'mysql', Database>;
beforeAll(async () => {
  [servers.postgres, servers.mysql] = await Promise.all([startPostgres(), startMariadb()]);
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
});

const policy = (software: { readonly wildcards: readonly string[] }) =>
  `postmaster = false\nwildcards = ${JSON.stringify(software.wildcards)}`;
const none = () => new Chance(1, 0, 0);

test('a table or a column that is not there: which version is needed', async () => {
  const { mysql } = servers;
  await mysql.create('lacking', postfixadmin.statements('mysql', none()));
  const keys = { url: mysql.url('lacking'), preset: 'postfixadmin' };
  await mysql.sql('lacking', 'ALTER TABLE domain DROP COLUMN transport');
  expect(await refusal(keys)).toMatch(
    /^SOURCE the table has no column "transport" in table "domain", or this user may not read it; .* PostfixAdmin 3\.2 to 4/,
  );
  await mysql.sql('lacking', 'DROP TABLE alias_domain');
  expect(await refusal(keys)).toMatch(/^SOURCE the table has no (column|table) "(transport|alias_domain)"/);
});

test.each([
  { software: ispconfig[0], column: 'mail_user.forward_in_lda', needed: 'ISPConfig 3.2 and 3.3' },
  { software: mailu[0], column: 'alias.wildcard', needed: 'Mailu 1.9 to 2024.06' },
  { software: vexim, column: 'users.unseen', needed: 'Vexim 2.2 and 2.3' },
  { software: froxlor, column: 'panel_domains.deactivated', needed: 'Froxlor 2.0 to 2.3' },
  { software: mailman3, column: 'mailinglist.list_name', needed: 'Mailman 3.0 to 3.3' },
])('$column is not there: $needed is needed', async ({ software, column, needed }) => {
  if (software === undefined) throw new Error('no such software');
  const { mysql } = servers;
  const [table = '', name = ''] = column.split('.');
  const database = `lacking_${software.preset}`;
  await mysql.create(database, software.statements('mysql', none()));
  await mysql.sql(database, `ALTER TABLE ${table} DROP COLUMN ${name}`);
  const said = await refusal({ url: mysql.url(database), preset: software.preset });
  expect(said).toContain(
    `has no column "${name}" in table "${table}", or this user may not read it; the preset is for ${needed}`,
  );
});

test.each([
  ['utf8mb4', 'utf8mb4_unicode_ci'],
  ['latin1', 'latin1_swedish_ci'],
  ['utf8mb4', 'utf8mb4_bin'],
])('an upgrade that left one table in %s, %s', async (charset, collation) => {
  const { mysql } = servers;
  for (const software of [postfixadmin, ...mailcow]) {
    const database = `mixed_${collation}_${software.name.replace(/\W/g, '_')}`.slice(0, 60);
    await mysql.create(database, software.statements('mysql', new Chance(7, 8, 12)));
    const url = mysql.url(database);
    const all = `postmaster = false\nwildcards = ${JSON.stringify([...software.wildcards, ...Array.from({ length: 8 }, (_, i) => `r${i}.example`)])}`;
    const before = await rowsOf({ url, preset: software.preset }, all);
    await mysql.sql(database, `ALTER TABLE alias CONVERT TO CHARACTER SET ${charset} COLLATE ${collation}`);
    await mysql.sql(database, `ALTER TABLE domain CONVERT TO CHARACTER SET ${charset} COLLATE ${collation}`);
    expect(await rowsOf({ url, preset: software.preset }, all), software.name).toEqual(before);
  }
});

/** What is in the column, and what is asked for. */
const ODD: readonly (readonly [row: string, asked: string])[] = [
  ['trailing@odd.example ', 'trailing@odd.example'],
  ['a,b@odd.example', 'a,b@odd.example'],
  ['back\\slash@odd.example', 'back\\slash@odd.example'],
  ['in side@odd.example', 'in side@odd.example'],
  ['"quo ted"@odd.example', 'quo ted@odd.example'],
  ['Capital@odd.example', 'capital@odd.example'],
];

test.each<Kind>(['postgres', 'mysql'])('rows that nobody should have typed, on %s', async (kind) => {
  const server = servers[kind as 'postgres' | 'mysql'];
  const literal = "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',NO_BACKSLASH_ESCAPES');";
  const values = ODD.map(([row]) => `('${row}', 'x@odd.example', 'odd.example', TRUE)`).join(', ');
  await server.create(
    'odd',
    `${kind === 'mysql' ? literal : ''} ${postfixadmin.statements(kind, none())}
     INSERT INTO domain (domain, transport, backupmx, active) VALUES ('odd.example', '', FALSE, TRUE);
     INSERT INTO alias (address, goto, domain, active) VALUES ${values};`,
  );
  const rows = await rowsOf({ url: server.url('odd'), preset: 'postfixadmin' }, policy(postfixadmin));
  const lookups = postfixadmin.lookups(kind);
  const type = kind === 'mysql' ? 'mysql' : 'pgsql';
  const files = Object.fromEntries(
    Object.entries(lookups).map(([name, query]) => [`${name}.cf`, `${server.postfixLines('odd')}query = ${query}\n`]),
  );
  const map = (...names: string[]) => names.map((name) => `${type}:{dir}/${name}.cf`).join(', ');
  const postfix = await startPostfix({
    files,
    mainCf: postfixadmin.mainCf(map, { dovecot: '', elsewhere: '', socketmap: () => '' }),
  });
  try {
    const client = await SmtpClient.connect(postfix.port);
    const replies = await client.askMany(ODD.map(([, asked]) => mailbox(asked)));
    await client.quit();
    const said = ODD.map(([, asked], i) => [asked, replies[i]?.code === 250]);
    expect(ODD.map(([, asked]) => [asked, rows.includes(asked)])).toEqual(said);
    // MySQL pads, and does not tell capitals apart: both are found there, and nowhere else.
    expect(said.filter(([, is]) => is === true)).toHaveLength(kind === 'mysql' ? 6 : 4);
  } finally {
    await postfix.stop();
  }
});

test('a sharp s is asked for as ss: left out where that is never found, kept where a collation may find it', async () => {
  const more = `INSERT INTO alias (address, goto, domain, active) VALUES ('straße@on.example', 'x@on.example', 'on.example', TRUE), ('müller@on.example', 'x@on.example', 'on.example', TRUE);`;
  for (const kind of ['postgres', 'mysql'] as const) {
    await servers[kind].create('sharp', postfixadmin.statements(kind, none()) + more);
    const rows = await rowsOf({ url: servers[kind].url('sharp'), preset: 'postfixadmin' }, policy(postfixadmin));
    expect([kind, rows.includes('strasse@on.example')]).toEqual([kind, kind === 'mysql']);
    // MariaDB's collation finds it for muller@ too, which no list can say of every spelling.
    expect([rows.includes('müller@on.example'), rows.includes('muller@on.example')]).toEqual([true, false]);
  }
});
