/**
 * One connection to MySQL or MariaDB: one read-only snapshot, rows streamed. Loaded only for a source that needs
 * it.
 */
import { isIP } from 'node:net';
import { createConnection, type Connection, type FieldPacket } from 'mysql2';
import { HostError } from '../../../errors.ts';
import { openSocket } from '../../../io/net/open-socket.ts';
import { ed25519Login } from './client-ed25519.ts';
import { liftLimits } from './mysql-session.ts';
import type { Session } from './session.ts';
import type { Rows } from './rows.ts';
import { tlsOptions } from './tls.ts';
import type { SqlTarget } from './url.ts';

const BATCH = 5000;

/** Throws errors of the driver and the server unchanged. @param signal cuts the connection. */
export async function openMysql(target: SqlTarget, signal: AbortSignal): Promise<Session> {
  const { host, port, connectTimeout } = target;
  const encryption = tls(target);
  const stream = host === '' ? null : await openSocket(host, port, connectTimeout, signal);
  const connection = createConnection({
    ...(stream === null ? { socketPath: target.socket } : { host, port, stream }),
    user: target.user,
    database: target.database,
    ...(target.password === undefined ? {} : { password: target.password }),
    ...encryption,
    charset: 'UTF8MB4_GENERAL_CI',
    connectTimeout,
    rowsAsArray: true,
    supportBigNumbers: true,
    authPlugins: { client_ed25519: ed25519Login(target.password ?? '') },
    // Otherwise a server could ask the client for any file of this host.
    flags: ['-LOCAL_FILES'],
    // Generates no code from column names.
    disableEval: true,
  });
  // The connection may be lost while nobody waits for it. The stream reports that as well.
  let lost: Error | undefined;
  connection.on('error', (error) => (lost ??= error));
  const destroy = () => connection.destroy();
  signal.addEventListener('abort', destroy);
  const close = () => {
    signal.removeEventListener('abort', destroy);
    connection.destroy();
  };
  try {
    await answered(signal, (done) => connection.connect(done));
    await run(connection, signal, 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await run(connection, signal, 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    await liftLimits(
      (query) => streamed(connection, signal, query),
      (statement) => run(connection, signal, statement),
    );
  } catch (error) {
    close();
    throw error;
  }
  return {
    rows: async function* (query) {
      yield* streamed(connection, signal, query);
      if (lost !== undefined) throw lost;
    },
    close,
  };
}

async function* streamed(connection: Connection, signal: AbortSignal, query: string): AsyncGenerator<Rows> {
  let columns: string[] = [];
  const command = connection.query(query);
  command.on('fields', (fields: FieldPacket[] | undefined) => (columns = fields?.map(({ name }) => name) ?? []));
  const stream = command.stream({ highWaterMark: BATCH });
  const cut = () => stream.destroy(new Error('cut off'));
  const lost = (error: Error) => stream.destroy(error);
  signal.addEventListener('abort', cut);
  connection.on('error', lost);
  try {
    let rows: unknown[][] = [];
    for await (const row of stream as AsyncIterable<unknown>) {
      // Anything but a row answers a statement that gives no rows.
      if (!Array.isArray(row)) throw new Error('the query gives no rows; it must be a SELECT');
      rows.push(row as unknown[]);
      if (rows.length < BATCH) continue;
      yield { columns, rows };
      rows = [];
    }
    if (rows.length > 0) yield { columns, rows };
  } finally {
    signal.removeEventListener('abort', cut);
    connection.off('error', lost);
  }
}

const run = (connection: Connection, signal: AbortSignal, statement: string): Promise<void> =>
  answered(signal, (done) => connection.query(statement, (error) => done(error)));

/** Also ends at the signal: a destroyed connection never answers. */
function answered(signal: AbortSignal, ask: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const cut = () => reject(new Error('cut off'));
    signal.addEventListener('abort', cut, { once: true });
    ask((error) => {
      signal.removeEventListener('abort', cut);
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function tls(target: SqlTarget): object {
  const options = tlsOptions(target);
  if (options === null) return {};
  if (target.tls === 'verify-full' && isIP(target.host) !== 0) {
    throw new HostError(
      'CONFIG',
      `sslmode=verify-full needs the name that the server's certificate is for, and ${target.host} is an address`,
    );
  }
  const { ca, cert, key, rejectUnauthorized, minVersion } = options;
  return { ssl: { ca, cert, key, rejectUnauthorized, minVersion, verifyIdentity: target.tls === 'verify-full' } };
}
