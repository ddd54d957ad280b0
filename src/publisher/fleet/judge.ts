/**
 * What the page says of the fleet: a row for each gateway, worst first; names that are only claimed; strangers that
 * took a whole table; how fast the last version spread. Told the time. Pure.
 */
import { byName, rowOf, STATES, worstFirst, type GatewayRow, type State } from './row.ts';
import { unseen, type Seen } from './seen.ts';
import type { Tally } from './tally.ts';
import type { Word } from './versions.ts';
import type { Certainty } from './who.ts';

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
  /** Status of the last request for the manifest that failed; 0 if none did. */
  readonly lastFailure: number;
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
  const all: readonly Word[] = people.isByClaim ? ['claimed'] : ['proven', 'expected'];
  const publishedAt = published?.at ?? (version === null ? null : tally.versions.first(version, all));
  const below = version ?? 0;
  const newer = { proven: tally.versions.newer(['proven'], below), all: tally.versions.newer(all, below) };
  const rows = people.gateways
    .map(({ seen, claimed }) => {
      const isProven = seen.by === 'certificate' || seen.by === 'token';
      const [refused, isExpected] = [tally.refusals.of(seen.name), known.expected.has(seen.name)];
      const runs = seen.version;
      const said = runs === null ? null : tally.versions.first(runs, isProven ? ['proven'] : all);
      const after = runs === null ? null : (isProven ? newer.proven : newer.all)(runs);
      const versionAt = runs !== null && runs === version ? publishedAt : said;
      const newerAt = Math.min(after ?? Infinity, publishedAt ?? Infinity);
      const facts = { seen, claimed, refused, isExpected, versionAt, newerAt: newerAt === Infinity ? null : newerAt };
      return rowOf(facts, version, known.silentAfter, now);
    })
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
    addresses: [...tally.of('address').values()].filter(
      (seen) => !people.names.has(seen.name) && isOurs(seen, tally, seen.prefixes),
    ).length,
    silentAfter: known.silentAfter,
    lastFailure: tally.refusals.failedStatus,
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
  // Who named no list, and asked in the folders of others alone, is a gateway of others.
  const ours = (all: ReadonlyMap<string, Seen>) =>
    new Map([...all].filter(([, seen]) => isOurs(seen, tally, seen.prefixes)));
  const certificates = ours(tally.of('certificate'));
  const named = ours(tally.of('token'));
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
  const unexpected = [...tally.of('certificate').values(), ...tally.of('token').values()].filter(
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
    tables: one.tables + other.tables,
    tableAt: Math.max(one.tableAt, other.tableAt),
    first: Math.min(one.first, other.first),
    top: Math.max(one.top, other.top),
    topAt: top,
  };
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
    .filter((seen) => seen.tables > 0 && isOurs(seen, tally, seen.tablePrefixes))
    .map((seen) => ({
      name: seen.name,
      by: seen.by,
      address: seen.tableAddress,
      tables: seen.tables,
      last: seen.tableAt,
      software: seen.tableSoftware,
      posesAs: taken.has(seen) ? seen.name : null,
    }))
    .sort((a, b) => b.last - a.last || byName(a, b));
}

/** Whoever names no list may have asked in another list's folder. */
function isOurs(seen: Seen, tally: Tally, prefixes: ReadonlySet<string>): boolean {
  if (seen.isOurs || prefixes.size === 0) return true;
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
