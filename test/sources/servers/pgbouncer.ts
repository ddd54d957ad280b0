// A private PgBouncer before a private PostgreSQL. Several clients share its one connection.
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { dismiss, guardServer } from '../../support/guardian.ts';
import { freePort, until } from '../../support/postfix.ts';
import type { Database } from '../databases.ts';

export interface Pooler {
  /** A URL for a source, as `postgres` or `reader`. */
  readonly url: (database: string, user?: string) => string;
  readonly stop: () => Promise<void>;
}

/** @param mode how long a client keeps the connection. */
export async function startPgbouncer(server: Database, mode: 'transaction' | 'statement'): Promise<Pooler> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-pgbouncer-'));
  chmodSync(dir, 0o755);
  const port = await freePort();
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: path.join(dir, 'users'),
    pool_mode: mode,
    default_pool_size: 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  const databases = `[databases]\n* = host=${server.socket} port=${server.port}\n`;
  writeFileSync(path.join(dir, 'ini'), `${databases}[pgbouncer]\n${lines.join('')}`, { mode: 0o644 });
  writeFileSync(path.join(dir, 'users'), '"postgres" ""\n"reader" ""\n', { mode: 0o644 });
  const as = ['--reuid=postgres', '--regid=postgres', '--init-groups'];
  const guardian = guardServer(dir, 'TERM', ['setpriv', ...as, 'pgbouncer', path.join(dir, 'ini')]);
  await until('PgBouncer listens', () => {
    if (guardian.exitCode !== null) throw new Error('PgBouncer ended');
    return readFileSync(path.join(dir, 'log'), { encoding: 'utf8', flag: 'a+' }).includes('process up');
  });
  return {
    url: (database, user = 'postgres') => `postgres://${user}@127.0.0.1:${port}/${database}`,
    stop: () => dismiss(guardian, 'PgBouncer'),
  };
}
