// A source that listens: PostgreSQL says that a list has changed, and it is published without waiting for the
// interval, which is an hour here. A lost connection is made again, and what changed meanwhile is found.
// Covers src/publisher/sources/sql/notifications.ts, src/publisher/watch
import { utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Central, finished } from '../publisher/central.ts';
import { blocksOf } from '../support/pages.ts';
import { until } from '../support/postfix.ts';
import { startPostgres, type Database } from './databases.ts';
import { ownFolder, refusal, sourceToml, type Keys } from './querying.ts';

let server: Database;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const CHANNEL = 'Mail "list"';
/** The lines of the page, for a table and a channel of this test's own. */
const [told = { text: '' }] = blocksOf('docs/sources.md').filter(({ language }) => language === 'sql');
const TABLE = `CREATE TABLE people (address text);
  INSERT INTO people SELECT 'p' || n || '@d.example' FROM generate_series(1, 20) n;
  ${told.text.replace("'relaymap'", `'${CHANNEL}'`).replace(' ON mailbox', ' ON people')}`;

class Watching {
  readonly central: Central;
  stderr = '';

  constructor(database: string, more: Keys = { listen: CHANNEL }, watch = '') {
    const source = { name: 'people', url: server.url(database), query: 'SELECT address FROM people', ...more };
    this.central = new Central({
      policy: 'postmaster = false',
      further: `${sourceToml(source)}\n[watch]\ninterval = "1h"\n${watch}`,
    });
    this.central.rows(['list@d.example']);
    const child = this.central.start(['watch']);
    child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    const end = finished(child);
    onTestFinished(async () => {
      child.kill('SIGTERM');
      expect((await end).status).toBe(0);
    });
  }

  says = (words: RegExp) => until(`${words} in:\n${this.stderr}`, () => words.exec(this.stderr)?.[0], 60);
}

const LISTENS = /people: listening on the channel "Mail \\"list\\""/;

test('a changed row is published at once', async () => {
  await server.create('told', TABLE);
  const watching = new Watching('told');
  await watching.says(LISTENS);
  await watching.says(/published version 1 /);
  watching.central.published();
  await server.sql('told', `INSERT INTO people VALUES ('new@d.example')`);
  await watching.says(/published version 2 /);
  expect(watching.central.published().rows).toContain('new@d.example');
  await server.sql('told', `DELETE FROM people WHERE address = 'new@d.example'`);
  await watching.says(/published version 3 /);
  expect(watching.central.published().rows).not.toContain('new@d.example');
});

test('a connection that is cut is made again, and what changed meanwhile is published', async () => {
  await server.create('cut', TABLE);
  const watching = new Watching('cut');
  await watching.says(LISTENS);
  await watching.says(/published version 1 /);
  watching.central.published();
  await server.sql(
    'cut',
    `ALTER TABLE people DISABLE TRIGGER relaymap_changed; INSERT INTO people VALUES ('unsaid@d.example');
     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut' AND pid <> pg_backend_pid();`,
  );
  await watching.says(/the connection that listens is lost/);
  await watching.says(/published version 2 /);
  expect(watching.central.published().rows).toContain('unsaid@d.example');
});

test('a role that may have one connection only: which option takes the second one is said', async () => {
  await server.create(
    'single',
    `${TABLE} CREATE ROLE single LOGIN CONNECTION LIMIT 1; GRANT SELECT ON people TO single`,
  );
  const url = server.url('single').replace('user=postgres', 'user=single');
  const watching = new Watching('single', { url, listen: CHANNEL });
  await watching.says(
    /too many connections for role "single"; `listen` keeps .*: single needs two .*or take listen out/,
  );
});

test('a file that is touched makes the sources be read at once', async () => {
  await server.create('touched', `CREATE TABLE people (address text); INSERT INTO people VALUES ('a@d.example')`);
  const trigger = path.join(ownFolder(), 'changed');
  writeFileSync(trigger, '');
  const watching = new Watching('touched', {}, `trigger = ${JSON.stringify(trigger)}\n`);
  await watching.says(/published version 1 /);
  watching.central.published();
  await server.sql('touched', `INSERT INTO people VALUES ('b@d.example')`);
  utimesSync(trigger, 1, 1);
  await watching.says(/published version 2 /);
  expect(watching.central.published().rows).toContain('b@d.example');
});

test.each<[string, Keys, RegExp]>([
  [
    'MariaDB',
    { url: 'mysql://reader@localhost/mail' },
    /^CONFIG listen is for PostgreSQL, and the URL is one of mysql$/,
  ],
  ['SQLite', { url: 'sqlite:/nowhere.db' }, /^CONFIG listen is for PostgreSQL/],
])('%s has no channels', async (_, keys, why) => {
  expect(await refusal({ ...keys, query: 'SELECT 1', listen: 'mail' })).toMatch(why);
});

test.each(['', 'x'.repeat(64), 'ü'.repeat(32)])('no name of a channel: %j', async (listen) => {
  expect(await refusal({ url: 'postgres:///mail', query: 'SELECT 1', listen })).toMatch(/listen/);
});
