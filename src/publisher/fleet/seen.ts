/** What was seen of one name. Pure. */
import type { Certainty } from './who.ts';

/** What a line says of its client; null where it says nothing of it. */
export interface Says {
  readonly version: number | null;
  readonly code: string | null;
  readonly software: string | null;
  /** Another name that it gives itself. */
  readonly says: string | null;
  readonly address: string | null;
}

/** One name, by one certainty. Times are seconds since 1970. */
export interface Seen {
  readonly name: string;
  readonly by: Certainty;
  requests: number;
  first: number;
  last: number;
  /** As it said last, and when; null if it never said. */
  version: number | null;
  code: string | null;
  versionAt: number;
  software: string | null;
  softwareAt: number;
  /** The highest version that it ever said, at most the published one, and when first. */
  top: number;
  topAt: number;
  /** The name that it gave itself, where its certificate or token says another. */
  says: string | null;
  saysAt: number;
  /** The address of its last request; null if the log has none. */
  address: string | null;
  addressAt: number;
  /** Whole tables that it took; when the last, by what program, from which address; the folders that they were in. */
  tables: number;
  tableAt: number;
  tableSoftware: string | null;
  tableAddress: string | null;
  tablePrefixes: Set<string>;
  /** Whether it ever named this list. */
  isOurs: boolean;
  /** The folders that it asked for without naming a list. */
  prefixes: Set<string>;
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
  versionAt: -Infinity,
  software: null,
  softwareAt: -Infinity,
  top: -1,
  topAt: Infinity,
  says: null,
  saysAt: -Infinity,
  address: null,
  addressAt: -Infinity,
  tables: 0,
  tableAt: -Infinity,
  tableSoftware: null,
  tableAddress: null,
  tablePrefixes: new Set(),
  isOurs: false,
  prefixes: new Set(),
});

/**
 * What the newest line says counts. The order of lines in a log says nothing: of two in one second the higher version
 * counts, and of two texts the one that sorts last.
 */
export function noteNewest(seen: Seen, { version, code, software, says, address }: Says, time: number): void {
  const { version: before } = seen;
  if (version !== null && isNewer(time, version, seen.versionAt, before)) {
    if (version !== before || isNewer(time, code, seen.versionAt, seen.code)) seen.code = code;
    seen.version = version;
    seen.versionAt = time;
  }
  if (software !== null && isNewer(time, software, seen.softwareAt, seen.software)) {
    seen.software = software;
    seen.softwareAt = time;
  }
  if (says !== null && isNewer(time, says, seen.saysAt, seen.says)) {
    seen.says = says;
    seen.saysAt = time;
  }
  if (address !== null && isNewer(time, address, seen.addressAt, seen.address)) {
    seen.address = address;
    seen.addressAt = time;
  }
}

/** The same for whoever takes a whole table: another may ask by its name later. */
export function noteTable(seen: Seen, { software, address }: Says, time: number): void {
  if (isNewer(time, software, seen.tableAt, seen.tableSoftware)) seen.tableSoftware = software;
  if (isNewer(time, address, seen.tableAt, seen.tableAddress)) seen.tableAddress = address;
  if (time > seen.tableAt) seen.tableAt = time;
}

const isNewer = <V extends string | number>(time: number, value: V | null, at: number, before: V | null): boolean =>
  time > at || (time === at && (before === null || (value !== null && value >= before)));
