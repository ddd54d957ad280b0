/** What was seen of one name. Pure. */
import type { Certainty } from './who.ts';

/** One name, by one certainty. Times are seconds since 1970. */
export interface Seen {
  readonly name: string;
  readonly by: Certainty;
  requests: number;
  first: number;
  last: number;
  /** As it said last; null if it never said. */
  version: number | null;
  code: string | null;
  software: string | null;
  /** The highest version that it ever said, at most the published one, and when first. */
  top: number;
  topAt: number;
  /** The name that it gave itself, where its certificate or token says another. */
  says: string | null;
  /** The address of its last request; null if the log has none. */
  address: string | null;
  /** Whole tables that it took, when last, and the folders that they were in. */
  tables: number;
  tableAt: number;
  prefixes: Set<string>;
  /** Requests answered 401 or 403. */
  refused: number;
}

/** A name of which no request was seen. */
export const unseen = (name: string, by: Certainty): Seen => ({
  name,
  by,
  requests: 0,
  first: Infinity,
  last: -Infinity,
  version: null,
  code: null,
  software: null,
  top: -1,
  topAt: Infinity,
  says: null,
  address: null,
  tables: 0,
  tableAt: -Infinity,
  prefixes: new Set(),
  refused: 0,
});
