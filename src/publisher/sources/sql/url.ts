/** Where an SQL source is and how to reach it: parses its URL (docs/commands.md section 3). Reads nothing. */
import { userInfo } from 'node:os';
import { HostError } from '../../../errors.ts';

export type Dialect = 'postgres' | 'mysql' | 'sqlite';
/** As libpq's sslmode. `prefer` and `allow` guarantee nothing, so they are not accepted. */
export type TlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface SqlTarget {
  readonly dialect: Dialect;
  /** Empty means a socket of this host. */
  readonly host: string;
  readonly port: number;
  /** PostgreSQL: the folder of the socket. MySQL: the socket. */
  readonly socket: string;
  readonly user: string;
  readonly password: string | undefined;
  /** SQLite: the file. */
  readonly database: string;
  readonly tls: TlsMode;
  /** Files in PEM form. */
  readonly rootCert: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Milliseconds until the connection must be made. */
  readonly connectTimeout: number;
  /** Milliseconds within which each batch of rows must come. */
  readonly readTimeout: number;
}

const DIALECTS: Record<string, Dialect> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  sqlite: 'sqlite',
};
const PORTS = { postgres: 5432, mysql: 3306, sqlite: 0 };
const SOCKETS = { postgres: '/var/run/postgresql', mysql: '/run/mysqld/mysqld.sock', sqlite: '' };
const TLS = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'connect_timeout', 'read_timeout'];
const PARAMETERS: Record<Dialect, readonly string[]> = {
  postgres: ['user', 'host', 'port', ...TLS],
  mysql: ['user', 'socket', ...TLS],
  sqlite: [],
};
const FORMS = 'postgres:///DATABASE, mysql://USER@HOST/DATABASE or sqlite:/FILE';
const PARTS =
  /^(?<scheme>[a-z]+):(?:\/\/(?:(?<user>[^@/?#:]*)(?::(?<password>[^@/?#]*))?@)?(?<host>\[[^\]]*\]|[^:/?#@[\]]*)(?::(?<port>[0-9]{1,5}))?)?(?<path>\/(?!\/)[^?#]*)?(?:\?(?<query>[^#]*))?$/i;

/**
 * @param where what messages call the URL. They never show the URL itself: it may contain a password.
 * @throws HostError CONFIG
 */
export function parseSqlUrl(where: string, url: string): SqlTarget {
  const wrong = (what: string) => new HostError('CONFIG', `${where}: ${what}`);
  const parts = PARTS.exec(url)?.groups;
  const dialect = DIALECTS[parts?.['scheme']?.toLowerCase() ?? ''];
  if (parts === undefined || dialect === undefined) {
    throw wrong(
      `the URL is not of a form like ${FORMS}; ${formHint(url) ?? 'special characters in it are written as %40'}`,
    );
  }
  const decoded = (part: string | undefined): string => {
    try {
      return decodeURIComponent(part ?? '');
    } catch (error) {
      throw new HostError('CONFIG', `${where}: a % in the URL is not followed by two hexadecimal digits`, error);
    }
  };
  const file = decoded(parts['path']);
  const given = parameters(dialect, parts['query'] ?? '', wrong);
  // As in libpq, a host may be the folder of a socket; with MySQL it is the socket.
  const written = decoded(parts['host']).replace(/^\[(.*)\]$/, '$1');
  const host = written.startsWith('/') ? '' : written;
  if (host !== written) given[dialect === 'mysql' ? 'socket' : 'host'] ??= written;
  if (dialect === 'sqlite' && (written !== '' || parts['user'] !== undefined || file === '')) {
    throw wrong('sqlite: takes nothing but the absolute path of a file, as in sqlite:/srv/mail.db');
  }
  const database = dialect === 'sqlite' ? file : file.slice(1);
  if (database === '' || database.includes('\0')) throw wrong('the URL names no database');
  const named = given['host'] ?? '';
  if (named !== '' && written !== '' && named !== written) throw wrong('the URL names a host twice');
  const socket = named.startsWith('/') ? named : (given['socket'] ?? SOCKETS[dialect]);
  const name = named.startsWith('/') || given['socket'] !== undefined ? '' : host || named;
  if (given['socket'] !== undefined && host !== '' && host !== 'localhost') {
    throw wrong(`the URL names both the host ${host} and a socket`);
  }
  const tls = tlsMode(given['sslmode'], name, wrong);
  return {
    dialect,
    host: name,
    port: Number(parts['port'] ?? given['port'] ?? PORTS[dialect]),
    socket,
    user: decoded(parts['user']) || (given['user'] ?? ownName()),
    password: parts['password'] === undefined ? undefined : decoded(parts['password']),
    database,
    tls,
    rootCert: given['sslrootcert'],
    cert: given['sslcert'],
    key: given['sslkey'],
    connectTimeout: seconds('connect_timeout', given, 10, wrong),
    readTimeout: seconds('read_timeout', given, 120, wrong),
  };
}

/** What programs write in front of the same URL, or for the name of the database; null if it is something else. */
function formHint(url: string): string | null {
  const [, scheme = '', driver = ''] = /^([a-z0-9]+)(\+[a-z0-9_]+)?:/i.exec(url) ?? [];
  if (scheme === 'jdbc') return 'leave out "jdbc:"';
  if (Object.hasOwn(DIALECTS, scheme) && driver !== '') return `leave out "${driver}"`;
  const known = /^(?:pgsql|pg|postgis)$/.test(scheme)
    ? 'postgres'
    : /^mysql[0-9x]$/.test(scheme)
      ? 'mysql'
      : /^sqlite[0-9]$/.test(scheme)
        ? 'sqlite'
        : null;
  return known === null ? null : `"${scheme}" is not known; write ${known}`;
}

type Wrong = (what: string) => HostError;

function parameters(dialect: Dialect, query: string, wrong: Wrong): Record<string, string | undefined> {
  const known = PARAMETERS[dialect];
  const given = Object.create(null) as Record<string, string | undefined>;
  for (const [key, value] of new URLSearchParams(query)) {
    if (key === 'password') throw wrong('a password is no parameter of a URL; set password_file');
    if (!known.includes(key)) {
      const may = known.length === 0 ? 'none is' : `${known.join(', ')} are`;
      throw wrong(`the URL's parameter ${JSON.stringify(key)} is not known; ${may}`);
    }
    given[key] = value;
  }
  return given;
}

/** Between hosts TLS is required and verified unless the URL says otherwise. A socket and loopback need none. */
function tlsMode(asked: string | undefined, host: string, wrong: Wrong): TlsMode {
  if (asked === undefined) {
    return host === '' || host === 'localhost' || host === '::1' || host.startsWith('127.') ? 'disable' : 'verify-full';
  }
  if (asked === 'disable' || asked === 'require' || asked === 'verify-ca' || asked === 'verify-full') return asked;
  throw wrong(`sslmode=${asked}: it must be disable, require, verify-ca or verify-full`);
}

function seconds(key: string, given: Record<string, string | undefined>, otherwise: number, wrong: Wrong): number {
  const text = given[key] ?? String(otherwise);
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw wrong(`${key}=${text}: it must be a number of seconds`);
  return Number(text) * 1000;
}

/** Peer authentication uses the name of the user that this process runs as. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return ''; // a user without a name: the server refuses or accepts that
  }
}
