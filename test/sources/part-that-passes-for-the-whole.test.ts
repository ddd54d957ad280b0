// What cuts a result without an error, on real servers: a limit of the server's or the session's, a policy that
// hides rows, a view that ends in a LIMIT, a proxy between. All rows come, or none.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createPublicKey, createPrivateKey, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { signWithPassword } from '../../src/publisher/sources/sql/client-ed25519.ts';
import { endsInLimit, viewsUsed } from '../../src/publisher/sources/sql/limits.ts';
import { openMysql } from '../../src/publisher/sources/sql/mysql.ts';
import { parseSqlUrl } from '../../src/publisher/sources/sql/url.ts';
import { startMariadb, startPostgres, type Database } from './databases.ts';
import { ownFolder, refusal, rowsOf } from './querying.ts';
import { startPgbouncer } from './servers/pgbouncer.ts';
import { postgresProxyThatDrops, proxyThatDrops, proxyThatRewrites } from './servers/proxies.ts';

const ROWS = 3000;
let postgres: Database;
let mysql: Database;
beforeAll(async () => {
  [postgres, mysql] = await Promise.all([startPostgres(), startMariadb()]);
  await postgres.create(
    'mail',
    `CREATE TABLE people (a text, n int); INSERT INTO people SELECT 'p' || n || '@x.example', n FROM generate_series(1, ${ROWS}) n;
     CREATE TABLE padded (a char(64)); INSERT INTO padded VALUES ('one@x.example');
     CREATE VIEW first_ten AS SELECT a FROM people ORDER BY n LIMIT 10; CREATE VIEW of_ten AS SELECT a FROM first_ten;
     CREATE VIEW newest AS SELECT a FROM people WHERE n >= (SELECT n FROM people ORDER BY n LIMIT 1);
     CREATE SCHEMA other; CREATE VIEW other.five AS SELECT a FROM people LIMIT 5; CREATE VIEW five AS SELECT a FROM people;
     CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
     ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY third ON people FOR SELECT TO reader USING (n % 3 = 0);`,
  );
  await mysql.create(
    'mail',
    `CREATE TABLE people (a varchar(100), n int); INSERT INTO people SELECT CONCAT('p', seq, '@x.example'), seq FROM seq_1_to_${ROWS};
     CREATE TABLE padded (a char(64)); INSERT INTO padded VALUES ('one@x.example');
     CREATE VIEW first_ten AS SELECT a FROM people ORDER BY n LIMIT 10; CREATE VIEW of_ten AS SELECT a FROM first_ten;
     CREATE VIEW newest AS SELECT a FROM people WHERE n >= (SELECT n FROM people ORDER BY n LIMIT 1);
     CREATE DATABASE other; CREATE VIEW other.five AS SELECT a FROM mail.people LIMIT 5; CREATE VIEW five AS SELECT a FROM people;
     CREATE USER 'open'@'127.0.0.1'; GRANT SELECT ON mail.* TO 'open'@'127.0.0.1';
     CREATE USER 'narrow'@'127.0.0.1'; GRANT SELECT ON mail.first_ten TO 'narrow'@'127.0.0.1';
     INSTALL SONAME 'auth_ed25519';
     CREATE USER modern@localhost IDENTIFIED VIA ed25519 USING PASSWORD('Correct Horse, and longer than thirty-two bytes');
     GRANT SELECT ON mail.* TO modern@localhost;
     CREATE USER 'sealed'@'127.0.0.1' REQUIRE SSL; GRANT SELECT ON mail.* TO 'sealed'@'127.0.0.1';`,
  );
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), mysql?.stop()]);
});

const query = 'SELECT a FROM people';

describe('MariaDB', () => {
  test.each([
    ['sql_select_limit = 1000'],
    ['max_statement_time = 0.000001'],
    ["sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"],
    ['group_concat_max_len = 20'],
  ])('with %s for everybody', async (setting) => {
    const name = setting.split(' ')[0] ?? '';
    const before = (await mysql.sql('mail', `SELECT @@GLOBAL.${name}`)).trim();
    await mysql.sql('mail', `SET GLOBAL ${setting}`);
    try {
      expect(await rowsOf({ url: mysql.url('mail'), query })).toHaveLength(ROWS);
      expect(await rowsOf({ url: mysql.url('mail'), query: 'SELECT a FROM padded' })).toEqual(['one@x.example']);
      const joined = `SELECT GROUP_CONCAT(LEFT(a, 2) SEPARATOR '') AS l, 'x.example' AS d FROM people WHERE n <= 30`;
      expect(await rowsOf({ url: mysql.url('mail'), query: joined })).toEqual([
        expect.stringMatching(/^.{60}@x\.example$/),
      ]);
    } finally {
      await mysql.sql('mail', `SET GLOBAL ${name} = ${/^[0-9.]+$/.test(before) ? before : `'${before}'`}`);
    }
  });

  test('with a limit that an init_connect sets', async () => {
    await mysql.sql('mail', "SET GLOBAL init_connect = 'SET SESSION sql_select_limit = 7'");
    onTestFinished(async () => void (await mysql.sql('mail', "SET GLOBAL init_connect = ''")));
    expect(await rowsOf({ url: `mysql://open@127.0.0.1:${mysql.port}/mail`, query })).toHaveLength(ROWS);
  });

  test('behind a proxy that drops rows', async () => {
    const port = await proxyThatDrops(mysql.port, 'p2999@x.example');
    expect(await refusal({ url: `mysql://open@127.0.0.1:${port}/mail`, query })).toMatch(
      new RegExp(`^SOURCE the table gave ${ROWS - 1} rows, and counts ${ROWS}: `),
    );
  });

  test.each([
    [
      'sql_select_limit = 18446744073709551615',
      'sql_select_limit = 7',
      'sql_select_limit is 7 after .* 18446744073709551615',
    ],
    ['max_statement_time = 0', 'max_statement_time = 9', 'max_statement_time is 9.000000 after it was set to 0'],
    [`'PAD_CHAR_TO_FULL_LENGTH', ''`, `'', ''`, 'sql_mode is .*PAD_CHAR_TO_FULL_LENGTH.* one without'],
    [
      'LEVEL REPEATABLE READ',
      'LEVEL READ COMMITTED',
      '_isolation is READ-COMMITTED after it was set to REPEATABLE-READ',
    ],
    [
      'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY',
      'SET @nothing = 1',
      'in_transaction is (0|OFF) after it was set to 1',
    ],
  ])('behind a proxy that makes of %s another statement', async (from, to, said) => {
    await mysql.sql('mail', "SET GLOBAL sql_mode = CONCAT(@@GLOBAL.sql_mode, ',PAD_CHAR_TO_FULL_LENGTH')");
    onTestFinished(async () => void (await mysql.sql('mail', 'SET GLOBAL sql_mode = DEFAULT')));
    const port = await proxyThatRewrites(mysql.port, from, to);
    expect(await refusal({ url: `mysql://open@127.0.0.1:${port}/mail`, query })).toMatch(
      new RegExp(`^SOURCE the table failed: the session's .*${said}.*proxy`),
    );
  });

  test('a limit of rows examined, of which the server only warns', async () => {
    expect(await refusal({ url: mysql.url('mail'), query: `${query} LIMIT ROWS EXAMINED 1000` })).toMatch(
      /^SOURCE the table gave a part, and warns: Query execution was interrupted/,
    );
  });

  test('a view whose definition this user may not read: that it is not known is said', async () => {
    const target = parseSqlUrl('url', `mysql://narrow@127.0.0.1:${mysql.port}/mail`);
    const session = await openMysql(target, new AbortController().signal);
    onTestFinished(() => session.close());
    expect(await viewsUsed(session, 'mysql', 'SELECT a FROM first_ten')).toEqual({
      limited: null,
      unknown: ['first_ten'],
    });
  });

  test('a query that cannot be counted is read all the same', async () => {
    const twice = `SELECT 'one' AS a, 'x.example' AS a`;
    expect(await rowsOf({ url: mysql.url('mail'), query: twice })).toEqual(['one@x.example']);
  });

  test('a log-in by ed25519, with the right password and no other', async () => {
    const file = path.join(ownFolder(), 'password');
    const keys = { url: mysql.url('mail').replace('root@', 'modern@'), query, password_file: file };
    writeFileSync(file, 'Correct Horse, and longer than thirty-two bytes\n', { mode: 0o600 });
    expect(await rowsOf(keys)).toHaveLength(ROWS);
    writeFileSync(file, 'Correct Horse\n', { mode: 0o600 });
    expect(await refusal(keys)).toMatch(/^SOURCE the table failed: .*modern/);
  });

  test('a server that demands TLS says "Access denied": the hint names TLS', async () => {
    expect(await refusal({ url: `mysql://sealed@127.0.0.1:${mysql.port}/mail`, query })).toMatch(
      /^SOURCE the table failed: Access denied.*demands TLS.*sslmode/,
    );
    expect(await rowsOf({ url: `mysql://sealed@127.0.0.1:${mysql.port}/mail?sslmode=require`, query })).toHaveLength(
      ROWS,
    );
  });
});

describe('PostgreSQL', () => {
  test('row-level security that hides rows from this role', async () => {
    const as = (user: string) => postgres.url('mail').replace('user=postgres', `user=${user}`);
    expect(await rowsOf({ url: as('postgres'), query })).toHaveLength(ROWS);
    expect(await refusal({ url: as('reader'), query })).toMatch(
      /^SOURCE the table failed: .*row-level security.*BYPASSRLS/,
    );
  });

  test.each([
    ['row_security = off', 'row_security = on', 'row_security is on after it was set to off'],
    [
      'REPEATABLE READ',
      'READ COMMITTED',
      'transaction_isolation is read committed after it was set to repeatable read',
    ],
    ['READ ONLY', '', 'transaction_read_only is off after it was set to on'],
  ])('behind a pooler that makes of %s another statement', async (from, to, said) => {
    const port = await proxyThatRewrites(postgres.port, from, to);
    expect(await refusal({ url: `postgres://reader@127.0.0.1:${port}/mail`, query })).toMatch(
      new RegExp(`^SOURCE the table failed: the session's ${said}.*pooler`),
    );
  });

  test('behind a proxy that drops rows', async () => {
    const port = await postgresProxyThatDrops(postgres.port, 'p2999@x.example');
    expect(await refusal({ url: `postgres://postgres@127.0.0.1:${port}/mail`, query })).toMatch(
      new RegExp(`^SOURCE the table gave ${ROWS - 1} rows, and counts ${ROWS}: `),
    );
  });

  test('a query whose columns have one name is counted; one that no other query can hold is read all the same', async () => {
    const twice = `SELECT 'one' AS a, 'x.example' AS a`;
    expect(await rowsOf({ url: postgres.url('mail'), query: twice })).toEqual(['one@x.example']);
    expect(await refusal({ url: postgres.url('mail'), query: 'SHOW server_version' })).toMatch(/^INVALID_ENTRY /);
  });

  test('PgBouncer that gives each transaction another connection: row-level security is seen all the same', async () => {
    const pooler = await startPgbouncer(postgres, 'transaction');
    onTestFinished(() => pooler.stop());
    expect(await rowsOf({ url: pooler.url('mail'), query })).toHaveLength(ROWS);
    expect(await refusal({ url: pooler.url('mail', 'reader'), query })).toMatch(
      /^SOURCE the table failed: .*row-level security.*BYPASSRLS/,
    );
    expect(await rowsOf({ url: pooler.url('mail'), query })).toHaveLength(ROWS);
  });

  test('PgBouncer that gives each statement another connection is refused', async () => {
    const pooler = await startPgbouncer(postgres, 'statement');
    onTestFinished(() => pooler.stop());
    expect(await refusal({ url: pooler.url('mail'), query })).toMatch(/^SOURCE the table failed: .*transaction/);
  });

  test('CHAR(n) is padded with what is no part of the address', async () => {
    expect(await rowsOf({ url: postgres.url('mail'), query: 'SELECT a FROM padded' })).toEqual(['one@x.example']);
  });
});

test.each(['postgres', 'mysql'] as const)('a view that ends in a LIMIT, on %s', async (kind) => {
  const url = { postgres, mysql }[kind].url('mail');
  expect(await refusal({ url, query: 'SELECT a FROM first_ten' })).toMatch(
    /^SOURCE the table: the view "first_ten" ends in a LIMIT/,
  );
  expect(await refusal({ url, query: 'SELECT a FROM of_ten' })).toMatch(/^SOURCE the table: the view "of_ten" ends in/);
  expect(await rowsOf({ url, query: 'SELECT a FROM newest' })).toHaveLength(ROWS);
  expect(await refusal({ url, query: 'SELECT a FROM other.five' })).toMatch(
    /^SOURCE the table: the view "five" ends in a LIMIT/,
  );
  expect(await rowsOf({ url, query: 'SELECT a FROM five' })).toHaveLength(ROWS);
});

test.each([
  ['select a from b limit 5', true],
  ['SELECT a FROM b ORDER BY c FETCH FIRST 5 ROWS ONLY', true],
  ['select a from b where c = (select d from e limit 1)', false],
  ["select a from b where c = 'no limit 5'", false],
  ['select `limit` from b', false],
])('whether a definition ends in a limit: %s', (text, is) => {
  expect(endsInLimit(text)).toBe(is);
});

test('with a secret of 32 bytes the signature is the one that node:crypto makes', () => {
  for (let i = 0; i < 8; i++) {
    const seed = Buffer.alloc(32, i * 31 + 1);
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const message = Buffer.from(`challenge ${i}`);
    expect(createPublicKey(key).asymmetricKeyType).toBe('ed25519');
    expect(signWithPassword(seed, message)).toEqual(sign(null, message, key));
  }
});
