/**
 * What the page says of the fleet: a row for each gateway, worst first; names that are only claimed; strangers that
 * took a whole table; how fast the last version spread. Told the time. Pure.
 */
import { unseen, type Seen } from './seen.ts';
import type { Tally } from './tally.ts';
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
  readonly lastPoll: number | null;
  readonly code: string | null;
  readonly held: boolean;
  readonly software: string | null;
  readonly requests: number;
  readonly refused: number;
  readonly tables: number;
  /** Another name that it gives itself. */
  readonly says: string | null;
  /** Requests of others who only claim to be it. */
  readonly claimed: number;
}

export interface Stranger {
  readonly name: string;
  readonly by: Certainty;
  readonly address: string | null;
  readonly tables: number;
  readonly last: number;
  readonly software: string | null;
  /** It gives the name of a gateway whose certificate or token it does not have. */
  readonly posesAs: string | null;
}

export interface Claim {
  readonly name: string;
  readonly version: number | null;
  readonly last: number;
  readonly requests: number;
  readonly address: string | null;
  readonly software: string | null;
  /** A gateway has this name by certificate or token, and this was not it. */
  readonly isTaken: boolean;
}

export interface Spread {
  /** Seconds from the publish until half, and 95 of 100, of all gateways had it; null if they have not yet. */
  readonly half: number | null;
  readonly most: number | null;
  /** Seconds after the publish at which each gateway was first seen with it, in order. */
  readonly after: readonly number[];
  readonly of: number;
}

export interface Fleet {
  readonly bundle: string;
  /** Seconds since 1970. */
  readonly now: number;
  /** The published version; where nothing is known of it, the highest that a gateway says. */
  readonly version: number | null;
  readonly publishedAt: number | null;
  readonly isVersionKnown: boolean;
  readonly rows: readonly GatewayRow[];
  readonly counts: Readonly<Record<State, number>>;
  /** Whether the rows are by the gateways' own word alone: nobody is expected, and none has certificate or token. */
  readonly isByClaim: boolean;
  readonly spread: Spread | null;
  readonly strangers: readonly Stranger[];
  readonly claims: readonly Claim[];
  /** Clients without a name that asked for this list. */
  readonly addresses: number;
  readonly silentAfter: number;
  readonly tally: Tally['counts'];
}

export interface Known {
  readonly bundle: string;
  /** What is out, and since when in seconds since 1970; null if unknown. */
  readonly published: { readonly version: number; readonly at: number } | null;
  /** Names by which gateways are expected. */
  readonly expected: ReadonlySet<string>;
  /** Those of them that have a token of their own: a claim of their name does not count. */
  readonly tokens: ReadonlySet<string>;
  /** Seconds. */
  readonly silentAfter: number;
}

export function judgeFleet(tally: Tally, known: Known, now: number): Fleet {
  const people = gatewaysOf(tally, known);
  const { published } = known;
  const highest = people.gateways.reduce((most, { seen }) => Math.max(most, seen.version ?? 0), 0);
  const version = published?.version ?? (highest > 0 ? highest : null);
  const publishedAt = published?.at ?? (version === null ? null : (tally.versions.get(version)?.first ?? null));
  const rows = people.gateways
    .map(({ seen, claimed }) => rowOf(seen, claimed, tally, known, version, publishedAt, now))
    .sort(worstFirst);
  const counts = Object.fromEntries(
    STATES.map((state) => [state, rows.filter((row) => row.state === state).length]),
  ) as Record<State, number>;
  const spread = version === null || publishedAt === null ? null : spreadOf(people.gateways, version, publishedAt);
  return {
    bundle: known.bundle,
    now,
    version,
    publishedAt,
    isVersionKnown: published !== null,
    rows,
    counts,
    isByClaim: people.isByClaim,
    spread,
    strangers: strangersOf(tally, people),
    claims: people.claims
      .map(({ seen, isTaken }) => ({ ...claimOf(seen), isTaken }))
      .sort((a, b) => Number(b.isTaken) - Number(a.isTaken) || b.last - a.last || byName(a, b)),
    addresses: [...tally.of('address').values()].filter((seen) => !people.names.has(seen.name) && isOurs(seen, tally))
      .length,
    silentAfter: known.silentAfter,
    tally: tally.counts,
  };
}

interface People {
  /** What was seen of each gateway by its strongest certainty, and how often others claimed its name. */
  readonly gateways: readonly { readonly seen: Seen; readonly claimed: number }[];
  readonly names: ReadonlySet<string>;
  /** Certificates and tokens that nobody expects, where somebody is expected. */
  readonly unexpected: readonly Seen[];
  readonly claims: readonly { readonly seen: Seen; readonly isTaken: boolean }[];
  readonly isByClaim: boolean;
}

function gatewaysOf(tally: Tally, { expected, tokens }: Known): People {
  const certificates = tally.of('certificate');
  const named = tally.of('token');
  const claims = tally.of('claim');
  const strong = new Set([...certificates.keys(), ...named.keys(), ...tokens]);
  const isByClaim = expected.size === 0 && strong.size === 0;
  const names = new Set([...expected, ...strong, ...(isByClaim ? claims.keys() : [])]);
  const gateways = [...names].map((name) => {
    const both = [certificates.get(name), named.get(name)].filter((seen) => seen !== undefined);
    const weak = claims.get(name);
    const seen = strong.has(name)
      ? both.reduce<Seen | null>((one, other) => (one === null ? other : merged(one, other)), null)
      : (weak ?? tally.of('address').get(name) ?? null);
    return { seen: seen ?? unseen(name, 'address'), claimed: strong.has(name) ? (weak?.requests ?? 0) : 0 };
  });
  const unexpected = [...certificates.values(), ...named.values()].filter(
    ({ name }) => expected.size > 0 && !expected.has(name),
  );
  const apart = [...claims.values()].filter(({ name }) => strong.has(name) || !names.has(name));
  return {
    gateways,
    names,
    unexpected,
    claims: apart.map((seen) => ({ seen, isTaken: strong.has(seen.name) })),
    isByClaim,
  };
}

/** One gateway that was seen by its certificate and by its token. */
function merged(one: Seen, other: Seen): Seen {
  const [newer, older] = one.last >= other.last ? [one, other] : [other, one];
  const top = one.top === other.top ? Math.min(one.topAt, other.topAt) : (one.top > other.top ? one : other).topAt;
  return {
    ...newer,
    by: 'certificate',
    version: newer.version ?? older.version,
    code: newer.version === null ? older.code : newer.code,
    requests: one.requests + other.requests,
    refused: one.refused + other.refused,
    tables: one.tables + other.tables,
    tableAt: Math.max(one.tableAt, other.tableAt),
    first: Math.min(one.first, other.first),
    top: Math.max(one.top, other.top),
    topAt: top,
  };
}

function rowOf(
  seen: Seen,
  claimed: number,
  tally: Tally,
  { expected, silentAfter }: Known,
  version: number | null,
  publishedAt: number | null,
  now: number,
): GatewayRow {
  const isSeen = seen.requests > 0;
  const at = seen.version === null ? null : (tally.versions.get(seen.version)?.first ?? null);
  return {
    name: seen.name,
    by: isSeen ? seen.by : null,
    expected: expected.has(seen.name),
    state: stateOf(seen, version, silentAfter, now),
    version: seen.version,
    versionAt: seen.version !== null && seen.version === version ? publishedAt : finite(at),
    lastPoll: isSeen ? seen.last : null,
    code: seen.code,
    held: seen.code === 'HELD',
    software: seen.software,
    requests: seen.requests,
    refused: seen.refused,
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

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

const isBad = ({ code }: GatewayRow): number => (code === null || code === 'OK' ? 1 : 0);

/** Of one state: what the last cycle refused first, then the longest silence, then the oldest version. */
function worstFirst(a: GatewayRow, b: GatewayRow): number {
  return (
    STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
    (a.state === 'silent' ? (a.lastPoll ?? 0) - (b.lastPoll ?? 0) : 0) ||
    isBad(a) - isBad(b) ||
    (a.version ?? 0) - (b.version ?? 0) ||
    byName(a, b)
  );
}

function spreadOf(gateways: People['gateways'], version: number, publishedAt: number): Spread {
  const after = gateways
    .filter(({ seen }) => seen.top >= version && Number.isFinite(seen.topAt))
    .map(({ seen }) => Math.max(0, seen.topAt - publishedAt))
    .sort((a, b) => a - b);
  const of = gateways.length;
  const at = (share: number): number | null => (of === 0 ? null : (after[Math.ceil(of * share) - 1] ?? null));
  return { half: at(0.5), most: at(0.95), after, of };
}

/** Who took whole tables of this list, and is no gateway of it. */
function strangersOf(tally: Tally, people: People): Stranger[] {
  const addresses = [...tally.of('address').values()].filter(({ name }) => !people.names.has(name));
  const all = [...people.claims.map(({ seen }) => seen), ...addresses, ...people.unexpected];
  const taken = new Set(people.claims.filter(({ isTaken }) => isTaken).map(({ seen }) => seen));
  return all
    .filter((seen) => seen.tables > 0 && isOurs(seen, tally))
    .map((seen) => ({
      name: seen.name,
      by: seen.by,
      address: seen.address,
      tables: seen.tables,
      last: seen.tableAt,
      software: seen.software,
      posesAs: taken.has(seen) ? seen.name : null,
    }))
    .sort((a, b) => b.last - a.last || byName(a, b));
}

/** Whoever names no list may have asked for another list's folder. */
function isOurs({ by, prefixes }: Seen, tally: Tally): boolean {
  if (by === 'claim' || prefixes.size === 0) return true;
  return [...prefixes].some((prefix) => {
    const known = tally.prefixes.get(prefix);
    return known === undefined || known.ours || !known.others;
  });
}

const claimOf = (seen: Seen): Omit<Claim, 'isTaken'> => ({
  name: seen.name,
  version: seen.version,
  last: seen.last,
  requests: seen.requests,
  address: seen.address,
  software: seen.software,
});
