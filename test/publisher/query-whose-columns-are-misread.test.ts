// What an SQL query gives, row by row: an address, or a local part and a domain, and never one for the other.
import { describe, expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { RowReader } from '../../src/publisher/sources/sql/rows.ts';
import { words } from '../../src/publisher/sources/sql/sql.ts';
import { parseSqlUrl } from '../../src/publisher/sources/sql/url.ts';

const read = (...row: readonly unknown[]): string[] | string => {
  try {
    return new RowReader('list').addresses({ columns: row.map((_, i) => `c${i}`), rows: [row] });
  } catch (error) {
    if (error instanceof PublishError) return error.message;
    throw error;
  }
};

describe('two columns', () => {
  test('are a local part and a domain', () => {
    expect(read('a', 'd.example')).toEqual(['a@d.example']);
    expect(read('a b', 'd.example')).toEqual(['"a b"@d.example']);
    expect(read('a@b', 'd.example')).toEqual(['"a@b"@d.example']);
  });

  test.each(['d.example', 'x@e.example', 'A'])(
    'of which the first is an address (the second: %s) are none',
    (second) => {
      expect(read('a@d.example', second)).toBe(
        'list, row 1: column "c0" is an address, and the query gives another column; it must give the address alone, or a local part and a domain',
      );
    },
  );
});

test('an array of PostgreSQL', () => {
  expect(read(['a@d.example'])).toBe('list, row 1: column "c0" is an array, not text; unnest() it');
});

describe('a URL as other programs write it', () => {
  const refused = (url: string): string => {
    try {
      return JSON.stringify(parseSqlUrl('url', url));
    } catch (error) {
      if (error instanceof HostError) return error.message;
      throw error;
    }
  };

  test.each([
    ['postgresql+psycopg2://reader@db.example.org/mail', 'leave out "+psycopg2"'],
    ['mysql+pymysql://reader:hush@db.example.org/mail', 'leave out "+pymysql"'],
    ['jdbc:mysql://db.example.org/mail', 'leave out "jdbc:"'],
    ['pgsql://db.example.org/mail', '"pgsql" is not known; write postgres'],
    ['mysql2://db.example.org/mail', '"mysql2" is not known; write mysql'],
    ['sqlite3:/srv/mail.db', '"sqlite3" is not known; write sqlite'],
    ['host=/run/postgresql dbname=mail', 'not of a form like postgres:///DATABASE'],
  ])('%s', (url, said) => {
    expect(refused(url)).toContain(said);
    expect(refused(url)).not.toContain('hush');
  });

  test('with the folder of a socket for a host, as libpq takes it', () => {
    expect(parseSqlUrl('url', 'postgresql://%2Frun%2Fpostgresql/mail')).toMatchObject({
      host: '',
      socket: '/run/postgresql',
      tls: 'disable',
    });
    expect(parseSqlUrl('url', 'mysql://reader@%2Frun%2Fmysqld%2Fmysqld.sock/mail')).toMatchObject({
      host: '',
      socket: '/run/mysqld/mysqld.sock',
      tls: 'disable',
    });
  });
});

test('a line of ~/.pgpass for a password: the message says so when the server refuses it, and shows none of it', () => {
  const target = {
    ...parseSqlUrl('url', 'postgres://reader@db.example.org/mail'),
    password: 'db:5432:mail:reader:hush',
  };
  const failed = Object.assign(new Error('password authentication failed for user "reader"'), { code: '28P01' });
  expect(words(failed, target)).toBe(
    'password authentication failed for user "reader"; password_file holds a line of ~/.pgpass, and takes the password alone',
  );
  expect(words(failed, { ...target, password: 'hush' })).toBe(failed.message);
});
