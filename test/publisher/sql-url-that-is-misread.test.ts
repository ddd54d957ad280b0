// The URL of an SQL source: every form that is promised, and each slip refused without showing what may be a password.
import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { sqlSource } from '../../src/publisher/sources/sql/sql.ts';
import { parseSqlUrl } from '../../src/publisher/sources/sql/url.ts';

const me = userInfo().username;
const parsed = (url: string) => parseSqlUrl('url', url);
function refusal(url: string): string {
  try {
    return `taken: ${JSON.stringify(parsed(url))}`;
  } catch (error) {
    if (error instanceof HostError) return `${error.code} ${error.message}`;
    throw error;
  }
}

describe('forms', () => {
  test.each([
    [
      'postgres:///mail',
      {
        dialect: 'postgres',
        host: '',
        socket: '/var/run/postgresql',
        port: 5432,
        user: me,
        database: 'mail',
        tls: 'disable',
      },
    ],
    ['postgresql:///mail?host=/tmp/pg&port=5433', { host: '', socket: '/tmp/pg', port: 5433 }],
    ['postgres://reader@/mail?host=%2Ftmp%2Fpg', { host: '', socket: '/tmp/pg', user: 'reader' }],
    [
      'postgres://reader@db.example.org/mail',
      { host: 'db.example.org', user: 'reader', port: 5432, tls: 'verify-full' },
    ],
    ['postgres://reader@db.example.org:6000/mail?sslmode=disable', { port: 6000, tls: 'disable' }],
    ['postgres://[::1]:6000/mail', { host: '::1', port: 6000, tls: 'disable' }],
    ['postgres://reader@127.0.0.1/mail', { host: '127.0.0.1', tls: 'disable' }],
    ['mysql:///mail', { dialect: 'mysql', host: '', socket: '/run/mysqld/mysqld.sock', user: me, tls: 'disable' }],
    ['mysql://reader@localhost/mail?socket=/tmp/my.sock', { host: '', socket: '/tmp/my.sock', user: 'reader' }],
    [
      'mariadb://reader@db.example.org/mail',
      { dialect: 'mysql', host: 'db.example.org', port: 3306, tls: 'verify-full' },
    ],
    ['mysql://reader:a%40b%2F%3A%25@db.example.org/mail', { user: 'reader', password: 'a@b/:%' }],
    ['sqlite:/srv/mail.db', { dialect: 'sqlite', database: '/srv/mail.db' }],
    ['sqlite:///srv/my%20mail.db', { dialect: 'sqlite', database: '/srv/my mail.db' }],
    ['postgres:///mail?connect_timeout=3&read_timeout=600', { connectTimeout: 3000, readTimeout: 600_000 }],
  ])('%s', (url, parts) => {
    expect(parsed(url)).toMatchObject(parts);
  });
});

describe('slips', () => {
  test.each([
    ['oracle://db/mail', /not of a form like/],
    ['postgres:mail', /not of a form like/],
    ['mysql://reader:hush/hush@db/mail', /not of a form like.*%40/],
    ['mysql://reader:hush@hush@db/mail', /not of a form like.*%40/],
    ['mysql://reader:hush%zz@db/mail', /a % in the URL/],
    ['postgres://db.example.org', /names no database/],
    ['postgres://db.example.org/', /names no database/],
    ['postgres:///mail?sslmode=prefer', /sslmode=prefer: it must be disable, require, verify-ca or verify-full/],
    ['postgres:///mail?password=hush', /a password is no parameter/],
    ['postgres:///mail?pasword=hush', /"pasword" is not known; user, host, port/],
    ['postgres:///mail?socket=/tmp', /"socket" is not known/],
    ['postgres://db.example.org/mail?host=/tmp', /names a host twice/],
    ['mysql://db.example.org/mail?socket=/tmp/x', /names both the host db.example.org and a socket/],
    ['postgres:///mail?read_timeout=0', /read_timeout=0: it must be a number of seconds/],
    ['sqlite://host/srv/mail.db', /nothing but the absolute path/],
    ['sqlite:', /nothing but the absolute path/],
    ['sqlite:/srv/mail.db?mode=rw', /"mode" is not known; none is/],
  ])('%s', (url, words) => {
    const said = refusal(url);
    expect(said).toMatch(words);
    expect(said).toMatch(/^CONFIG url: /);
    expect(said).not.toMatch(/hush/);
  });
});

describe('a source is refused before anything is connected to', () => {
  const opened = (keys: object) => () => sqlSource({ type: 'sql', name: 'the table', query: 'SELECT 1', ...keys });

  test('a password in the configuration', () => {
    expect(opened({ url: 'mysql://reader:hush@db.example.org/mail' })).toThrow(/holds a password; take it out/);
    expect(opened({ url: 'mysql://reader:hush@db.example.org/mail' })).not.toThrow(/hush/);
  });

  test.each([
    ['nonsense', 'mysql:///mail', /preset "nonsense" is not known; there are postfixadmin, vimbadmin, mailcow/],
    ['constructor', 'mysql:///mail', /is not known/],
    ['mailcow', 'postgres:///mail', /preset "mailcow" is for mysql, not for postgres; set query/],
    ['iredmail', 'sqlite:/srv/mail.db', /preset "iredmail" is for postgres and mysql, not for sqlite/],
  ])('preset %s of %s', (preset, url, words) => {
    expect(opened({ url, preset, query: undefined })).toThrow(words);
  });
});
