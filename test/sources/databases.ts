// Private database servers for tests: data, sockets and log in a temporary folder, loopback only, nothing of the
// host's own. A guardian process stops each server and removes its folder when stop() is called, and as well when
// the test process dies.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { dismiss, guardServer } from '../support/guardian.ts';
import { freePort, until } from '../support/postfix.ts';

const run = promisify(execFile);

export interface Database {
  readonly kind: 'postgres' | 'mysql' | 'sqlite';
  readonly port: number;
  /** PostgreSQL: the folder of its socket. MariaDB: the socket. */
  readonly socket: string;
  readonly dir: string;
  /** The id of the server's main process. */
  readonly pid: () => number;
  /** A URL for a source, through the socket, as the administrator. */
  readonly url: (database: string) => string;
  /** Runs statements by the server's own client; gives what it prints. */
  readonly sql: (database: string, statements: string) => Promise<string>;
  /** A new database of this name. */
  readonly create: (database: string, statements?: string) => Promise<void>;
  /** Lines of a Postfix table that asks this server. */
  readonly postfixLines: (database: string) => string;
  /** Takes another certificate, for this name alone. */
  readonly rename: (name: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startPostgres(): Promise<Database> {
  const bin = path.join('/usr/lib/postgresql', readdirSync('/usr/lib/postgresql').sort().at(-1) ?? '', 'bin');
  const dir = folder('postgres');
  const data = path.join(dir, 'data');
  const as = ['--reuid=postgres', '--regid=postgres', '--init-groups'];
  await run('chown', ['postgres', dir]);
  await certificate(dir, 'postgres');
  const init = ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'];
  await run('setpriv', [...as, path.join(bin, 'initdb'), ...init]);
  // Only these have to say who they are.
  const rules = [
    'local all secretive scram-sha-256',
    'local all root peer',
    'host all secretive 127.0.0.1/32 scram-sha-256',
    'local all all trust',
  ];
  writeFileSync(path.join(data, 'pg_hba.conf'), [...rules, 'host all all 127.0.0.1/32 trust', ''].join('\n'));
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: dir,
    fsync: 'off',
    ssl: 'on',
    ssl_cert_file: `${dir}/tls.pem`,
    ssl_key_file: `${dir}/tls.key`,
    max_connections: 100,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const guardian = guardServer(dir, 'INT', ['setpriv', ...as, path.join(bin, 'postgres'), '-D', data, ...options]);
  const sql = (database: string, statements: string) =>
    fed(
      'psql',
      ['-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-h', dir, '-p', `${port}`, '-U', 'postgres', '-d', database],
      statements,
    );
  await answering('PostgreSQL', dir, guardian, () => sql('postgres', 'SELECT 1'));
  return {
    kind: 'postgres',
    port,
    socket: dir,
    dir,
    pid: () => Number(readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n')[0]),
    url: (database) => `postgres:///${database}?host=${encodeURIComponent(dir)}&port=${port}&user=postgres`,
    sql,
    create: async (database, statements = '') => {
      await sql('postgres', `CREATE DATABASE ${database}`);
      await sql(database, statements);
    },
    postfixLines: (database) => `hosts = inet:127.0.0.1:${port}\nuser = postgres\ndbname = ${database}\n`,
    rename: async (name) => {
      await certificate(dir, 'postgres', name);
      await sql('postgres', 'SELECT pg_reload_conf()');
    },
    stop: () => dismiss(guardian, 'a database server'),
  };
}

export async function startMariadb(): Promise<Database> {
  const dir = folder('mariadb');
  const [data, socket] = [path.join(dir, 'data'), path.join(dir, 'sock')];
  await run('chown', ['mysql', dir]);
  await certificate(dir, 'mysql');
  const init = ['--user=mysql', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'];
  await run('mariadb-install-db', ['--no-defaults', ...init]);
  const port = await freePort();
  const guardian = guardServer(dir, 'TERM', [
    'mariadbd',
    '--no-defaults',
    '--user=mysql',
    `--datadir=${data}`,
    `--socket=${socket}`,
    `--port=${port}`,
    `--pid-file=${dir}/pid`,
    '--bind-address=127.0.0.1',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-buffer-pool-size=64M',
    `--ssl-cert=${dir}/tls.pem`,
    `--ssl-key=${dir}/tls.key`,
    '--character-set-server=utf8mb4',
    '--default-time-zone=+00:00',
  ]);
  const sql = (database: string, statements: string) =>
    fed('mariadb', ['--no-defaults', '-N', '-B', `--socket=${socket}`, '-u', 'root', database], statements);
  await answering('MariaDB', dir, guardian, () => sql('mysql', 'SELECT 1'));
  return {
    kind: 'mysql',
    port,
    socket,
    dir,
    pid: () => Number(readFileSync(path.join(dir, 'pid'), 'utf8')),
    url: (database) => `mysql://root@localhost/${database}?socket=${encodeURIComponent(socket)}`,
    sql,
    create: async (database, statements = '') => {
      await sql('mysql', `CREATE DATABASE ${database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci`);
      await sql(database, statements);
    },
    postfixLines: (database) => `hosts = unix:${socket}\nuser = root\ndbname = ${database}\n`,
    rename: async (name) => {
      await certificate(dir, 'mysql', name);
      await sql('mysql', 'FLUSH SSL');
    },
    stop: () => dismiss(guardian, 'a database server'),
  };
}

/** SQLite files in a folder that Postfix may read. */
export function startSqlite(): Database {
  const dir = folder('sqlite');
  const file = (database: string) => path.join(dir, `${database}.db`);
  const sql = (database: string, statements: string) => fed('sqlite3', ['-batch', '-bail', file(database)], statements);
  return {
    kind: 'sqlite',
    port: 0,
    socket: dir,
    dir,
    pid: () => 0,
    url: (database) => `sqlite:${file(database)}`,
    sql,
    create: async (database, statements = '') => {
      await sql(database, statements);
      chmodSync(file(database), 0o644);
    },
    postfixLines: (database) => `dbpath = ${file(database)}\n`,
    rename: () => Promise.resolve(),
    stop: () => Promise.resolve(rmSync(dir, { recursive: true, force: true })),
  };
}

function folder(name: string): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), `relaymap-${name}-`));
  chmodSync(dir, 0o755);
  return dir;
}

/** A certificate that is its own authority. */
async function certificate(dir: string, owner: string, name = 'localhost'): Promise<void> {
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
  const files = ['-keyout', `${dir}/tls.key`, '-out', `${dir}/tls.pem`, '-days', '2'];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...names]);
  await run('chown', [owner, `${dir}/tls.key`]);
  chmodSync(`${dir}/tls.key`, 0o600);
}

/** A client that reads statements from its standard input. */
async function fed(command: string, args: string[], input: string): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let [out, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text));
  child.stdin.on('error', () => undefined); // it refused the first statement and read no further
  child.stdin.end(input);
  const [status] = (await once(child, 'close')) as [number | null];
  if (status !== 0) throw new Error(`${command}: ${error}`);
  return out;
}

async function answering(
  name: string,
  dir: string,
  guardian: ChildProcess,
  ask: () => Promise<unknown>,
): Promise<void> {
  try {
    await until(
      `${name} answers`,
      async () => {
        if (guardian.exitCode !== null) throw new Error(`${name} ended`);
        return await ask().then(
          () => true,
          () => false,
        );
      },
      300,
    );
  } catch (error) {
    const log = readFileSync(path.join(dir, 'log'), 'utf8');
    await dismiss(guardian, 'a database server');
    throw new Error(`${name} did not start; its log:\n${log}`, { cause: error });
  }
}
