/**
 * The SQL source: a query, or a preset's, in one read-only snapshot, streamed (docs/commands.md section 3). Reads the files that hold
 * secrets; the drivers, each in a file of its own, are loaded only when they are needed.
 */
import { HostError } from '../../../errors.ts';
import { PublishError } from '../../errors.ts';
import type { SqlSource } from '../../source-config.ts';
import { readSecret } from '../secret.ts';
import { presetQuery } from './presets.ts';
import { RowReader, type Rows } from './rows.ts';
import { parseSqlUrl, type SqlTarget } from './url.ts';
import type { SourceReader } from '../source-reader.ts';

type Driver = (target: SqlTarget, query: string, signal: AbortSignal) => AsyncGenerator<Rows>;

const DRIVERS: Record<SqlTarget['dialect'], () => Promise<Driver>> = {
  postgres: async () => (await import('./postgres.ts')).postgresRows,
  mysql: async () => (await import('./mysql.ts')).mysqlRows,
  sqlite: async () => (await import('./sqlite.ts')).sqliteRows,
};

/** @throws HostError CONFIG: what the configuration alone shows to be wrong, a password in it above all. */
export function sqlSource(source: SqlSource): SourceReader {
  if (source.url !== undefined) {
    const { dialect, password } = parseSqlUrl('url of an SQL source', source.url);
    if (password !== undefined) {
      throw new HostError(
        'CONFIG',
        'url of an SQL source holds a password; take it out, and set password_file or url_file',
      );
    }
    queryOf(source, dialect, new Date(0));
  }
  return { unit: 'row', read: (now) => addresses(source, now) };
}

async function* addresses(source: SqlSource, now: Date): AsyncGenerator<string[]> {
  const target = targetOf(source);
  const query = queryOf(source, target.dialect, now);
  const driver = await DRIVERS[target.dialect]();
  const reader = new RowReader(source.name);
  const abort = new AbortController();
  const rows = driver(target, query, abort.signal);
  try {
    for (;;) {
      // A server that is gone without a word, or waits for a lock, must not hold up the publish for ever.
      const timer = setTimeout(() => abort.abort(), target.readTimeout);
      const { done, value } = await rows.next().finally(() => clearTimeout(timer));
      if (done === true) return;
      yield reader.addresses(value);
    }
  } catch (error) {
    if (error instanceof HostError || error instanceof PublishError) throw error;
    const why = abort.signal.aborted
      ? `gave nothing for ${target.readTimeout / 1000} s`
      : `failed: ${words(error as Error, target.password)}`;
    throw new PublishError('SOURCE', `${source.name} ${why}`, error);
  } finally {
    await rows.return(undefined);
  }
}

function targetOf(source: SqlSource): SqlTarget {
  const { url, url_file: file, password_file: secret } = source;
  const target =
    url === undefined
      ? parseSqlUrl(`url_file ${file}`, readSecret('url_file', file ?? ''))
      : parseSqlUrl('url of an SQL source', url);
  if (secret === undefined) return target;
  if (target.password !== undefined)
    throw new HostError('CONFIG', `url_file ${file} and password_file both give a password`);
  return { ...target, password: readSecret('password_file', secret) };
}

const queryOf = ({ preset, query }: SqlSource, dialect: SqlTarget['dialect'], now: Date): string =>
  preset === undefined ? (query ?? '') : presetQuery(preset, dialect, now);

/** Several addresses of one host that all refuse have one error without words of its own. A password never stands in any. */
function words(error: Error & { errors?: unknown; code?: string }, password: string | undefined): string {
  const inner = Array.isArray(error.errors) ? (error.errors as Error[]).map(({ message }) => message).join('; ') : '';
  const text = error.message || inner || (error.code ?? error.name);
  return password === undefined ? text : text.replaceAll(password, '***');
}
