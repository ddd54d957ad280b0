/**
 * The SQL source: a query of its own or a preset's, in one read-only snapshot, streamed (docs/commands.md section
 * 3). Reads the files that contain secrets. Each driver is loaded only if it is needed.
 */
import { HostError } from '../../../errors.ts';
import { log, logOnce } from '../../../io/log.ts';
import { PublishError } from '../../errors.ts';
import type { SqlSource } from '../../source-config.ts';
import { readSecret } from '../secret.ts';
import { rowsCounted, viewsUsed, warningOfCut } from './limits.ts';
import type { SqlPreset } from './presets/dialects.ts';
import { lacking, presetFor, queryOf } from './presets.ts';
import { RowReader } from './rows.ts';
import { Schema } from './schema.ts';
import type { OpenSession, Session } from './session.ts';
import { parseSqlUrl, type Dialect, type SqlTarget } from './url.ts';
import type { SourceReader } from '../source-reader.ts';

const DRIVERS: Record<Dialect, () => Promise<OpenSession>> = {
  postgres: async () => (await import('./postgres.ts')).openPostgres,
  mysql: async () => (await import('./mysql.ts')).openMysql,
  sqlite: async () => (await import('./sqlite.ts')).openSqlite,
};

/** @throws HostError CONFIG if the configuration alone shows a mistake, above all a password in it. */
export function sqlSource(source: SqlSource): SourceReader {
  if (source.url !== undefined) {
    const { dialect, password } = parseSqlUrl('url of an SQL source', source.url);
    if (password !== undefined) {
      throw new HostError(
        'CONFIG',
        'url of an SQL source holds a password; take it out, and set password_file or url_file',
      );
    }
    if (source.preset !== undefined) presetFor(source.preset, dialect, source.table);
  }
  return { unit: 'row', read: (now) => addresses(source, now) };
}

async function* addresses(source: SqlSource, now: Date): AsyncGenerator<string[]> {
  const target = targetOf(source);
  const preset = source.preset === undefined ? null : presetFor(source.preset, target.dialect, source.table);
  const open = await DRIVERS[target.dialect]();
  const reader = new RowReader(source.name, preset === null ? null : target.dialect === 'mysql' ? 'folds' : 'exact');
  const abort = new AbortController();
  let session: Session | undefined;
  try {
    const soon = withinTime(abort, target.readTimeout);
    const connected = (session = await soon(() => open(target, abort.signal)));
    const query = await soon(() => queryFor(source, preset, target.dialect, connected, now));
    const rows = connected.rows(query);
    for (;;) {
      const { done, value } = await soon(() => rows.next());
      if (done === true) break;
      yield source.table === 'transport' ? reader.routes(value) : reader.addresses(value);
    }
    const cut = await soon(() => warningOfCut(connected, target.dialect));
    if (cut !== null) throw new PublishError('SOURCE', `${source.name} gave a part, and warns: ${cut}`);
    const counted = await soon(() => rowsCounted(connected, target.dialect, query));
    if (counted !== null && counted !== reader.count) {
      throw new PublishError(
        'SOURCE',
        `${source.name} gave ${reader.count} rows, and counts ${counted}: something between limits what is given`,
      );
    }
    noteUnreachable(source.name, reader.unreachable);
  } catch (error) {
    if (error instanceof HostError || error instanceof PublishError) throw error;
    const why = abort.signal.aborted
      ? `gave nothing for ${target.readTimeout / 1000} s`
      : `failed: ${words(error as Error, target, source.listen !== undefined)}`;
    throw new PublishError('SOURCE', `${source.name} ${why}`, error);
  } finally {
    session?.close();
  }
}

/** A server that disappears silently, or waits for a lock, must not block the publish forever. */
const withinTime =
  (abort: AbortController, milliseconds: number) =>
  async <T>(ask: () => Promise<T>): Promise<T> => {
    const timer = setTimeout(() => abort.abort(), milliseconds);
    return await ask().finally(() => clearTimeout(timer));
  };

/** @throws PublishError SOURCE for another version of the software, or a view that gives only a part. */
async function queryFor(
  { name, query: own }: SqlSource,
  preset: SqlPreset | null,
  dialect: Dialect,
  session: Session,
  now: Date,
): Promise<string> {
  let query = own ?? '';
  if (preset !== null) {
    const schema = await Schema.read(session, dialect);
    const missing = lacking(preset, schema);
    if (missing !== null) throw new PublishError('SOURCE', `${name} ${missing}`);
    query = queryOf(preset, dialect, schema, now);
  }
  const { limited, unknown } = await viewsUsed(session, dialect, query);
  if (limited !== null) {
    throw new PublishError('SOURCE', `${name}: the view ${JSON.stringify(limited)} ends in a LIMIT, and gives a part`);
  }
  for (const view of unknown) {
    const why = 'this user may not read its definition (GRANT SHOW VIEW)';
    logOnce('notice', `${name}: whether the view ${JSON.stringify(view)} ends in a LIMIT is not known: ${why}`);
  }
  return query;
}

function noteUnreachable(name: string, rows: number): void {
  if (rows === 0) return;
  const what = rows === 1 ? 'row is' : 'rows are';
  log('notice', `${name}: ${rows} ${what} left out: Postfix asks in lower case, and this database tells the two apart`);
}

/** Reads the files that hold secrets. @throws HostError CONFIG */
export function targetOf(source: SqlSource): SqlTarget {
  const { url, url_file: file, password_file: secret, listen } = source;
  const target =
    url === undefined
      ? parseSqlUrl(`url_file ${file}`, readSecret('url_file', file ?? ''))
      : parseSqlUrl('url of an SQL source', url);
  if (listen !== undefined && target.dialect !== 'postgres')
    throw new HostError('CONFIG', `listen is for PostgreSQL, and the URL is one of ${target.dialect}`);
  if (secret === undefined) return target;
  if (target.password !== undefined)
    throw new HostError('CONFIG', `url_file ${file} and password_file both give a password`);
  return { ...target, password: readSecret('password_file', secret) };
}

/**
 * If all addresses of a host refuse, the error has no message of its own. No message ever contains a password.
 * @param listens a connection of this source listens as well.
 */
export function words(error: Error & { errors?: unknown; code?: string }, target: SqlTarget, listens = false): string {
  const inner = Array.isArray(error.errors) ? (error.errors as Error[]).map(({ message }) => message).join('; ') : '';
  const text = `${error.message || inner || (error.code ?? error.name)}${pgpassHint(error, target)}${hint(error, target, listens)}`;
  return target.password === undefined ? text : text.replaceAll(target.password, '***');
}

/** PostgreSQL's invalid_password, where the password is a line of libpq's file: host:port:database:user:password. */
const pgpassHint = ({ code }: { code?: string }, { password = '' }: SqlTarget): string =>
  code === '28P01' && /^[^:]*:(?:[0-9]+|\*):[^:]*:[^:]*:./.test(password)
    ? '; password_file holds a line of ~/.pgpass, and takes the password alone'
    : '';

/**
 * MySQL's ER_ACCESS_DENIED_ERROR and ER_SECURE_TRANSPORT_REQUIRED; PostgreSQL's invalid_authorization and
 * insufficient_privilege, and its too_many_connections.
 */
function hint(
  { code, message }: { code?: string; message: string },
  { tls, host, user }: SqlTarget,
  listens: boolean,
): string {
  if (code === '53300' && listens) {
    const needs = `${user} needs two (ALTER ROLE ... CONNECTION LIMIT 2)`;
    return `; \`listen\` keeps a connection open beside the one that reads: ${needs}, or take listen out`;
  }
  if (
    tls === 'disable' &&
    (code === 'ER_ACCESS_DENIED_ERROR' || code === 'ER_SECURE_TRANSPORT_REQUIRED' || code === '28000')
  ) {
    return host === '' && code === '28000'
      ? ''
      : '; a server that demands TLS of this user says the same: then add ?sslmode=verify-full to the URL';
  }
  if (code === '42501' && message.includes('row-level security')) {
    return '; a part of the rows would be hidden from this role: give it BYPASSRLS';
  }
  const plugin = /authentication using unknown plugin ([A-Za-z0-9_-]+)/.exec(message)?.[1];
  return plugin === undefined
    ? ''
    : `; let this user log in by mysql_native_password, caching_sha2_password or ed25519`;
}
