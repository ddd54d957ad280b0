/** One connection to PostgreSQL: one read-only snapshot, rows by a cursor. Loaded only for a source that needs it. */
import type { Socket } from 'node:net';
import { Client, types } from 'pg';
import Cursor from 'pg-cursor';
import { HostError } from '../../../errors.ts';
import { openSocket } from '../../../io/net/open-socket.ts';
import type { Rows } from './rows.ts';
import type { Session } from './session.ts';
import { tlsOptions } from './tls.ts';
import type { SqlTarget } from './url.ts';

const BATCH = 5000;
/** From version 14 on, a busy server can check whether the client still waits. Older ones work on. */
const NOTICE_OUR_END = `SELECT set_config(name, '5s', TRUE) FROM pg_settings WHERE name = 'client_connection_check_interval'`;

/**
 * A policy that hides rows from this role would make a part look like the whole. With this setting the server
 * refuses the query instead.
 */
const ALL_ROWS_OR_NONE = 'SET LOCAL row_security = off';
/** What must be in force in the transaction. A pooler may drop a SET, or pass it to another connection. */
const IN_FORCE = { row_security: 'off', transaction_isolation: 'repeatable read', transaction_read_only: 'on' };
/** CHAR(n) is padded with spaces that are not part of its value. */
const PADDED = {
  getTypeParser: (...[oid, format]: Parameters<typeof types.getTypeParser>) =>
    oid === types.builtins.BPCHAR ? (text: string) => text.replace(/ +$/, '') : types.getTypeParser(oid, format),
};

/** A client that is not connected yet, on a socket that is. */
async function clientOf(target: SqlTarget, signal: AbortSignal): Promise<Client> {
  const tls = tlsOptions(target);
  const { host, port, connectTimeout } = target;
  const socket = host === '' ? null : connected(await openSocket(host, port, connectTimeout, signal));
  return new Client({
    ...(socket === null ? {} : { stream: () => socket }),
    host: target.host || target.socket,
    port: target.port,
    user: target.user,
    database: target.database,
    // Always set: otherwise the driver would look into PGPASSWORD and ~/.pgpass.
    password: () => target.password ?? noPassword(target),
    ssl: tls ?? false,
    keepAlive: true,
    connectionTimeoutMillis: target.connectTimeout,
    application_name: 'relaymap-publish',
    client_encoding: 'UTF8',
  });
}

/** Ends the connection at once, without a word to the server. */
const destroyed = (client: Client) => () => {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
};

export interface Listening {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** Milliseconds between two questions whether the connection still stands. */
const STANDING = 30_000;

/**
 * Listens on a channel. Throws errors of the driver and the server unchanged.
 * @param told called at each notification. @param signal ends it
 */
export async function listenPostgres(
  target: SqlTarget,
  channel: string,
  told: () => void,
  signal: AbortSignal,
): Promise<Listening> {
  const client = await clientOf(target, signal);
  const destroy = destroyed(client);
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve);
    client.on('error', () => destroy()); // `end` follows
  });
  signal.addEventListener('abort', destroy);
  let unanswered = false;
  const timer = setInterval(() => {
    if (unanswered) return destroy();
    unanswered = true;
    client.query('SELECT').then(() => (unanswered = false), destroy);
  }, STANDING);
  void ended.then(() => {
    clearInterval(timer);
    signal.removeEventListener('abort', destroy);
  });
  client.on('notification', told);
  try {
    await client.connect();
    await client.query(`LISTEN ${client.escapeIdentifier(channel)}`);
  } catch (error) {
    clearInterval(timer);
    destroy();
    throw error;
  }
  return { ended };
}

/** Throws errors of the driver and the server unchanged. @param signal cuts the connection. */
export async function openPostgres(target: SqlTarget, signal: AbortSignal): Promise<Session> {
  const client = await clientOf(target, signal);
  // A connection lost between two reads has no reader to tell. The next read reports it.
  let lost: Error | undefined;
  client.on('error', (error) => (lost ??= error));
  const cut = () => void client.end().catch((error: Error) => (lost ??= error));
  const destroy = destroyed(client);
  signal.addEventListener('abort', destroy);
  const close = () => {
    signal.removeEventListener('abort', destroy);
    cut();
  };
  try {
    await client.connect();
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await client.query(ALL_ROWS_OR_NONE);
    await client.query(NOTICE_OUR_END);
    await readBack(client);
  } catch (error) {
    close();
    throw error;
  }
  return {
    // Always by a cursor: it takes one statement, and no second one after a semicolon.
    rows: async function* (query) {
      const cursor = client.query(new Cursor<unknown[]>(query, [], { rowMode: 'array', types: PADDED }));
      for (;;) {
        const batch = await read(cursor, BATCH);
        if (lost !== undefined) throw lost;
        if (batch.rows.length > 0) yield batch;
        // Fewer rows than requested are the last: only CommandComplete ends a batch early.
        if (batch.rows.length < BATCH) return;
      }
    },
    close,
  };
}

/** The driver connects its socket itself. This one is connected already. */
function connected(socket: Socket): Socket {
  socket.connect = () => {
    process.nextTick(() => socket.emit('connect'));
    return socket;
  };
  return socket;
}

/** @throws Error if a setting did not take. */
async function readBack(client: Client): Promise<void> {
  for (const [name, value] of Object.entries(IN_FORCE)) {
    const { rows } = await client.query<[string]>({ text: `SELECT current_setting('${name}')`, rowMode: 'array' });
    const is = rows[0]?.[0] ?? 'not known';
    if (is !== value) {
      throw new Error(`the session's ${name} is ${is} after it was set to ${value}; is there a pooler between?`);
    }
  }
}

function read(cursor: Cursor<unknown[]>, rows: number): Promise<Rows> {
  return new Promise((resolve, reject) => {
    cursor.read(rows, (error: Error | undefined | null, found, result) => {
      if (error !== undefined && error !== null) reject(error);
      else resolve({ columns: result?.fields.map(({ name }) => name) ?? [], rows: found });
    });
  });
}

function noPassword({ user }: SqlTarget): never {
  throw new HostError('CONFIG', `the server asks ${JSON.stringify(user)} for a password; set password_file`);
}
