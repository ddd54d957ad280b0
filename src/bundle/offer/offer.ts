/**
 * Judges a verified manifest before anything else is fetched: the first refusal of a fixed order wins
 * (docs/commands.md section 2.4). It is told the time and what is known; it fetches and remembers nothing. Pure.
 */
import { OfferError } from '../../errors.ts';
import { judgingTime, MOST_AHEAD } from './clock.ts';
import { isoTime, nextHopsOf, type NextHopsOffer, type TableEntry } from './manifest.ts';
import type { VerifiedManifest } from '../trust/verify.ts';
import { MAX_CDB, cdbBytes } from '../table/cdb-size.ts';

/** A payload seen before, by version and SHA-256. */
export interface Seen {
  readonly version: number;
  readonly digest: string;
}

export interface OfferRules {
  readonly name: string;
  /** The highest version ever kept here, or set by a key ring step; null if none. */
  readonly floor: { readonly version: number; readonly digest?: string } | null;
  /** Verified payloads met at or above the floor, installed or not. */
  readonly seen: readonly Seen[];
  /** This host's clock. */
  readonly now: Date;
  /** `created` of the installed manifest. */
  readonly installedCreated: Date | null;
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Bytes of the maps' value, for the size of the cdb. */
  readonly valueBytes: number;
  /** Whether this gateway asks for next hops; without it nothing is looked at of theirs. */
  readonly asksNextHops?: boolean;
}

declare const accepted: unique symbol;
export interface AcceptedOffer extends VerifiedManifest {
  readonly [accepted]: true;
  /** Null where they are not asked for. */
  readonly nextHops: NextHopsOffer | null;
}

/**
 * @throws ManifestError of what is said of next hops, where they are asked for; OfferError, the first of WRONG_NAME,
 * ROLLBACK, EQUIVOCATION, NOT_YET, EXPIRED, OVER_LIMIT, EMPTY.
 */
export function judgeOffer(offer: VerifiedManifest, rules: OfferRules): AcceptedOffer {
  const { manifest: m, digest } = offer;
  const nextHops = rules.asksNextHops === true ? nextHopsOf(m) : null;
  if (m.name !== rules.name)
    throw new OfferError('WRONG_NAME', `the list that came is "${m.name}", this bundle is "${rules.name}"`);
  if (rules.floor !== null && m.version < rules.floor.version) {
    throw new OfferError(
      'ROLLBACK',
      `version ${m.version} is offered, and version ${rules.floor.version} was here before`,
    );
  }
  const other = rules.seen.find((s) => s.version === m.version && s.digest !== digest);
  if (other !== undefined) {
    throw new OfferError(
      'EQUIVOCATION',
      `two signed payloads of version ${m.version}: ${digest.slice(0, 16)} and ${other.digest.slice(0, 16)}`,
    );
  }
  if (m.created.getTime() > rules.now.getTime() + MOST_AHEAD) {
    throw new OfferError(
      'NOT_YET',
      `version ${m.version} was created ${isoTime(m.created)}, it is ${isoTime(rules.now)}: one of the clocks is wrong`,
    );
  }
  const now = judgingTime(rules.now, rules.installedCreated);
  if (now >= m.expires) {
    throw new OfferError('EXPIRED', `version ${m.version} expired ${isoTime(m.expires)}, it is ${isoTime(now)}`);
  }
  const t = m.tables.recipients;
  requireWithin(t, rules, rules.valueBytes, '');
  if (nextHops?.entry != null) requireWithin(nextHops.entry, rules, ROUTE_BYTES, ' of next hops');
  if (t.rows === 0) throw new OfferError('EMPTY', `version ${m.version} has no rows; an empty map rejects all mail`);
  return { ...offer, nextHops } as AcceptedOffer;
}

/** What a map may add to a next hop at most. */
const ROUTE_BYTES = 32;

function requireWithin(t: TableEntry, { maxRows, maxBytes }: OfferRules, valueBytes: number, what: string): void {
  const over = (message: string) => new OfferError('OVER_LIMIT', message);
  if (t.rows > maxRows) throw over(`${t.rows} rows${what}, max_rows is ${maxRows}`);
  if (t.bytes > maxBytes) throw over(`${t.bytes} bytes${what}, max_bytes is ${maxBytes}`);
  const cdb = cdbBytes(t.rows, Math.max(0, t.bytes - t.rows), valueBytes);
  if (cdb > MAX_CDB) throw over(`the cdb${what} would have ${cdb} bytes, its format ends at ${MAX_CDB}`);
}
