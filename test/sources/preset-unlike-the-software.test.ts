// Each preset against the software that it is named after: tables with rows of every kind on a real server, asked
// by a real Postfix through that software's own look-ups (and by it, where the software does so, a real Dovecot),
// and read by the preset. Both, and what a person says of each address, have to agree.
// Covers src/publisher/sources/sql
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accepts, atRcpt, compared, PATIENCE, printTable, SIZE } from './asking.ts';
import { startMariadb, startPostgres, startSqlite, type Database } from './databases.ts';
import { startDovecot, startSink, type Listener } from './dovecot.ts';
import { refusal, rowsOf } from './querying.ts';
import { atExim } from './servers/exim.ts';
import { startSocketmap } from './servers/socketmap.ts';
import { chimailmadmin, chimailmadminOfText } from './software/chimailmadmin.ts';
import { froxlor } from './software/froxlor.ts';
import { iredmail } from './software/iredmail.ts';
import { ispconfig } from './software/ispconfig.ts';
import { mailcow } from './software/mailcow.ts';
import { mailman3 } from './software/mailman3.ts';
import { mailu } from './software/mailu.ts';
import { modoboa } from './software/modoboa.ts';
import { postfixadmin } from './software/postfixadmin.ts';
import { Chance, type Kind, type Software } from './software/software.ts';
import { vexim } from './software/vexim.ts';
import { vimbadmin } from './software/vimbadmin.ts';

const servers = {} as Record<Kind, Database>;
let sink: Listener;
beforeAll(async () => {
  [servers.postgres, servers.mysql, sink] = await Promise.all([startPostgres(), startMariadb(), startSink()]);
  servers.sqlite = startSqlite();
});
afterAll(async () => {
  printTable();
  await Promise.all([...Object.values(servers), sink].map((server) => server.stop()));
});

const TYPES = { postgres: 'pgsql', mysql: 'mysql', sqlite: 'sqlite' };
const NAMES = { postgres: 'PostgreSQL', mysql: 'MariaDB', sqlite: 'SQLite' };
/** Where MariaDB takes a backslash for what it is, as the others do. */
const LITERAL = "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',NO_BACKSLASH_ESCAPES');";

const softwares = [
  postfixadmin,
  vimbadmin,
  ...mailcow,
  iredmail,
  modoboa,
  chimailmadmin,
  chimailmadminOfText,
  ...ispconfig,
  ...mailu,
  froxlor,
  vexim,
  mailman3,
];
const cases = softwares.flatMap((software, i) =>
  software.kinds.map((kind) => ({ name: `${software.name} on ${NAMES[kind]}`, software, kind, database: `of${i}` })),
);

describe.each(cases)('$name', ({ software, kind, database }) => {
  const entries = software.entries(kind);
  const chance = new Chance(15, SIZE.domains, SIZE.locals);
  let rows: ReadonlySet<string>;
  let said: ReadonlyMap<string, boolean>;

  beforeAll(async () => {
    const server = servers[kind];
    await server.create(database, `${kind === 'mysql' ? LITERAL : ''}\n${software.statements(kind, chance)}`);
    const everywhere = [
      ...new Set([...entries.map(({ address }) => domainOf(address)), ...chance.domains, ...ALIASES]),
    ];
    const policy = `postmaster = false\nwildcards = ${JSON.stringify(everywhere)}`;
    rows = new Set(await rowsOf({ url: server.url(database), preset: software.preset }, policy));
    const locals = [...new Set([...entries.map(({ address }) => address.split('@')[0] ?? ''), ...chance.locals])];
    const among = entries.map(({ address }) => domainOf(address));
    const cross = [...new Set(among)].flatMap((domain) => locals.slice(0, 60).map((local) => `${local}@${domain}`));
    const all = [...chance.domains, ...ALIASES].flatMap((domain) => chance.locals.map((local) => `${local}@${domain}`));
    said = await asked(server, software, kind, database, chance, [
      ...new Set([...entries.map(({ address }) => address), ...cross, ...all]),
    ]);
  }, PATIENCE);

  test('what its own Postfix says at RCPT is what a person says', () => {
    expect(entries.map(({ address }) => [address, said.get(address)])).toEqual(
      entries.map(({ address, is }) => [address, is !== 'refused']),
    );
  });

  test('and what a gateway answers from the list', () => {
    const answers = entries.map(({ address, is, trap }) => ({ address, trap, is: is === 'accepted' }));
    expect(
      entries.map(({ address, trap }) => ({ address, trap, is: accepts(rows, address, software.delimiter) })),
    ).toEqual(answers);
  });

  test('every local part in every domain: none is missing, and none is extra', () => {
    const later = new Set(entries.filter(({ is }) => is === 'later').map(({ address }) => address));
    const isException = ([address, is]: readonly [string, boolean]) =>
      (software.hasExceptions === true && !is && rows.has(address.slice(address.lastIndexOf('@')))) ||
      (software.isException?.(address) ?? false);
    const decided = [...said].filter(
      (each) => !later.has(each[0]) && !chance.doubtful.has(each[0]) && !isException(each),
    );
    const {
      asked: count,
      missing,
      extra,
    } = compared(software.name, NAMES[kind], rows, new Map(decided), software.delimiter);
    expect({ missing, extra }).toEqual({ missing: [], extra: [] });
    expect(count).toBeGreaterThan(1000);
  });

  test('a domain that accepts everybody is a wildcard, which needs leave', async () => {
    const mine = new Set([...chance.domains, ...ALIASES]);
    const wildcards = [...rows].filter((row) => row.startsWith('@') && !mine.has(row.slice(1)));
    expect(wildcards.sort()).toEqual(software.wildcards.map((domain) => `@${domain}`).sort());
    if (software.wildcards.length === 0) return;
    const said_ = await refusal({ url: servers[kind].url(database), preset: software.preset });
    expect(said_).toMatch(/^WILDCARD .*accepts every address/);
    // Or all of it is left out by name.
    const whole = [...rows].filter((row) => row.startsWith('@')).map((row) => row.slice(1));
    const keys = { url: servers[kind].url(database), preset: software.preset, skip_domains: whole };
    const others = [...rows].filter((row) => !whole.includes(domainOf(row)));
    expect(await rowsOf(keys)).toEqual(others.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });
});

/** Alias domains by chance, where a software has a table of its own for them. */
const ALIASES = ['a0.example', 'a1.example', 'a2.example', 'a3.example', 'a4.example'];

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1);

async function asked(
  server: Database,
  { lookups, files, mainCf, userdb, socketmap, exim, delimiter = '' }: Software,
  kind: Kind,
  database: string,
  chance: Chance,
  addresses: readonly string[],
): Promise<ReadonlyMap<string, boolean>> {
  if (exim !== undefined) return await atExim(server, database, exim, addresses);
  const dovecot = userdb === undefined ? null : await startDovecot(server, database, userdb(kind));
  const resolver = socketmap === undefined ? null : await startSocketmap(socketmap(chance));
  try {
    const places = {
      dovecot: dovecot?.transport ?? '',
      elsewhere: sink.transport,
      socketmap: (name: string) => resolver?.map(name) ?? '',
    };
    const tables = Object.entries(lookups(kind)).map(([name, query]): [string, string] => [
      `${name}.cf`,
      `${server.postfixLines(database)}query = ${query.replace(/\s+/g, ' ').replace('{dovecot}', places.dovecot)}\n`,
    ]);
    const map = (...names: string[]) => names.map((name) => `${TYPES[kind]}:{dir}/${name}.cf`).join(', ');
    return await atRcpt(
      {
        files: { ...files?.(chance), ...Object.fromEntries(tables) },
        mainCf: { recipient_delimiter: delimiter, ...mainCf(map, places) },
      },
      addresses,
    );
  } finally {
    await Promise.all([dovecot?.stop(), resolver?.stop()]);
  }
}
