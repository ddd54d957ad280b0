/** What the three databases write differently, so that a preset states its rule once. Pure. */
import type { Schema } from '../schema.ts';
import type { Dialect } from '../url.ts';

/** A mail software whose tables are known, and the addresses that its own look-ups accept at RCPT. */
export interface SqlPreset {
  /** The software and its versions, for messages. */
  readonly software: string;
  readonly dialects: readonly Dialect[];
  /** Required columns by table, separated by blanks. */
  readonly needs: Readonly<Record<string, string>>;
  /** The aliases that the query gives its tables. */
  readonly tables: Readonly<Record<string, string>>;
  /** One statement that gives one column of addresses, with catch-alls as `@domain`. */
  readonly query: (words: Words, schema: Schema) => string;
  /** For `table = "transport"`: the same of its next hops; two columns, a domain and a Postfix transport. */
  readonly transport?: SqlPreset;
}

/**
 * Postfix looks up a literal in lower case and without padding, so the column's collation decides. Each comparison
 * therefore names the column that is searched, and the searched text takes that column's collation. MySQL refuses to
 * compare two columns of different collations; Postfix never compares two columns.
 */
export interface Words {
  /** A table's name that may be a reserved word. */
  readonly table: (name: string) => string;
  /** A flag is set: a boolean, or the number 1. */
  readonly is: (column: string) => string;
  /** What Postfix asks for to find this row, in the form that gateways use. */
  readonly key: (column: string) => string;
  /** Whether a look-up of `text` in this column finds the row. */
  readonly finds: (column: string, text: string) => string;
  /** The domain of an address; all of a text without @. */
  readonly domain: (address: string) => string;
  /** The same local part in another domain. `@domain` becomes the other domain's catch-all. */
  readonly moved: (address: string, domain: string) => string;
  readonly catchAll: (domain: string) => string;
  readonly address: (local: string, domain: string) => string;
  readonly concat: (first: string, second: string) => string;
  /**
   * An address without its extension: what follows the first `+` of the local part. Without a `+` it stays as it
   * is.
   */
  readonly withoutExtension: (address: string) => string;
  /** Dovecot's default auth_username_chars. With other characters a look-up fails. */
  readonly dovecotTakes: (address: string) => string;
  /** The form of a text for joins: MariaDB makes no key for a text of this length, and would compare every pair. */
  readonly joined: (text: string) => string;
  /** The local part needs no quotes: Postfix reads an alias's target as it would stand in a message. */
  readonly unquoted: (address: string) => string;
  /** The present time, in the form of a time column. */
  readonly now: string;
  readonly epoch: string;
}

export function wordsFor(dialect: Dialect, schema: Schema, tables: Readonly<Record<string, string>>, now: Date): Words {
  const epoch = String(Math.floor(now.getTime() / 1000));
  const utc = now.toISOString().slice(0, 19).replace('T', ' ');
  const common = { epoch };
  if (dialect === 'mysql') return { ...common, ...mysql(schema, tables), now: `'${utc}'` };
  return dialect === 'postgres'
    ? { ...common, ...postgres, now: `TIMESTAMP WITH TIME ZONE '${utc}+00'` }
    : { ...common, ...sqlite, now: `'${utc}'` };
}

type Spoken = Omit<Words, 'now' | 'epoch'>;

/** No condition here leaves out rows that Postfix's key does not find: the reader of the rows does, and counts them. */
const postgres: Spoken = {
  table: (name) => `"${name}"`,
  is: (column) => column,
  key: (column) => `${column}::text`,
  finds: (column, text) => `${column} = ${text}`,
  domain: (address) => `substring(${address} FROM '[^@]*$')`,
  moved: (address, domain) => `substring(${address} FROM '^.*@') || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  address: (local, domain) => `${local} || '@' || ${domain}`,
  concat: (first, second) => `${first} || ${second}`,
  withoutExtension: (address) => `regexp_replace(${address}, '^([^+@]+)[+][^@]*@', '\\1@')`,
  joined: (text) => text,
  dovecotTakes: (address) => `${address} !~ '[^a-zA-Z0-9.@_-]'`,
  unquoted: (address) => `${address} !~ '[][ ,;:\\\\"()<>]'`,
};

const sqlite: Spoken = {
  table: (name) => `"${name}"`,
  is: (column) => `${column} = 1`,
  key: (column) => column,
  finds: (column, text) => `${column} = ${text}`,
  domain: (address) => `substr(${address}, instr(${address}, '@') + 1)`,
  moved: (address, domain) => `substr(${address}, 1, instr(${address}, '@')) || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  address: (local, domain) => `${local} || '@' || ${domain}`,
  concat: (first, second) => `${first} || ${second}`,
  withoutExtension: (address) =>
    `CASE WHEN instr(${address}, '+') > 1 AND instr(${address}, '+') < instr(${address}, '@')
      THEN substr(${address}, 1, instr(${address}, '+') - 1) || substr(${address}, instr(${address}, '@')) ELSE ${address} END`,
  joined: (text) => text,
  dovecotTakes: (address) => `${address} NOT GLOB '*[^a-zA-Z0-9.@_-]*'`,
  unquoted: (address) => `${address} NOT GLOB '*[][ ,;:\\"()<>]*'`,
};

function mysql(schema: Schema, tables: Readonly<Record<string, string>>): Spoken {
  const finds = (column: string, text: string) => {
    const [alias = '', name = ''] = column.split('.');
    const has = schema.text(tables[alias] ?? alias, name);
    return has === null
      ? `${column} = ${text}`
      : `${column} = CONVERT(${text} USING ${has.charset}) COLLATE ${has.collation}`;
  };
  const last = (address: string) => `SUBSTRING_INDEX(${address}, '@', -1)`;
  const local = (address: string) => `LEFT(${address}, CHAR_LENGTH(${address}) - CHAR_LENGTH(${last(address)}))`;
  return {
    table: (name) => `\`${name}\``,
    is: (column) => `${column} = 1`,
    key: (column) => `LOWER(TRIM(TRAILING ' ' FROM CONVERT(${column} USING utf8mb4))) COLLATE utf8mb4_bin`,
    finds,
    domain: last,
    moved: (address, domain) => `CONCAT(${local(address)}, ${domain})`,
    catchAll: (domain) => `CONCAT('@', ${domain})`,
    address: (name, domain) => `CONCAT(${name}, '@', ${domain})`,
    concat: (first, second) => `CONCAT(${first}, ${second})`,
    withoutExtension: (address) =>
      `CASE WHEN INSTR(${address}, '+') > 1 AND INSTR(${address}, '+') < INSTR(${address}, '@')
        THEN CONCAT(SUBSTRING_INDEX(${address}, '+', 1), '@', ${last(address)}) ELSE ${address} END`,
    joined: (text) => `MD5(${text})`,
    dovecotTakes: (address) => `${address} NOT REGEXP '[^a-zA-Z0-9.@_-]'`,
    // No backslash: its meaning depends on the server's sql_mode.
    unquoted: (address) => `${address} NOT REGEXP '[][ ,;:"()<>]' AND INSTR(${address}, CHAR(92 USING utf8mb4)) = 0`,
  };
}
