/**
 * What the lines of all logs say of each gateway. Memory grows with gateways and not with lines: a line whose bytes
 * that count were seen before costs a comparison; any other is taken apart. Pure.
 */
import { parseUserAgent } from '../../bundle/fleet/user-agent.ts';
import { Block, hashOf, isSame } from './log/block.ts';
import type { LogLine } from './log/log-line.ts';
import { MANIFEST, OTHER, PublishedPath, TABLE } from './log/published-path.ts';
import { CERTAINTIES, commonName, shortName, type Certainty } from './who.ts';

/** So many claimed names are remembered, and so many addresses; what comes after them is counted. */
export const MOST_CLAIMS = 10_000;
/** Certificates and tokens cannot be invented, but a CA may sign anything. */
const MOST_NAMED = 100_000;
/** Versions of which the first sight is remembered. */
const MOST_VERSIONS = 20_000;
/** A line from further in the future, in seconds, says nothing of when. */
const FUTURE = 600;

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
  /** The address of its last request that was not like the one before; null if the log has none. */
  address: string | null;
  /** Whole tables that it took, when last, and the folders that they were in. */
  tables: number;
  tableAt: number;
  prefixes: Set<string>;
  /** Requests answered 401 or 403. */
  refused: number;
}

interface Version {
  first: number;
}

/** What a line's own bytes say, kept for the next line that has the same. */
interface Known {
  readonly seen: Seen;
  readonly version: number | null;
  readonly at: Version | null;
  readonly code: string | null;
  readonly software: string | null;
}
/** Of another list: counted, and no more. */
const ANOTHER = 'another list';

/** Places for what was seen before: two for each hash. Each holds one line's agent, certificate, token and address. */
const PLACES = 1 << 17;
const KEY = 208;
/** Before the bytes of an entry: how long each of its parts is. */
const HEAD = 5;

export class Tally {
  readonly #bundle: string;
  readonly #published: number | null;
  readonly #latest: number;
  readonly #maps: Readonly<Record<Certainty, Map<string, Seen>>> = {
    certificate: new Map(),
    token: new Map(),
    claim: new Map(),
    address: new Map(),
  };
  readonly versions = new Map<number, Version>();
  /** Folders of lists, and whether one of ours was asked for there by a gateway. */
  readonly prefixes = new Map<string, { ours: boolean; others: boolean }>();
  readonly counts = {
    /** Requests for files of this list that were answered. */
    requests: 0,
    /** Answered 401 or 403. */
    refused: 0,
    /** For other paths, or with other statuses. */
    other: 0,
    otherBundles: 0,
    future: 0,
    /** Requests of names beyond those that are remembered. */
    beyondClaims: 0,
    beyondAddresses: 0,
    beyondNamed: 0,
    first: Infinity,
    last: -Infinity,
  };
  readonly #path = new PublishedPath();
  readonly #keys = new Block(PLACES * KEY);
  readonly #known: (Known | typeof ANOTHER | null)[] = Array.from({ length: PLACES }, () => null);
  readonly #seed: number;

  /**
   * @param published the version that is out; null if unknown. @param now seconds since 1970. @param seed of the hash:
   *   whoever writes lines must not choose their places.
   */
  constructor(bundle: string, published: number | null, now: number, seed: number) {
    this.#bundle = bundle;
    this.#published = published;
    this.#latest = now + FUTURE;
    this.#seed = seed | 0;
  }

  of(by: Certainty): ReadonlyMap<string, Seen> {
    return this.#maps[by];
  }

  add(line: LogLine): void {
    const { counts } = this;
    const { status, time } = line;
    this.#path.read(line);
    const { kind } = this.#path;
    if (kind === OTHER) {
      counts.other++;
      return;
    }
    if (time > this.#latest) {
      counts.future++;
      return;
    }
    if (time < counts.first) counts.first = time;
    if (time > counts.last) counts.last = time;
    if (status !== 200 && status !== 304 && status !== 206) {
      if (status === 401 || status === 403) this.#refuse(line);
      else counts.other++;
      return;
    }
    const known = this.#knownOf(line);
    if (known === ANOTHER) counts.otherBundles++;
    if (known === null || known === ANOTHER) return;
    const { seen, version } = known;
    counts.requests++;
    seen.requests++;
    if (time < seen.first) seen.first = time;
    if (time >= seen.last) {
      seen.last = time;
      if (version !== null) {
        seen.version = version;
        seen.code = known.code;
      }
      if (known.software !== null) seen.software = known.software;
    }
    if (version !== null) {
      const { at } = known;
      if (at !== null && time < at.first) at.first = time;
      if (version > seen.top) {
        if (this.#published === null || version <= this.#published) {
          seen.top = version;
          seen.topAt = time;
        }
      } else if (version === seen.top && time < seen.topAt) seen.topAt = time;
    }
    if (kind === TABLE && status !== 304 && line.isGet) {
      seen.tables++;
      if (time > seen.tableAt) seen.tableAt = time;
      if (seen.prefixes.size < 8) seen.prefixes.add(this.#path.prefix);
    }
  }

  /** Only names that are known already: whoever is refused must not fill the memory. */
  #refuse(line: LogLine): void {
    this.counts.refused++;
    const report = parseUserAgent(line.text(line.agentStart, line.agentEnd));
    if (report === null || report.bundle !== this.#bundle) return;
    for (const by of CERTAINTIES) {
      const seen = this.#maps[by].get(report.id);
      if (seen !== undefined && by !== 'address') seen.refused++;
    }
  }

  /** Null where the line counts for nobody. */
  #knownOf(line: LogLine): Known | typeof ANOTHER | null {
    const place = this.#place(line);
    if (place < 0) return this.#apart(line);
    const found = this.#known[place] ?? null;
    if (found !== null) return found;
    const known = this.#apart(line);
    this.#known[place] = known;
    return known;
  }

  /**
   * The place for the bytes of the line that say who and what: with the entry that has the same bytes, or emptied and
   * with these bytes. -1 if they are too long for one. Where there is a certificate, a token or a name, the address
   * does not say who it is.
   */
  #place(line: LogLine): number {
    const { block, agentStart, agentEnd, certificateStart, certificateEnd, tokenStart, tokenEnd } = line;
    const agent = agentEnd - agentStart;
    const certificate = certificateEnd - certificateStart;
    const token = tokenEnd - tokenStart;
    const isNamed = certificate + token > 0 || (agent > 0 && block.bytes[agentEnd - 1] === 0x29);
    const address = isNamed ? 0 : line.addressEnd - line.addressStart;
    const size = HEAD + agent + certificate + token + address;
    if (size > KEY) return -1;
    // The end of a User-Agent has the name. All bytes are compared afterwards.
    let hash = hashOf(block, Math.max(agentStart, agentEnd - 16), agentEnd, this.#seed);
    hash = hashOf(block, certificateStart, certificateEnd, hash);
    if (token > 0) hash = hashOf(block, tokenStart, tokenEnd, hash);
    if (address > 0) hash = hashOf(block, line.addressStart, line.addressEnd, hash);
    const head = agent | (certificate << 8) | (token << 16) | (Number(line.isSubject) << 24);
    const first = (hash >>> 0) % PLACES;
    if (this.#isAt(first, line, head, address)) return first;
    const second = first ^ 1;
    if (this.#isAt(second, line, head, address)) return second;
    // The newer one of two is in the first place.
    this.#keys.bytes.copyWithin(second * KEY, first * KEY, first * KEY + KEY);
    this.#known[second] = this.#known[first] ?? null;
    this.#put(first, line, head, address);
    return first;
  }

  #isAt(place: number, line: LogLine, head: number, address: number): boolean {
    const keys = this.#keys;
    let at = place * KEY;
    if (keys.view.getInt32(at) !== head || keys.bytes[at + 4] !== address || this.#known[place] === null) return false;
    at += HEAD;
    const { block } = line;
    const agent = line.agentEnd - line.agentStart;
    if (!isSame(keys, at, block, line.agentStart, agent)) return false;
    at += agent;
    const certificate = line.certificateEnd - line.certificateStart;
    if (!isSame(keys, at, block, line.certificateStart, certificate)) return false;
    at += certificate;
    const token = line.tokenEnd - line.tokenStart;
    if (!isSame(keys, at, block, line.tokenStart, token)) return false;
    return isSame(keys, at + token, block, line.addressStart, address);
  }

  #put(place: number, line: LogLine, head: number, address: number): void {
    const keys = this.#keys;
    const { bytes } = line.block;
    let at = place * KEY;
    keys.view.setInt32(at, head);
    keys.bytes[at + 4] = address;
    at += HEAD;
    at += bytes.copy(keys.bytes, at, line.agentStart, line.agentEnd);
    at += bytes.copy(keys.bytes, at, line.certificateStart, line.certificateEnd);
    at += bytes.copy(keys.bytes, at, line.tokenStart, line.tokenEnd);
    bytes.copy(keys.bytes, at, line.addressStart, line.addressStart + address);
    this.#known[place] = null;
  }

  /** Takes a line apart. */
  #apart(line: LogLine): Known | typeof ANOTHER | null {
    const report = parseUserAgent(line.text(line.agentStart, line.agentEnd));
    const { kind, prefix } = this.#path;
    if (report !== null && kind === MANIFEST) this.#notePrefix(prefix, report.bundle === this.#bundle);
    if (report !== null && report.bundle !== this.#bundle) return ANOTHER;
    const address = line.text(line.addressStart, line.addressEnd);
    const certificate = this.#certificate(line);
    const token = line.text(line.tokenStart, line.tokenEnd);
    const [by, name]: [Certainty, string] =
      certificate !== ''
        ? ['certificate', certificate]
        : token !== ''
          ? ['token', token]
          : report !== null
            ? ['claim', report.id]
            : ['address', address === '' ? 'unknown' : address];
    const seen = this.#seenOf(by, shortName(name), kind === TABLE);
    if (seen === null) return null;
    if (report !== null && by !== 'claim' && report.id !== name) seen.says = report.id;
    if (address !== '') seen.address = shortName(address);
    const version = report?.installed ?? null;
    const at = version === null ? null : this.#versionOf(version);
    return { seen, version, at, code: report?.last ?? null, software: report?.software ?? plainSoftware(line) };
  }

  #certificate(line: LogLine): string {
    const text = line.text(line.certificateStart, line.certificateEnd);
    return line.isSubject ? (commonName(text) ?? '') : text;
  }

  #seenOf(by: Certainty, name: string, takesTable: boolean): Seen | null {
    const map = this.#maps[by];
    const found = map.get(name);
    if (found !== undefined) return found;
    const { counts } = this;
    // Who takes a whole table is remembered longer than who only asks.
    const most = by === 'claim' ? MOST_CLAIMS : by === 'address' ? MOST_CLAIMS * (takesTable ? 2 : 1) : MOST_NAMED;
    if (map.size >= most) {
      if (by === 'claim') counts.beyondClaims++;
      else if (by === 'address') counts.beyondAddresses++;
      else counts.beyondNamed++;
      return null;
    }
    const seen = unseen(name, by);
    map.set(name, seen);
    return seen;
  }

  #versionOf(version: number): Version | null {
    const found = this.versions.get(version);
    if (found !== undefined) return found;
    if (this.versions.size >= MOST_VERSIONS) return null;
    const made = { first: Infinity };
    this.versions.set(version, made);
    return made;
  }

  #notePrefix(prefix: string, isOurs: boolean): void {
    const found = this.prefixes.get(prefix);
    if (found === undefined) {
      if (this.prefixes.size < 1000) this.prefixes.set(prefix, { ours: isOurs, others: !isOurs });
    } else if (isOurs) found.ours = true;
    else found.others = true;
  }
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

/** The first word of a User-Agent that is no gateway's: `curl/8.0`. */
function plainSoftware(line: LogLine): string | null {
  const [word = ''] = line.text(line.agentStart, line.agentEnd).split(' ');
  return word === '' || word === '-' ? null : shortName(word).slice(0, 64);
}
