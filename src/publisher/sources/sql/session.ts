/** What every driver provides: one connection, one snapshot, rows by query. Pure. */
import type { Rows } from './rows.ts';
import type { SqlTarget } from './url.ts';

export interface Session {
  /** The rows of one statement, streamed. The caller reads them to the end before it asks again. */
  readonly rows: (query: string) => AsyncGenerator<Rows>;
  /** Ends the session at once, whatever is under way. */
  readonly close: () => void;
}

/** @param signal cuts the connection, and ends whatever waits for it. */
export type OpenSession = (target: SqlTarget, signal: AbortSignal) => Promise<Session>;
