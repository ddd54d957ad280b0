// What databases do to a publish: errors midway, a lost connection, a cancelled query, a server that says nothing.
// The list is whole or there is none, and the reason names the source and no password.
// Covers src/publisher/sources/sql
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Central } from '../publisher/central.ts';
import { until } from '../support/postfix.ts';
import { startMariadb, startPostgres, type Database } from './databases.ts';
import { ownFolder, refusal, rowsOf, sourceToml, type Keys } from './querying.ts';

type Kind = 'postgres' | 'mysql';
const KINDS: readonly Kind[] = ['postgres', 'mysql'];
const ROWS = 20_000;
const servers = {} as Record<Kind, Database>;

beforeAll(async () => {
  [servers.postgres, servers.mysql] = await Promise.all([startPostgres(), startMariadb()]);
  const people = 'INSERT INTO people SELECT';
  await servers.postgres.create(
    'mail',
    `CREATE TABLE people (n int PRIMARY KEY, local text, domain text, note text);
     ${people} n, 'p' || n, 'd' || n % 10 || '.example', NULL FROM generate_series(1, ${ROWS}) n;
     CREATE ROLE secretive LOGIN PASSWORD 'Correct/Horse@1'; GRANT SELECT ON people TO secretive;`,
  );
  await servers.mysql.create(
    'mail',
    `CREATE TABLE people (n int PRIMARY KEY, local varchar(100), domain varchar(100), note varchar(100));
     ${people} seq, CONCAT('p', seq), CONCAT('d', seq % 10, '.example'), NULL FROM seq_1_to_${ROWS};
     CREATE USER secretive@localhost IDENTIFIED BY 'Correct/Horse@1'; GRANT SELECT ON mail.people TO secretive@localhost;`,
  );
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
});

const url = (kind: Kind, database = 'mail') => servers[kind].url(database);
const joined = { postgres: `local || '@' || domain`, mysql: `CONCAT(local, '@', domain)` };
/** Fails on the last row, after all others were sent. */
const atTheEnd = {
  postgres: `SELECT ${joined.postgres} FROM people WHERE 1 / (${ROWS} - n) >= 0 ORDER BY n`,
  mysql: `SELECT CONCAT(${joined.mysql}, LEFT(EXP(IF(n = ${ROWS}, 1000, 0)), 0)) FROM people ORDER BY n`,
};

describe.each(KINDS)('%s', (kind) => {
  test('all rows come, in one column or two', async () => {
    const one = await rowsOf({ url: url(kind), query: `SELECT ${joined[kind]} FROM people` });
    const two = await rowsOf({ url: url(kind), query: 'SELECT local, domain FROM people;' });
    expect(one).toHaveLength(ROWS);
    expect(two).toEqual(one);
  });

  test('exactly a whole number of batches is whole', async () => {
    expect(await rowsOf({ url: url(kind), query: 'SELECT local, domain FROM people WHERE n <= 10000' })).toHaveLength(
      10_000,
    );
  });

  test('local parts of two columns are quoted where they have to be', async () => {
    const some = `SELECT 'a b' AS l, 'x.example' AS d UNION ALL SELECT 'o''brien', 'x.example' UNION ALL SELECT 'a@b', 'x.example'
      UNION ALL SELECT 'say"so', 'x.example'`;
    expect(await rowsOf({ url: url(kind), query: some })).toEqual(
      ['a b@x.example', 'a@b@x.example', "o'brien@x.example", 'say"so@x.example'].sort(),
    );
  });

  test.each<[string, string, RegExp]>([
    ['no rows', 'SELECT local, domain FROM people WHERE n < 0', /^SOURCE the table gave no address/],
    [
      'three columns',
      'SELECT local, domain, note FROM people',
      /^SOURCE the table: the query gives 3 columns \("local", "domain", "note"\)/,
    ],
    ['a NULL', 'SELECT note FROM people', /^SOURCE the table, row 1: column "note" is NULL/],
    [
      'a NULL far down',
      `SELECT CASE WHEN n = 15000 THEN NULL ELSE ${joined[kind]} END AS a FROM people ORDER BY n`,
      /^SOURCE the table, row 15000: column "a" is NULL/,
    ],
    [
      'an empty local part, which would be a whole domain',
      `SELECT '' AS l, 'x.example' AS d`,
      /^SOURCE the table, row 1: column "l" is empty/,
    ],
    ['a number', 'SELECT n FROM people', /^SOURCE the table, row 1: column "n" is a number, not text/],
    ['a time', 'SELECT CURRENT_TIMESTAMP AS t', /^SOURCE the table, row 1: column "t" is a time, not text/],
    [
      'binary data',
      kind === 'mysql' ? 'SELECT CAST(local AS BINARY) AS b FROM people' : 'SELECT local::bytea AS b FROM people',
      /^SOURCE the table, row 1: column "b" is binary data/,
    ],
    ['an entry that is no address', `SELECT 'nobody' AS a`, /^INVALID_ENTRY the table, row 1: the entry has no @/],
    ['a catch-all without leave', `SELECT '@x.example' AS a`, /^WILDCARD the table, row 1: @x.example/],
    ['a table that is not there', 'SELECT a FROM nothing', /^SOURCE the table failed: .*nothing/],
    ['a statement that writes', 'DELETE FROM people', /^SOURCE the table failed: .*(read-only|READ ONLY)/],
    ['a statement without rows', 'SET @a = 1', /^SOURCE the table /],
    [
      'two statements',
      'SELECT local, domain FROM people; DELETE FROM people',
      /^SOURCE the table failed: .*(multiple commands|syntax)/,
    ],
    ['an error after all rows but one', atTheEnd[kind], /^SOURCE the table failed: .*(division by zero|out of range)/],
  ])('%s: no list', async (_, query, words) => {
    expect(await refusal({ url: url(kind), query })).toMatch(words);
    expect((await servers[kind].sql('mail', 'SELECT count(*) FROM people')).trim()).toBe(String(ROWS));
  });

  test('an error midway: exit 2, and nothing is written', async () => {
    const central = await published({ url: url(kind), query: 'SELECT local, domain FROM people' });
    source(central, { url: url(kind), query: atTheEnd[kind] });
    await central.refused(2, /the table failed/);
    expect(central.published().manifest.version).toBe(1);
  });

  test.each(['cancelled', 'its connection ended'])('a query that is %s on the server', async (how) => {
    const sleep = { postgres: 'pg_sleep(n - n + 0.01)::text', mysql: 'SLEEP(0.01)' }[kind];
    const query = `SELECT local, CASE WHEN ${sleep} IS NOT NULL THEN domain END AS d FROM people`;
    let isOver = false;
    const refused = refusal({ url: url(kind), query }).finally(() => (isOver = true));
    const end =
      kind === 'postgres'
        ? `SELECT ${how === 'cancelled' ? 'pg_cancel_backend' : 'pg_terminate_backend'}(pid) FROM pg_stat_activity
           WHERE application_name = 'relaymap-publish' AND query LIKE 'SELECT local, CASE%'`
        : `SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT local, CASE%'`;
    // Again and again: a server that waits for the client's next word at that moment has nothing to cancel.
    await until('the query is over', async () => {
      const found = (await servers[kind].sql('mail', end)).trim();
      if (kind === 'mysql' && found !== '') {
        const kill = `KILL ${how === 'cancelled' ? 'QUERY ' : ''}${found}`;
        await servers[kind].sql('mail', kill).catch(() => undefined); // it has just ended
      }
      return isOver;
    });
    expect(await refused).toMatch(/^SOURCE the table failed: /);
  });

  test('a connection that is cut while rows come', async () => {
    const central = await published({ url: url(kind), query: 'SELECT local, domain FROM people' });
    const cut = await between(servers[kind].port, 300_000);
    const user = kind === 'postgres' ? 'postgres' : 'secretive:Correct%2fHorse%401';
    writeFileSync(central.at('url'), `${kind}://${user}@127.0.0.1:${cut.port}/mail`, { mode: 0o600 });
    source(central, { url_file: central.at('url'), query: 'SELECT local, domain FROM people' });
    await central.refused(2, /the table failed: /);
    expect(cut.cuts()).toBe(1);
  });

  test('a server that takes the connection and says nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    expect(
      await refusal({ url: `${kind}://root@127.0.0.1:${port}/mail?connect_timeout=1`, query: 'SELECT 1' }),
    ).toMatch(/^SOURCE the table failed: .*(timeout|ETIMEDOUT)/i);
  });

  test('a query that waits for ever', async () => {
    const sleep = { postgres: 'SELECT pg_sleep(600)::text AS a', mysql: 'SELECT SLEEP(600) AS a' }[kind];
    const mark = url(kind).includes('?') ? '&' : '?';
    expect(await refusal({ url: `${url(kind)}${mark}read_timeout=1`, query: sleep })).toMatch(
      /^SOURCE the table gave nothing for 1 s/,
    );
  });

  test('through a socket the name of the own user is enough', async () => {
    const query = 'SELECT local, domain FROM people WHERE n = 1';
    if (kind === 'postgres')
      await servers.postgres.sql('mail', 'CREATE ROLE root LOGIN; GRANT SELECT ON people TO root');
    else await servers.mysql.sql('mail', 'ALTER USER root@localhost IDENTIFIED VIA unix_socket');
    const own = url(kind).replace('&user=postgres', '').replace('root@', '');
    expect(own).not.toBe(url(kind));
    expect(await rowsOf({ url: own, query })).toEqual(['p1@d1.example']);
    expect(await refusal({ url: own.replace('?', '?user=secretive&'), query })).toMatch(/^(CONFIG|SOURCE) /);
  });

  test('a whole URL from a file, and no second password beside it', async () => {
    const dir = ownFolder();
    const [file, secret] = [path.join(dir, 'url'), path.join(dir, 'password')];
    const query = 'SELECT local, domain FROM people WHERE n = 1';
    const text = `${kind}://secretive:Correct%2FHorse%401@127.0.0.1:${servers[kind].port}/mail\n`;
    writeFileSync(file, text, { mode: 0o600 });
    writeFileSync(secret, 'Correct/Horse@1', { mode: 0o600 });
    expect(await rowsOf({ url_file: file, query })).toEqual(['p1@d1.example']);
    expect(await refusal({ url_file: file, password_file: secret, query })).toMatch(/^CONFIG .* both give a password/);
    expect(await refusal({ url: text.trim(), query })).toMatch(/^CONFIG .*holds a password; take it out/);
    expect(await refusal({ url: text.trim(), query })).not.toMatch(/Horse/);
    chmodSync(file, 0o604);
    expect(await refusal({ url_file: file, query })).toMatch(/^CONFIG .*can be read or written by others/);
  });

  test('a password from a file: right, wrong, missing, open to others, and never shown', async () => {
    const dir = ownFolder();
    const file = path.join(dir, 'password');
    const keys = {
      url:
        kind === 'postgres'
          ? `postgres://secretive@127.0.0.1:${servers.postgres.port}/mail`
          : url(kind).replace('root@', 'secretive@'),
      query: 'SELECT local, domain FROM people WHERE n = 1',
      password_file: file,
    };
    const has = (password: string) => writeFileSync(file, `${password}\n`, { mode: 0o600 });
    expect(await refusal(keys)).toMatch(/^CONFIG .*password_file/);
    has('Correct/Horse@1');
    expect(await rowsOf(keys)).toEqual(['p1@d1.example']);
    has('Wrong/Horse@1');
    expect(await refusal(keys)).toMatch(/^SOURCE the table failed: .*secretive/);
    expect(await refusal(keys)).not.toMatch(/Horse/);
    const { password_file: _, ...without } = keys;
    expect(await refusal(without)).toMatch(/^(CONFIG .*password_file|SOURCE .*using password: NO)/);
    has('Correct/Horse@1');
    chmodSync(file, 0o644);
    expect(await refusal(keys)).toMatch(/^CONFIG .*can be read or written by others.*chmod 0600/);
  });

  test('TLS is verified: with the authority it is read, without it or under another name not', async () => {
    const ca = path.join(servers[kind].dir, 'tls.pem');
    const at = (host: string, more: string) => ({
      url: `${kind}://${kind === 'postgres' ? 'postgres' : 'open'}@${host}:${servers[kind].port}/mail?${more}`,
      query: 'SELECT local, domain FROM people WHERE n = 1',
    });
    if (kind === 'mysql') {
      await servers.mysql.sql(
        'mail',
        `CREATE USER open@'127.0.0.1' REQUIRE SSL; CREATE USER open@localhost REQUIRE SSL; GRANT SELECT ON mail.* TO open@'127.0.0.1'; GRANT SELECT ON mail.* TO open@localhost`,
      );
    }
    const one = ['p1@d1.example'];
    expect(await rowsOf(at('localhost', `sslmode=verify-full&sslrootcert=${ca}`))).toEqual(one);
    expect(await rowsOf(at('127.0.0.1', `sslmode=verify-ca&sslrootcert=${ca}`))).toEqual(one);
    expect(await rowsOf(at('localhost', 'sslmode=require'))).toEqual(one);
    expect(await refusal(at('localhost', 'sslmode=verify-full'))).toMatch(
      /^SOURCE the table failed: .*(self.signed|certificate)/,
    );
    expect(await refusal(at('localhost', 'sslmode=verify-ca'))).toMatch(
      /^SOURCE the table failed: .*(self.signed|certificate)/,
    );
    expect(await refusal(at('127.0.0.1', `sslmode=verify-full&sslrootcert=${ca}`))).toMatch(
      kind === 'mysql' ? /^CONFIG sslmode=verify-full needs the name/ : /^SOURCE the table failed: .*127\.0\.0\.1/,
    );
    await servers[kind].rename('other.invalid');
    // A reload takes its time: from then on the certificate is of the authority, and of another name.
    await until('the other certificate', async () => {
      const said = await refusal(at('localhost', `sslmode=verify-full&sslrootcert=${ca}`));
      expect(said).not.toMatch(/^accepted/);
      return /^SOURCE the table failed: .*altnames/.test(said);
    });
    expect(await rowsOf(at('localhost', `sslmode=verify-ca&sslrootcert=${ca}`))).toEqual(one);
    expect(await rowsOf(at('localhost', `sslmode=require`))).toEqual(one);
  });
});

test('one snapshot: what is added while it is read is not in it', async () => {
  const { postgres } = servers;
  const query = `SELECT local, domain FROM people UNION ALL SELECT 'late' || n, 'late.example' FROM late`;
  await postgres.sql('mail', 'CREATE TABLE late (n int)');
  expect(await rowsOf({ url: url('postgres'), query })).toHaveLength(ROWS);
  const count = async (of: string) => Number(await postgres.sql('mail', `SELECT count(*) FROM ${of}`));
  // The query waits in its middle for a lock: however fast or slow a machine is, the row comes while it is read.
  const holder = postgres.sql('mail', `SET application_name = 'holder'; SELECT pg_advisory_lock(18), pg_sleep(600)`);
  holder.catch(() => undefined); // it is ended below
  await until('the lock is held', async () => (await count(`pg_locks WHERE locktype = 'advisory'`)) === 1);
  const held = `SELECT local, CASE WHEN n <> 15000 OR pg_advisory_lock(18) IS NOT NULL THEN domain END FROM people UNION ALL SELECT 'late', 'late.example' FROM late`;
  const reading = rowsOf({ url: url('postgres'), query: held });
  const waits = `pg_stat_activity WHERE application_name = 'relaymap-publish' AND wait_event = 'advisory'`;
  await until('the query waits', async () => (await count(waits)) === 1);
  await postgres.sql('mail', 'INSERT INTO late VALUES (1)');
  await postgres.sql(
    'mail',
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'`,
  );
  expect(await reading).toHaveLength(ROWS);
});

test('no connection is left behind, whatever the end was', async () => {
  const { postgres } = servers;
  await refusal({ url: url('postgres'), query: `SELECT 'nobody' FROM people` });
  await refusal({ url: url('postgres'), query: atTheEnd.postgres });
  await rowsOf({ url: url('postgres'), query: 'SELECT local, domain FROM people' });
  await until('no connection is left', async () => {
    const left = `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'relaymap-publish'`;
    return (await postgres.sql('mail', left)).trim() === '0';
  });
});

function source(central: Central, keys: Keys): void {
  const config = readFileSync(central.config, 'utf8');
  const own = sourceToml({ name: 'the table', ...keys });
  // A function, since a query may hold what a replacement would read as a group.
  writeFileSync(
    central.config,
    config.replace(/\[\[source\]\]\n(?:.+\n)+/, () => own),
  );
}

async function published(keys: Keys): Promise<Central> {
  const central = new Central();
  source(central, keys);
  await central.publish();
  return central;
}

/** A way to a server that cuts each connection after so many bytes of answers. */
async function between(port: number, bytes: number): Promise<{ port: number; cuts: () => number }> {
  let cuts = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    let seen = 0;
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.pipe(server);
    server.on('data', (data) => {
      seen += data.length;
      if (seen < bytes) {
        client.write(data);
        return;
      }
      cuts++;
      client.destroy();
      server.destroy();
    });
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  onTestFinished(() => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (relay.address() as AddressInfo).port, cuts: () => cuts };
}
