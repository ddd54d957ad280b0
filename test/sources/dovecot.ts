// A private Dovecot that answers LMTP and nothing else: it says of each recipient whether its user database knows
// it. A guardian process stops it and removes its folder, also when the test process dies.
import { chmodSync, mkdtempSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { dismiss, guardServer } from '../support/guardian.ts';
import { freePort, until } from '../support/postfix.ts';
import type { Database } from './databases.ts';

export interface Listener {
  /** A transport of Postfix. */
  readonly transport: string;
  readonly stop: () => Promise<void>;
}

/**
 * @param query Dovecot's user_query. The rest is as its Debian package has it, and names in lower case as Modoboa
 * sets it.
 */
export async function startDovecot(server: Database, database: string, query: string): Promise<Listener> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-dovecot-'));
  chmodSync(dir, 0o755);
  const at = (name: string) => path.join(dir, name);
  for (const name of ['run', 'state', 'mail']) mkdirSync(at(name), { mode: 0o755 });
  const connect =
    server.kind === 'mysql'
      ? `host=${server.socket} dbname=${database} user=root`
      : `host=${server.socket} port=${server.port} dbname=${database} user=postgres`;
  const driver = server.kind === 'mysql' ? 'mysql' : 'pgsql';
  const sql = `driver = ${driver}\nconnect = ${connect}\nuser_query = ${query.replace(/\s+/g, ' ')}\n`;
  writeFileSync(at('sql.conf'), sql, { mode: 0o600 });
  writeFileSync(
    at('dovecot.conf'),
    `base_dir = ${dir}/run
state_dir = ${dir}/state
log_path = ${dir}/dovecot.log
protocols = lmtp
ssl = no
auth_username_format = %Lu
first_valid_uid = 1
mail_location = maildir:${dir}/mail/%d/%n
userdb {
  driver = sql
  args = ${dir}/sql.conf
}
passdb {
  driver = static
  args = nopassword=y
}
service lmtp {
  process_limit = 20
  unix_listener ${dir}/lmtp {
    mode = 0666
  }
}
`,
  );
  const guardian = guardServer(dir, 'TERM', ['dovecot', '-F', '-c', at('dovecot.conf')]);
  await ready('Dovecot', dir, () => statSync(at('lmtp'), { throwIfNoEntry: false })?.isSocket() === true);
  return { transport: `lmtp:unix:${at('lmtp')}`, stop: () => dismiss(guardian, 'Dovecot') };
}

/** A host that takes all mail. */
export async function startSink(): Promise<Listener> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-sink-'));
  const port = await freePort();
  const guardian = guardServer(dir, 'TERM', ['smtp-sink', '-u', 'nobody', `127.0.0.1:${port}`, '200']);
  const { connect } = await import('node:net');
  await ready('smtp-sink', dir, async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return open;
  });
  return { transport: `smtp:[127.0.0.1]:${port}`, stop: () => dismiss(guardian, 'smtp-sink').catch(() => undefined) };
}

async function ready(name: string, dir: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  try {
    await until(`${name} listens`, condition, 120);
  } catch (error) {
    throw new Error(readFileSync(path.join(dir, 'log'), 'utf8').slice(-2000), { cause: error });
  }
}
