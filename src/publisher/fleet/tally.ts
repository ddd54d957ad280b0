/**
 * What the lines of all logs say of each gateway. Memory grows with gateways and not with lines. A line is taken apart
 * once; of lines that differ from it in the time alone only the time counts. Pure.
 */
import { type GatewayReport, parseUserAgent } from '../../bundle/fleet/user-agent.ts';
import type { Expected } from './expected.ts';
import { KnownClients } from './known-clients.ts';
import type { LogLine } from './log/log-line.ts';
import { MANIFEST, OTHER, PublishedPath, TABLE } from './log/published-path.ts';
import { type How, Refusals } from './refusals.ts';
import { noteNewest, noteTable, type Says, type Seen, unseen } from './seen.ts';
import { type Version, Versions, type Word } from './versions.ts';
import { addressOf, nameOf, plainSoftware } from './line-client.ts';
import type { Certainty } from './who.ts';

/** So many claimed names are remembered, and so many addresses; what comes after them is counted. */
export const MOST_CLAIMS = 10_000;
/** Certificates and tokens cannot be invented, but a CA may sign anything. */
const MOST_NAMED = 100_000;
/** Folders of lists that are remembered of one name. */
const MOST_PREFIXES = 8;
const NOBODY: Expected = { expected: new Set(), tokens: new Set() };
/** A line from further in the future, in seconds, says nothing of when. */
const FUTURE = 600;

/** What a line says of its client, whatever it asked for. */
interface Client extends Says {
  readonly seen: Seen;
  /** When its version was seen. */
  readonly at: Version | null;
  /** Whether it names this list; else it names none. */
  readonly isOurs: boolean;
}
/** Of another list: counted, and no more. */
const ANOTHER = 'another list';

/** What a line says but for the time. */
export type Said =
  | { readonly what: 'other' | 'status' | 'another' }
  | { readonly what: 'client'; readonly client: Client; readonly prefix: string; readonly tookTable: boolean };
type ClientSaid = Extract<Said, { what: 'client' }>;
const SAYS = { other: { what: 'other' }, status: { what: 'status' }, another: { what: 'another' } } as const;

export class Tally {
  readonly #bundle: string;
  readonly #published: number | null;
  /** Lines after it say nothing of when: seconds since 1970. */
  readonly latest: number;
  readonly #maps: Readonly<Record<Certainty, Map<string, Seen>>> = {
    certificate: new Map(),
    token: new Map(),
    claim: new Map(),
    address: new Map(),
  };
  readonly versions = new Versions();
  readonly refusals = new Refusals(MOST_CLAIMS);
  readonly #known: Expected;
  /** Folders of lists, and whether one of ours was asked for there by a gateway. */
  readonly prefixes = new Map<string, { ours: boolean; others: boolean }>();
  readonly counts = {
    /** Requests for files of this list that were answered. */
    requests: 0,
    /** Answered 401 or 403. */
    refused: 0,
    /** For the manifest, and answered with what is no manifest. */
    failed: 0,
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
  readonly #clients: KnownClients<Client | typeof ANOTHER>;

  /**
   * @param published the version that is out; null if unknown. @param now seconds since 1970. @param seed of the hash:
   *   whoever writes lines must not choose their places. @param known who is expected: an address among them counts
   *   for more than a name that is not
   */
  constructor(bundle: string, published: number | null, now: number, seed: number, known: Expected = NOBODY) {
    this.#bundle = bundle;
    this.#published = published;
    this.latest = now + FUTURE;
    this.#clients = new KnownClients(seed);
    this.#known = known;
  }

  of(by: Certainty): ReadonlyMap<string, Seen> {
    return this.#maps[by];
  }

  /** @returns what to give to `repeated` for lines that differ in the time alone; null if those must be added too. */
  add(line: LogLine): Said | null {
    const said = this.#read(line);
    if (said !== null) this.repeated(said, 1, line.time, line.time);
    return said;
  }

  /** So many lines say what one before them said, between two times: seconds since 1970, not after `latest`. */
  repeated(said: Said, lines: number, first: number, last: number): void {
    const { counts } = this;
    const { what } = said;
    if (what === 'other') {
      counts.other += lines;
      return;
    }
    this.#noteTime(first, last);
    if (what === 'client') this.#count(said, lines, first, last);
    else if (what === 'another') counts.otherBundles += lines;
    else counts.other += lines;
  }

  #noteTime(first: number, last: number): void {
    const { counts } = this;
    if (first < counts.first) counts.first = first;
    if (last > counts.last) counts.last = last;
  }

  /** Null where all was counted: the line is of the future, was refused, or is of somebody who is not remembered. */
  #read(line: LogLine): Said | null {
    const { status, time } = line;
    this.#path.read(line);
    const { kind, prefix } = this.#path;
    if (kind === OTHER) return SAYS.other;
    if (time > this.latest) {
      this.counts.future++;
      return null;
    }
    if (status === 401 || status === 403) {
      this.#refuse(line, 'refused');
      return null;
    }
    if (status !== 200 && status !== 304 && status !== 206) {
      // A cosigner asks for candidates that are not there.
      if (kind !== MANIFEST || status < 300 || prefix.endsWith('/candidate/')) return SAYS.status;
      this.#refuse(line, 'failed');
      return null;
    }
    const client = this.#clientOf(line);
    if (client === null) {
      this.#noteTime(time, time);
      return null;
    }
    if (kind === MANIFEST) {
      if (client === ANOTHER || client.isOurs) this.#notePrefix(prefix, client !== ANOTHER);
    }
    if (client === ANOTHER) return SAYS.another;
    return { what: 'client', client, prefix, tookTable: kind === TABLE && status !== 304 && line.isGet };
  }

  #count({ client, prefix, tookTable }: ClientSaid, lines: number, first: number, last: number): void {
    const { seen, version } = client;
    this.counts.requests += lines;
    seen.requests += lines;
    if (first < seen.first) seen.first = first;
    if (last > seen.last) seen.last = last;
    noteNewest(seen, client, last);
    if (version !== null) {
      const { at } = client;
      if (at !== null && first < at.first) at.first = first;
      if (version > seen.top) {
        if (this.#published === null || version <= this.#published) {
          seen.top = version;
          seen.topAt = first;
        }
      } else if (version === seen.top && first < seen.topAt) seen.topAt = first;
    }
    if (client.isOurs) seen.isOurs = true;
    else if (seen.prefixes.size < MOST_PREFIXES) seen.prefixes.add(prefix);
    if (!tookTable) return;
    seen.tables += lines;
    noteTable(seen, client, last);
    if (seen.tablePrefixes.size < MOST_PREFIXES) seen.tablePrefixes.add(prefix);
  }

  #refuse(line: LogLine, how: How): void {
    const { counts } = this;
    const { status, time } = line;
    this.#noteTime(time, time);
    const report = parseUserAgent(line.text(line.agentStart, line.agentEnd));
    if (report !== null && report.bundle !== this.#bundle) {
      counts.otherBundles++;
      return;
    }
    counts[how]++;
    const [by, name] = nameOf(line, report, this.#known.expected);
    const isExpected = this.#known.expected.has(name);
    this.refusals.note(how, by === 'address' && !isExpected ? null : name, isExpected, status, time);
  }

  /** Null where the line counts for nobody. */
  #clientOf(line: LogLine): Client | typeof ANOTHER | null {
    const found = this.#clients.find(line);
    if (found !== null) return found;
    const client = this.#apart(line);
    if (client !== null) this.#clients.keep(line, client);
    return client;
  }

  /** Takes a line apart: all of it, or only what it says otherwise than one before it did. */
  #apart(line: LogLine): Client | typeof ANOTHER | null {
    const report = parseUserAgent(line.text(line.agentStart, line.agentEnd));
    if (report !== null && report.bundle !== this.#bundle) return ANOTHER;
    const { near } = this.#clients;
    const who = near !== null && near !== ANOTHER && isSameClient(near, report) ? near : this.#whoOf(line, report);
    if (who === null) return null;
    const { seen, address } = who;
    const { by, name } = seen;
    const version = report?.installed ?? null;
    return {
      seen,
      version,
      at: version === null ? null : this.versions.of(version, this.#wordOf(by, name)),
      code: report?.last ?? null,
      software: report?.software ?? plainSoftware(line),
      says: report !== null && by !== 'claim' && report.id !== name ? report.id : null,
      address,
      isOurs: report !== null,
    };
  }

  #whoOf(line: LogLine, report: GatewayReport | null): Pick<Client, 'seen' | 'address'> | null {
    const [by, name] = nameOf(line, report, this.#known.expected);
    const address = addressOf(line);
    const seen = this.#seenOf(by, name, this.#path.kind === TABLE);
    return seen === null ? null : { seen, address: address === '' ? null : address };
  }

  #wordOf(by: Certainty, name: string): Word {
    if (by === 'certificate' || by === 'token') return 'proven';
    const { expected, tokens } = this.#known;
    return expected.has(name) && !tokens.has(name) ? 'expected' : 'claimed';
  }

  #seenOf(by: Certainty, name: string, takesTable: boolean): Seen | null {
    const map = this.#maps[by];
    const found = map.get(name);
    if (found !== undefined) return found;
    const { counts } = this;
    // Who takes a whole table is remembered longer than who only asks.
    const most = by === 'claim' ? MOST_CLAIMS : by === 'address' ? MOST_CLAIMS * (takesTable ? 2 : 1) : MOST_NAMED;
    // Whoever is expected is remembered, whatever names others have made up before.
    if (map.size >= most && !this.#known.expected.has(name)) {
      if (by === 'claim') counts.beyondClaims++;
      else if (by === 'address') counts.beyondAddresses++;
      else counts.beyondNamed++;
      return null;
    }
    const seen = unseen(name, by);
    map.set(name, seen);
    return seen;
  }

  #notePrefix(prefix: string, isOurs: boolean): void {
    const found = this.prefixes.get(prefix);
    if (found === undefined) {
      if (this.prefixes.size < 1000) this.prefixes.set(prefix, { ours: isOurs, others: !isOurs });
    } else if (isOurs) found.ours = true;
    else found.others = true;
  }
}

/** Whether a line with the certificate, token and address of this client is of it too. */
const isSameClient = ({ seen }: Client, report: GatewayReport | null): boolean =>
  seen.by === 'claim' ? report?.id === seen.name : seen.by !== 'address';
