// What a test needs to know of one mail software: its tables with rows of every kind, and its Postfix's lookups.
// The tables are written anew after that project's documentation, with the columns that matter and some that do
// not.

import { Random } from '../../support/random.ts';
import type { Resolve } from '../servers/socketmap.ts';

export type Kind = 'postgres' | 'mysql' | 'sqlite';

export interface Entry {
  readonly address: string;
  /**
   * What the software says at RCPT. `later`: Postfix's tables take it, and what is asked next (Rspamd, Dovecot, a
   * job that has yet to run) does not, for the reason given.
   */
  readonly is: 'accepted' | 'refused' | 'later';
  /** Why somebody could get it wrong; entries without it are the plain ones. */
  readonly trap?: string;
}

export interface Software {
  readonly preset: string;
  /** The software and its version, for the table of results. */
  readonly name: string;
  readonly kinds: readonly Kind[];
  /** Tables with rows of every kind, and then the chance ones. */
  readonly statements: (kind: Kind, chance: Chance) => string;
  /** Look-up tables of Postfix: name to query, as the software writes them. */
  readonly lookups: (kind: Kind) => Record<string, string>;
  /** Further tables in Postfix's configuration folder: name to text. */
  readonly files?: (chance: Chance) => Readonly<Record<string, string>>;
  /** Parameters of main.cf; `map('name')` is the look-up of that name. */
  readonly mainCf: (map: (...names: string[]) => string, places: Places) => Record<string, string>;
  readonly entries: (kind: Kind) => readonly Entry[];
  /**
   * Its catch-alls have exceptions: an alias that leads nowhere, in a domain that takes everybody else. No list can
   * say that.
   */
  readonly hasExceptions?: boolean;
  /** An address of which the list has to say more than the software does. */
  readonly isException?: (address: string) => boolean;
  /** What the software answers Postfix's questions by socketmap. */
  readonly socketmap?: (chance: Chance) => Resolve;
  /** Exim's configuration, where the software asks by Exim in place of Postfix. */
  readonly exim?: string;
  /** The recipient_delimiter of its Postfix. */
  readonly delimiter?: string;
  /** Dovecot's userdb query, where its Postfix asks Dovecot at RCPT. */
  readonly userdb?: (kind: Kind) => string;
  /** Domains that accept everybody: the policy has to allow their catch-alls. */
  readonly wildcards: readonly string[];
}

/** Where other servers of the test are: Dovecot's LMTP as a transport, and a host that takes all mail. */
export interface Places {
  readonly dovecot: string;
  readonly elsewhere: string;
  /** A table of the software's own server. */
  readonly socketmap: (name: string) => string;
}

/**
 * Rows by chance, beside those that somebody thought of. `doubtful` are addresses of which the look-ups alone do
 * not decide.
 */
export class Chance {
  readonly random: Random;
  readonly domains: readonly string[];
  readonly locals: readonly string[];
  readonly doubtful = new Set<string>();

  constructor(seed: number, domains: number, locals: number) {
    this.random = new Random(seed);
    this.domains = Array.from({ length: domains }, (_, i) => `r${i}.example`);
    this.locals = Array.from({ length: locals }, (_, i) => ODD[i] ?? `p${i}`);
  }

  /** True in so many cases of a hundred. */
  percent(of: number): boolean {
    return this.random.number(100) < of;
  }

  bit(percent: number): number {
    return this.percent(percent) ? 1 : 0;
  }

  /** So many of a hundred of all addresses, each once. */
  addresses(percent: number): string[] {
    return this.domains.flatMap((domain) =>
      this.locals.filter(() => this.percent(percent)).map((local) => `${local}@${domain}`),
    );
  }

  domain(): string {
    return this.random.pick(this.domains);
  }

  /** One that needs no quotes. */
  plainAddress(): string {
    for (;;) {
      const address = this.address();
      if (!/[ ,"\\]/.test(address)) return address;
    }
  }

  address(): string {
    return `${this.random.pick(this.locals)}@${this.domain()}`;
  }
}

/** Local parts that somebody gets wrong. */
const ODD = [
  "o'brien",
  'a,b',
  'back\\slash',
  'in side',
  'plus+tag',
  'under_score',
  'a..b',
  'question?',
  '#hash',
  'and&',
  'say"so',
];

type Value = string | number | boolean | null;

/** One INSERT of rows that share their columns. */
export function insert(table: string, columns: string, rows: readonly (readonly Value[])[]): string {
  const literal = (value: Value) =>
    typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value).toUpperCase();
  if (rows.length === 0) return '';
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
