/** What the three databases say differently, so that a preset's rule is written once. Pure. */
import type { Dialect } from '../url.ts';

/** `{epoch}` stands for the time in seconds, `{utc}` for the same as YYYY-MM-DD HH:MM:SS. */
export type Queries = Partial<Record<Dialect, string>>;

export interface Words {
  /** A flag is set: a boolean, or the number 1. */
  readonly is: (column: string) => string;
  /** The domain of an address; the whole of what has no @. */
  readonly domain: (address: string) => string;
  /** The same local part in another domain; of `@domain` the other one's catch-all. */
  readonly moved: (address: string, domain: string) => string;
  readonly catchAll: (domain: string) => string;
  /** The present time as a column of times has it. */
  readonly now: string;
  /**
   * Postfix looks up in lower case: where the database tells cases apart, a row in capitals is never found, and its mail rejected.
   */
  readonly found: (address: string) => string;
}

export const postgres: Words = {
  is: (column) => column,
  domain: (address) => `substring(${address} FROM '[^@]*$')`,
  moved: (address, domain) => `substring(${address} FROM '^.*@') || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  now: `TIMESTAMP WITH TIME ZONE '{utc}+00'`,
  found: (address) => `${address} = lower(${address})`,
};

export const mysql: Words = {
  is: (column) => `${column} = 1`,
  domain: (address) => `SUBSTRING_INDEX(${address}, '@', -1)`,
  moved: (address, domain) =>
    `CONCAT(LEFT(${address}, CHAR_LENGTH(${address}) - CHAR_LENGTH(SUBSTRING_INDEX(${address}, '@', -1))), ${domain})`,
  catchAll: (domain) => `CONCAT('@', ${domain})`,
  now: `'{utc}'`,
  found: () => '1 = 1',
};

export const sqlite: Words = {
  is: (column) => `${column} = 1`,
  domain: (address) => `substr(${address}, instr(${address}, '@') + 1)`,
  moved: (address, domain) => `substr(${address}, 1, instr(${address}, '@')) || ${domain}`,
  catchAll: (domain) => `'@' || ${domain}`,
  now: `'{utc}'`,
  found: (address) => `${address} = lower(${address})`,
};
