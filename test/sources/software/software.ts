// What a test needs to know of one mail software: its tables with rows of every kind, and its Postfix's lookups. The tables are
// written anew after that project's documentation, with the columns that matter and some that do not.

export type Kind = 'postgres' | 'mysql';

export interface Entry {
  readonly address: string;
  /**
   * What the software says at RCPT. `later`: Postfix's tables take it, and what is asked next (Rspamd, Dovecot, a job that has yet to
   * run) does not, for the reason given.
   */
  readonly is: 'accepted' | 'refused' | 'later';
  /** Why somebody could get it wrong; entries without it are the plain ones. */
  readonly trap?: string;
}

export interface Software {
  readonly preset: string;
  readonly kinds: readonly Kind[];
  readonly statements: (kind: Kind) => string;
  /** Postfix tables: name to query, as the software writes them. */
  readonly lookups: (kind: Kind) => Record<string, string>;
  /** Parameters of main.cf; `map('name')` is the lookup of that name. */
  readonly mainCf: (map: (...names: string[]) => string) => Record<string, string>;
  readonly entries: (kind: Kind) => readonly Entry[];
  /** The address whose fate decides, where Postfix asks on behalf of another: the rest of its answer is no answer. */
  readonly decidedBy?: (address: string) => string;
  /** Domains whose catch-alls the policy allows. */
  readonly wildcards: readonly string[];
}

type Value = string | number | boolean | null;

/** One INSERT of rows that share their columns. */
export function insert(table: string, columns: string, rows: readonly (readonly Value[])[]): string {
  const literal = (value: Value) =>
    typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value).toUpperCase();
  return `INSERT INTO ${table} (${columns}) VALUES\n${rows.map((row) => `(${row.map(literal).join(', ')})`).join(',\n')};\n`;
}

export const accepted = (address: string, trap?: string): Entry => entry(address, 'accepted', trap);
export const refused = (address: string, trap?: string): Entry => entry(address, 'refused', trap);
export const later = (address: string, trap: string): Entry => entry(address, 'later', trap);

const entry = (address: string, is: Entry['is'], trap?: string): Entry => ({
  address,
  is,
  ...(trap === undefined ? {} : { trap }),
});
