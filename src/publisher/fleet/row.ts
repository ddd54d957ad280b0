/** What there is to say of one gateway. Pure. */
import type { Refused } from './refusals.ts';
import type { Seen } from './seen.ts';
import type { Certainty } from './who.ts';

export const STATES = ['never', 'silent', 'behind', 'ahead', 'unknown', 'current'] as const;
/**
 * `never`: expected, and in no log; `silent`: not heard for `silentAfter`; `ahead`: says a version that is not out;
 * `unknown`: says no version.
 */
export type State = (typeof STATES)[number];

export interface GatewayRow {
  readonly name: string;
  /** How we know that it is this one; null if it was never seen. */
  readonly by: Certainty | null;
  readonly expected: boolean;
  readonly state: State;
  readonly version: number | null;
  /** When its version was published, as far as is known, in seconds since 1970. */
  readonly versionAt: number | null;
  /** Seconds since a newer one was out, as far as is known; null if it is not behind. */
  readonly behindFor: number | null;
  readonly lastPoll: number | null;
  readonly code: string | null;
  readonly held: boolean;
  readonly software: string | null;
  readonly requests: number;
  /** Requests by its name that were answered 401 or 403; those for the manifest that failed; the last such status. */
  readonly refused: number;
  readonly failed: number;
  readonly lastFailure: number | null;
  readonly tables: number;
  /** Another name that it gives itself. */
  readonly says: string | null;
  /** Requests of others who only claim to be it. */
  readonly claimed: number;
}

export interface Facts {
  readonly seen: Seen;
  /** Requests of others who only claim to be it. */
  readonly claimed: number;
  readonly refused: Readonly<Refused> | null;
  readonly isExpected: boolean;
  /** When its version was published, and since when a newer one was out, in seconds since 1970. */
  readonly versionAt: number | null;
  readonly newerAt: number | null;
}

/** @param version that is published */
export function rowOf(facts: Facts, version: number | null, silentAfter: number, now: number): GatewayRow {
  const { seen, claimed, refused, isExpected, versionAt, newerAt } = facts;
  const isSeen = seen.requests > 0;
  const state = stateOf(seen, version, silentAfter, now);
  return {
    name: seen.name,
    by: isSeen ? seen.by : null,
    expected: isExpected,
    state,
    version: seen.version,
    versionAt: seen.version === null ? null : versionAt,
    // Where nothing is installed, nothing newer counts before it was first heard of.
    behindFor:
      state !== 'behind' || newerAt === null
        ? null
        : Math.max(0, now - (seen.version === 0 ? Math.max(newerAt, seen.first) : newerAt)),
    lastPoll: isSeen ? seen.last : null,
    code: seen.code,
    held: seen.code === 'HELD',
    software: seen.software,
    requests: seen.requests,
    refused: refused?.refused ?? 0,
    failed: refused?.failed ?? 0,
    lastFailure: refused?.status ?? null,
    tables: seen.tables,
    says: seen.says,
    claimed,
  };
}

function stateOf(seen: Seen, version: number | null, silentAfter: number, now: number): State {
  if (seen.requests === 0) return 'never';
  if (now - seen.last > silentAfter) return 'silent';
  if (seen.version === null || version === null) return 'unknown';
  if (seen.version === version) return 'current';
  return seen.version < version ? 'behind' : 'ahead';
}

export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

const isBad = ({ code }: GatewayRow): number => (code === null || code === 'OK' ? 1 : 0);

/** Of one state: what the last cycle refused first, then the longest silence, then the oldest version. */
export function worstFirst(a: GatewayRow, b: GatewayRow): number {
  return (
    STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
    (a.state === 'silent' ? (a.lastPoll ?? 0) - (b.lastPoll ?? 0) : 0) ||
    isBad(a) - isBad(b) ||
    (a.version ?? 0) - (b.version ?? 0) ||
    byName(a, b)
  );
}
