/** What the three databases say differently, so that a preset's rule is written once. Pure. */
import type { Schema } from '../schema.ts';
import type { Dialect } from '../url.ts';

/** A mail software whose tables are known: which addresses its own look-ups accept at RCPT. */
export interface SqlPreset {
  /** The software and its versions, for messages. */
  readonly software: string;
  readonly dialects: readonly Dialect[];
  /** Columns without which there is no answer, by table, separated by blanks. */
  readonly needs: Readonly<Record<string, string>>;
  /** The aliases that the query gives its tables. */
  readonly tables: Readonly<Record<string, string>>;
  /** One statement that gives one column of addresses, catch-alls as `@domain`. */
  readonly query: (words: Words, schema: Schema) => string;
}

/**
 * Postfix looks up in lower case and without padding, by a literal: the collation of the column decides. So each comparison names the
 * column that is searched, and what it is searched for takes that column's collation. A comparison of two columns of different
 * collations would be an error in MySQL, which Postfix never meets.
 */
export interface Words {
  /** A flag is set: a boolean, or the number 1. */
  readonly is: (column: string) => string;
  /** What Postfix asks for to reach this row: the text in the form that the gateways have it in. */
  readonly key: (column: string) => string;
  /** Whether a look-up of `text` in this column finds the row. */
  readonly finds: (column: string, text: string) => string;
  /** The domain of an address; the whole of what has no @. */
  readonly domain: (address: string) => string;
  /** The same local part in another domain; of `@domain` the other one's catch-all. */
  readonly moved: (address: string, domain: string) => string;
  readonly catchAll: (domain: string) => string;
  readonly address: (local: string, domain: string) => string;
  /** An address without what follows the first `+` of its local part; one without a `+` stays as it is. */
  readonly withoutExtension: (address: string) => string;
  /** Dovecot's default auth_username_chars, or a look-up fails. */
  readonly dovecotTakes: (address: string) => string;
  /** What two texts are joined by: MariaDB makes no key over a text of this length, and compares each with each. */
  readonly joined: (text: string) => string;
  /** The local part needs no quotes: Postfix reads what an alias leads to as it stands in a message. */
  readonly unquoted: (address: string) => string;
  /** The present time as a column of times has it. */
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

/** Rows that Postfix's key does not reach are left out by whoever reads them, who counts them: no condition here. */
const postgres: Spoken = {
  is: (column) => column,
  key: (column) => `${column}::text`,
  finds: (column, text) => `${column} = ${text}`,
  domain: (address) => `substring(${address} FROM '[^@]*$')`,
  moved: (address, domain) => `substring(${address} FROM '^.*@') || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  address: (local, domain) => `${local} || '@' || ${domain}`,
  withoutExtension: (address) => `regexp_replace(${address}, '^([^+@]+)[+][^@]*@', '\\1@')`,
  joined: (text) => text,
  dovecotTakes: (address) => `${address} !~ '[^a-zA-Z0-9.@_-]'`,
  unquoted: (address) => `${address} !~ '[][ ,;:\\\\"()<>]'`,
};

const sqlite: Spoken = {
  is: (column) => `${column} = 1`,
  key: (column) => column,
  finds: (column, text) => `${column} = ${text}`,
  domain: (address) => `substr(${address}, instr(${address}, '@') + 1)`,
  moved: (address, domain) => `substr(${address}, 1, instr(${address}, '@')) || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  address: (local, domain) => `${local} || '@' || ${domain}`,
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
    is: (column) => `${column} = 1`,
    key: (column) => `LOWER(TRIM(TRAILING ' ' FROM CONVERT(${column} USING utf8mb4))) COLLATE utf8mb4_bin`,
    finds,
    domain: last,
    moved: (address, domain) => `CONCAT(${local(address)}, ${domain})`,
    catchAll: (domain) => `CONCAT('@', ${domain})`,
    address: (name, domain) => `CONCAT(${name}, '@', ${domain})`,
    withoutExtension: (address) =>
      `CASE WHEN INSTR(${address}, '+') > 1 AND INSTR(${address}, '+') < INSTR(${address}, '@')
        THEN CONCAT(SUBSTRING_INDEX(${address}, '+', 1), '@', ${last(address)}) ELSE ${address} END`,
    joined: (text) => `MD5(${text})`,
    dovecotTakes: (address) => `${address} NOT REGEXP '[^a-zA-Z0-9.@_-]'`,
    // Without a backslash, which means one thing or another by the server's sql_mode.
    unquoted: (address) => `${address} NOT REGEXP '[][ ,;:"()<>]' AND INSTR(${address}, CHAR(92 USING utf8mb4)) = 0`,
  };
}
