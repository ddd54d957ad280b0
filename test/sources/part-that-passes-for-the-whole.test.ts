// What cuts a result without an error, on real servers: a limit of the server's or the session's, a policy that
// hides rows, a view that ends in a LIMIT, a proxy between. All rows come, or none.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { createPublicKey, createPrivateKey, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { signWithPassword } from '../../src/publisher/sources/sql/client-ed25519.ts';
import { endsInLimit } from '../../src/publisher/sources/sql/limits.ts';
import { startMariadb, startPostgres, type Database } from './databases.ts';
import { ownFolder, refusal, rowsOf } from './querying.ts';

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
     CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
     ALTER TABLE people ENABLE ROW LEVEL SECURITY; CREATE POLICY third ON people FOR SELECT TO reader USING (n % 3 = 0);`,
  );
  await mysql.create(
    'mail',
    `CREATE TABLE people (a varchar(100), n int); INSERT INTO people SELECT CONCAT('p', seq, '@x.example'), seq FROM seq_1_to_${ROWS};
     CREATE TABLE padded (a char(64)); INSERT INTO padded VALUES ('one@x.example');
     CREATE VIEW first_ten AS SELECT a FROM people ORDER BY n LIMIT 10; CREATE VIEW of_ten AS SELECT a FROM first_ten;
     CREATE VIEW newest AS SELECT a FROM people WHERE n >= (SELECT n FROM people ORDER BY n LIMIT 1);
     CREATE USER 'open'@'127.0.0.1'; GRANT SELECT ON mail.* TO 'open'@'127.0.0.1';
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

/** Passes packets of MySQL's protocol on, but for the row that holds this text. */
async function proxyThatDrops(port: number, text: string): Promise<number> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.pipe(server);
    let held = Buffer.alloc(0);
    let dropped = 0;
    server.on('data', (data) => {
      held = Buffer.concat([held, data]);
      for (;;) {
        const length = held.length < 4 ? Infinity : held.readUIntLE(0, 3) + 4;
        if (held.length < length) return;
        const packet = Buffer.from(held.subarray(0, length));
        held = held.subarray(length);
        if (packet.includes(text)) {
          dropped = 1;
          continue;
        }
        // Packets of an answer are numbered.
        if (packet[3] === 1) dropped = 0;
        packet[3] = ((packet[3] ?? 0) - dropped) & 0xff;
        client.write(packet);
      }
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return (proxy.address() as AddressInfo).port;
}
