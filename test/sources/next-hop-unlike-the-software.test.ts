// The next hops of each preset against the look-up of the software that it is named after: the same tables, asked by a
// real postmap through that software's own query, and read by the preset.
// Covers src/publisher/sources/sql/presets
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatherRoutes } from '../../src/publisher/transport/gather-routes.ts';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { startMariadb, startPostgres, startSqlite, type Database } from './databases.ts';
import { ownFolder, sourceToml } from './querying.ts';

const run = promisify(execFile);
type Kind = 'postgres' | 'mysql' | 'sqlite';
const servers = {} as Record<Kind, Database>;
let dir: string;
beforeAll(async () => {
  [servers.postgres, servers.mysql] = await Promise.all([startPostgres(), startMariadb()]);
  servers.sqlite = startSqlite();
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-hops-'));
  writeFileSync(path.join(dir, 'main.cf'), '');
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  rmSync(dir, { recursive: true });
});

/** Domain, transport, whether it counts (active, no backup MX, not MX-based), and the next hop that comes of it. */
const ROWS: [string, string | null, boolean, string | null][] = [
  ['host.example', 'smtp:[mx.host.example]', true, '[mx.host.example]'],
  ['port.example', 'relay:[192.0.2.7]:2525', true, '[192.0.2.7]:2525'],
  ['mx.example', 'relay:mail.mx.example', true, 'mail.mx.example'],
  ['capital.example', 'smtp:[MX.Capital.EXAMPLE]', true, '[mx.capital.example]'],
  ['local.example', 'virtual', true, null],
  ['lmtp.example', 'lmtp:unix:/run/dovecot/lmtp', true, null],
  ['empty.example', '', true, null],
  ['none.example', null, true, null],
  ['off.example', 'smtp:[mx.off.example]', false, null],
];

interface Software {
  readonly preset: string;
  readonly kinds: readonly Kind[];
  readonly table: string;
  /** A row, given its values as SQL. */
  readonly row: (domain: string, transport: string, counts: boolean, kind: Kind) => string;
  /** As the software writes it into Postfix's table. */
  readonly query: (kind: Kind) => string;
}

const flag = (is: boolean, kind: Kind): string => (kind === 'postgres' ? String(is) : is ? '1' : '0');

const softwares: Software[] = [
  {
    preset: 'postfixadmin',
    kinds: ['postgres', 'mysql', 'sqlite'],
    table: 'CREATE TABLE domain (domain varchar(255) PRIMARY KEY, transport varchar(255), active boolean NOT NULL);',
    row: (domain, transport, counts, kind) =>
      `INSERT INTO domain VALUES (${domain}, ${transport}, ${flag(counts, kind)});`,
    query: (kind) => `SELECT transport FROM domain WHERE domain='%s' AND active = ${flag(true, kind)}`,
  },
  {
    preset: 'iredmail',
    kinds: ['postgres', 'mysql'],
    table: 'CREATE TABLE domain (domain varchar(255) PRIMARY KEY, transport varchar(255), active smallint NOT NULL);',
    row: (domain, transport, counts) => `INSERT INTO domain VALUES (${domain}, ${transport}, ${counts ? 1 : 0});`,
    query: () => "SELECT transport FROM domain WHERE domain='%s' AND active=1",
  },
  {
    preset: 'vimbadmin',
    kinds: ['mysql'],
    table:
      'CREATE TABLE domain (domain varchar(255) PRIMARY KEY, transport varchar(255), backupmx tinyint, active tinyint);',
    row: (domain, transport, counts) => `INSERT INTO domain VALUES (${domain}, ${transport}, ${counts ? 0 : 1}, 1);`,
    query: () => "SELECT transport FROM domain WHERE domain = '%s' AND backupmx = '0' AND active = '1'",
  },
  {
    preset: 'mailcow',
    kinds: ['mysql'],
    table:
      'CREATE TABLE transports (id int AUTO_INCREMENT PRIMARY KEY, destination varchar(255) NOT NULL, nexthop varchar(255) NOT NULL, ' +
      'is_mx_based tinyint NOT NULL DEFAULT 0, active tinyint NOT NULL DEFAULT 1);',
    // Its next hop stands without a transport; what is none of SMTP has no row there.
    row: (domain, transport, counts) =>
      /^'(?:smtp|relay):/.test(transport)
        ? `INSERT INTO transports (destination, nexthop, active) VALUES (${domain}, ${transport.replace(/^'\w+:/, "'")}, ${counts ? 1 : 0});
           INSERT INTO transports (destination, nexthop, is_mx_based) VALUES ('.*[.]mx[.]${domain.slice(1)}, '[192.0.2.9]', 1);`
        : '',
    query: () =>
      "SELECT CONCAT('smtp_via_transport_maps:', nexthop) AS transport FROM transports WHERE active = '1' AND destination = '%s'",
  },
  {
    preset: 'chimailmadmin',
    kinds: ['mysql'],
    table:
      'CREATE TABLE xpa_domain (domain varchar(255) PRIMARY KEY, transport varchar(255), active tinyint NOT NULL);',
    row: (domain, transport, counts) => `INSERT INTO xpa_domain VALUES (${domain}, ${transport}, ${counts ? 1 : 0});`,
    query: () => "SELECT transport FROM xpa_domain WHERE domain = '%s' AND active > 0",
  },
];
const TYPES = { postgres: 'pgsql', mysql: 'mysql', sqlite: 'sqlite' };
const sql = (text: string | null): string => (text === null ? 'NULL' : `'${text}'`);

test.each(softwares.flatMap((software) => software.kinds.map((kind) => ({ ...software, kind }))))(
  '$preset on $kind: what its Postfix is told is what is published, and what is no route is left out',
  async ({ preset, kind, table, row, query }) => {
    const server = servers[kind];
    const database = `hops_${preset}`;
    const rows = ROWS.map(([domain, transport, counts]) => row(sql(domain), sql(transport), counts, kind));
    await server.create(database, `${table}\n${rows.join('\n')}`);
    const map = path.join(dir, `${preset}-${kind}.cf`);
    writeFileSync(map, `${server.postfixLines(database)}query = ${query(kind)}\n`);

    const config = path.join(ownFolder(), 'publish.toml');
    const list = '[[source]]\ntype = "file"\npath = "/nowhere/list"\n';
    const source = sourceToml({ name: 'hops', url: server.url(database), preset, table: 'transport' });
    writeFileSync(config, `name = "a"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n${list}${source}`);
    const gathered = await gatherRoutes(readPublisherConfig(config), new Date());

    for (const [domain, , , nextHop] of ROWS) {
      const told = await run('postmap', ['-c', dir, '-q', domain, `${TYPES[kind]}:${map}`]).then(
        ({ stdout }) => stdout.trim(),
        () => '',
      );
      const asked = /^(?:smtp|relay|smtp_via_transport_maps):(.+)$/.exec(told)?.[1]?.toLowerCase() ?? null;
      expect([domain, asked, gathered?.routes.get(domain)?.nextHop ?? null]).toEqual([domain, nextHop, nextHop]);
    }
    expect(gathered?.routes.size).toBe(ROWS.filter(([, , , hop]) => hop !== null).length);
  },
);

test('a query of two columns gives next hops; one of another number is refused; a preset without next hops too', async () => {
  const server = servers.mysql;
  await server.create(
    'own',
    "CREATE TABLE t (d varchar(99), h varchar(99)); INSERT INTO t VALUES ('a.example', '[mx.example.org]:587');",
  );
  const read = async (keys: Record<string, string>) => {
    const config = path.join(ownFolder(), 'publish.toml');
    const source = sourceToml({ name: 'hops', url: server.url('own'), table: 'transport', ...keys });
    const list = '[[source]]\ntype = "file"\npath = "/nowhere/list"\n';
    writeFileSync(config, `name = "a"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n${list}${source}`);
    return await gatherRoutes(readPublisherConfig(config), new Date());
  };
  expect((await read({ query: 'SELECT d, h FROM t' }))?.routes.get('a.example')?.nextHop).toBe('[mx.example.org]:587');
  await expect(read({ query: 'SELECT d FROM t' })).rejects.toThrow(/gives 1 columns .*a domain and a next hop/);
  await expect(read({ preset: 'modoboa' })).rejects.toThrow(/preset "modoboa" has no next hops; those of postfixadmin/);
});

test.each(['hash', 'cdb', 'lmdb', 'text'])('a Postfix transport map, %s: as postmap reads it', async (type) => {
  const folder = ownFolder();
  const map = path.join(folder, 'transport');
  writeFileSync(
    map,
    'a.example\trelay:[MX.example.org]:587\nb.example smtp:\n  mail.example.org\nc.example error:5.1.1 no such domain\nd.example local:\n',
  );
  if (type !== 'text') await run('postmap', ['-c', dir, `${type}:${map}`]);
  const config = path.join(folder, 'publish.toml');
  const source = `[[source]]\ntype = "postfix-map"\nname = "map"\ntable = "transport"\npath = "${type === 'text' ? '' : `${type}:`}${map}"\n`;
  const list = '[[source]]\ntype = "file"\npath = "/nowhere/list"\n';
  writeFileSync(config, `name = "a"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n${list}${source}`);
  const { MAIL_CONFIG: before } = process.env;
  process.env['MAIL_CONFIG'] = dir;
  try {
    // postmap joins a value that goes on in the next line with its blanks: nobody can say what "smtp:  host" meant.
    const gathered = await gatherRoutes(readPublisherConfig(config), new Date()).catch((error: Error) => error.message);
    expect(gathered).toMatch(/^map, (?:row|line) \d: "b.example" has several next hops/);
    writeFileSync(map, readFileSync(map, 'utf8').replace('b.example smtp:\n ', 'b.example\n '));
    writeFileSync(map, readFileSync(map, 'utf8').replace('  mail.example.org', ' smtp:mail.example.org'));
    if (type !== 'text') await run('postmap', ['-c', dir, `${type}:${map}`]);
    const good = await gatherRoutes(readPublisherConfig(config), new Date());
    expect(new Map([...(good?.routes ?? [])].map(([domain, { nextHop }]) => [domain, nextHop]))).toEqual(
      new Map([
        ['a.example', '[mx.example.org]:587'],
        ['b.example', 'mail.example.org'],
      ]),
    );
    expect(good?.others.map(({ transport }) => transport).sort()).toEqual(['error', 'local']);
  } finally {
    if (before === undefined) delete process.env['MAIL_CONFIG'];
    else process.env['MAIL_CONFIG'] = before;
  }
});

test('what a program prints is read as a file is', async () => {
  const config = path.join(ownFolder(), 'publish.toml');
  const list = '[[source]]\ntype = "file"\npath = "/nowhere/list"\n';
  const source =
    '[[source]]\ntype = "command"\nname = "hops"\ntable = "transport"\nargv = ["printf", "a.example mx.example.org\\n"]\n';
  writeFileSync(config, `name = "a"\noutput = "/nowhere"\nkeys = ["/nowhere/a.key"]\n${list}${source}`);
  const gathered = await gatherRoutes(readPublisherConfig(config), new Date());
  expect([...(gathered?.routes.keys() ?? [])]).toEqual(['a.example']);
});
