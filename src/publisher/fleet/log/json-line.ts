/**
 * JSON lines: those of `relaymap-publish serve` (docs/commands.md section 3.2), of Caddy, and of nginx with
 * `escape=json`. Reads the fields it knows and steps over all others. Which object a field is in counts: Caddy logs
 * the names of a client's headers, and a header named `status` is no status. Pure.
 */
import { Block, quoteEnd } from './block.ts';
import { isGetRequest, readRequest, statusAt } from './combined-line.ts';
import { isDigits, type LogLine, VARIES } from './log-line.ts';
import type { LogClock } from './log-time.ts';

const QUOTE = 0x22;

/** The object that a field is in. */
type Place = 'top' | 'request' | 'headers' | 'tls' | 'other';
type Field =
  | 'time'
  | 'status'
  | 'method'
  | 'path'
  | 'request'
  | 'agent'
  | 'address'
  | 'verify'
  | 'subject'
  | 'cn'
  | 'token'
  | 'bundle';

/** Names of fields, by their place. A value that is an object leads to the place named `in`. */
const NAMES: Readonly<Record<Place, Readonly<Record<string, Field>>>> = {
  top: {
    ts: 'time',
    time: 'time',
    time_iso8601: 'time',
    time_local: 'time',
    timestamp: 'time',
    '@timestamp': 'time',
    msec: 'time',
    status: 'status',
    method: 'method',
    request_method: 'method',
    path: 'path',
    uri: 'path',
    request_uri: 'path',
    request: 'request',
    userAgent: 'agent',
    agent: 'agent',
    user_agent: 'agent',
    http_user_agent: 'agent',
    remote_addr: 'address',
    remote_ip: 'address',
    ip: 'address',
    ssl_client_verify: 'verify',
    ssl_client_s_dn: 'subject',
    cn: 'cn',
    certificate: 'cn',
    token: 'token',
  },
  // Behind a proxy that Caddy trusts, `client_ip` comes after `remote_ip` and is whom the proxy speaks for.
  request: { remote_ip: 'address', client_ip: 'address', remote_addr: 'address', method: 'method', uri: 'path' },
  headers: { 'User-Agent': 'agent' },
  tls: { client_common_name: 'cn' },
  other: {},
};
const INSIDE: Readonly<Record<Place, Readonly<Record<string, Place>>>> = {
  top: { request: 'request' },
  request: { headers: 'headers', tls: 'tls' },
  headers: {},
  tls: {},
  other: {},
};

interface Name {
  readonly bytes: Uint8Array;
  readonly field: Field | null;
  readonly inside: Place;
}
/** The same by place and length. */
const BY_LENGTH = new Map<Place, Name[][]>(
  (Object.keys(NAMES) as Place[]).map((place) => {
    const lists: Name[][] = Array.from({ length: 32 }, () => []);
    for (const name of new Set([...Object.keys(NAMES[place]), ...Object.keys(INSIDE[place])])) {
      const entry = {
        bytes: Buffer.from(name),
        field: NAMES[place][name] ?? null,
        inside: INSIDE[place][name] ?? 'other',
      };
      lists[name.length]?.push(entry);
    }
    return [place, lists];
  }),
);
const UNKNOWN: Name = { bytes: new Uint8Array(0), field: null, inside: 'other' };
const MOST_DEPTH = 32;
const MOST_PREFIX = 256;
const NONE: Name[] = [];

function nameOf(lists: readonly Name[][], b: Uint8Array, start: number, end: number): Name {
  const length = end - start;
  const found = length < 32 ? (lists[length] ?? NONE) : NONE;
  for (const name of found) {
    let i = 0;
    while (i < length && b[start + i] === name.bytes[i]) i++;
    if (i === length) return name;
  }
  return UNKNOWN;
}

/** Where the object begins in a line of syslog or journalctl, `Nov 26 22:12:02 host caddy[7]: {`; -1 if it is none. */
function afterPrefix(b: Uint8Array, start: number, end: number): number {
  const last = Math.min(end, start + MOST_PREFIX);
  for (let at = start; at < last && b[at] !== QUOTE; at++)
    if (b[at] === 0x7b) return b[at - 1] === 0x20 && b[at - 2] === 0x3a ? at : -1;
  return -1;
}

/** Reads one object; the fields found are left in the line. */
export class JsonReader {
  readonly #clock: LogClock;
  #line!: LogLine;
  #block = new Block(0);
  #b: Uint8Array = new Uint8Array(0);
  #end = 0;
  #time = NaN;
  #isVerified = false;
  #hasPath = false;
  #hasMethod = false;

  constructor(clock: LogClock) {
    this.#clock = clock;
  }

  read(line: LogLine, block: Block, start: number, end: number): boolean {
    const { bytes: b } = block;
    line.clear(block, 'json');
    this.#block = block;
    this.#line = line;
    this.#b = b;
    this.#end = end;
    this.#time = NaN;
    this.#isVerified = false;
    this.#hasPath = false;
    this.#hasMethod = false;
    const brace = b[start] === 0x7b ? start : afterPrefix(b, start, end);
    if (brace < 0) return false;
    const at = this.#object(brace + 1, 'top', 1);
    if (at !== end || Number.isNaN(this.#time) || line.status === 0 || !this.#hasPath) return false;
    // A log that does not say how it was asked for: who got a table is not to be missed.
    if (!this.#hasMethod) line.isGet = true;
    if (line.isSubject && !this.#isVerified) line.certificateStart = line.certificateEnd = 0;
    line.time = this.#time;
    return true;
  }

  /** @returns the place after its end; -1 if it is not whole. */
  #object(from: number, place: Place, depth: number): number {
    const b = this.#b;
    const end = this.#end;
    const lists = BY_LENGTH.get(place) ?? [];
    let at = from;
    for (;;) {
      let c = b[at];
      while (at < end && (c === 0x20 || c === 0x2c)) c = b[++at];
      if (at >= end) return -1;
      if (c === 0x7d) return at + 1;
      if (c !== QUOTE) return -1;
      const close = quoteEnd(this.#block, at + 1, end);
      const name = nameOf(lists, b, at + 1, close);
      at = close + 1;
      while (at < end && b[at] === 0x20) at++;
      if (b[at] !== 0x3a) return -1;
      at++;
      while (at < end && b[at] === 0x20) at++;
      at = this.#value(at, name, depth);
      if (at < 0) return -1;
    }
  }

  #value(at: number, name: Name, depth: number): number {
    const b = this.#b;
    const end = this.#end;
    const c = b[at];
    // Also where it is null.
    if (name.field === 'path' || (name.field === 'request' && c !== 0x7b)) this.#hasPath = true;
    if (c === QUOTE) {
      const close = quoteEnd(this.#block, at + 1, end);
      if (close >= end) return -1;
      if (name.field !== null) this.#take(name.field, at + 1, close);
      else if (isDigits(b, at + 1, close)) this.#line.vary(VARIES.digits, at + 1, close);
      return close + 1;
    }
    if (c === 0x7b) return depth >= MOST_DEPTH ? -1 : this.#object(at + 1, name.inside, depth + 1);
    if (c === 0x5b) return depth >= MOST_DEPTH ? -1 : this.#array(at + 1, name, depth + 1);
    let to = at;
    for (let d = b[to]; to < end && d !== 0x2c && d !== 0x7d && d !== 0x5d && d !== 0x20; d = b[++to]);
    if (to === at || to >= end) return -1;
    // A number; `null` says nothing.
    if (name.field === null) {
      if (isDigits(b, at, to)) this.#line.vary(VARIES.digits, at, to);
    } else if (c !== 0x6e) this.#take(name.field, at, to);
    return to;
  }

  /** The first element stands for the whole: a header that a client sent twice. */
  #array(from: number, name: Name, depth: number): number {
    const b = this.#b;
    let at = from;
    let each = name;
    for (;;) {
      while (at < this.#end && (b[at] === 0x20 || b[at] === 0x2c)) at++;
      if (at >= this.#end) return -1;
      if (b[at] === 0x5d) return at + 1;
      at = this.#value(at, each, depth);
      if (at < 0) return -1;
      each = UNKNOWN;
    }
  }

  #take(field: Field, start: number, end: number): void {
    const line = this.#line;
    const b = this.#b;
    switch (field) {
      case 'time':
        this.#time = this.#clock.any(this.#block, start, end);
        if (isDigits(b, start, end)) line.vary(VARIES.seconds, start, end);
        else if (b[start - 1] === QUOTE) line.vary(VARIES.time, start, end);
        break;
      case 'status':
        line.status = end - start === 3 ? statusAt(b, start) : 0;
        break;
      case 'method':
        line.isGet = end - start === 3 && b[start] === 0x47 && b[start + 1] === 0x45 && b[start + 2] === 0x54;
        this.#hasMethod = true;
        break;
      case 'path':
        line.pathStart = start;
        line.pathEnd = end;
        break;
      case 'request':
        if (line.pathEnd === 0) readRequest(line, b, start, end);
        else if (!this.#hasMethod) line.isGet = isGetRequest(b, start);
        this.#hasMethod = true;
        break;
      case 'agent':
        line.agentStart = start;
        line.agentEnd = end;
        break;
      case 'address':
        line.addressStart = start;
        line.addressEnd = end;
        break;
      case 'verify':
        this.#isVerified = this.#block.bytes.toString('latin1', start, end) === 'SUCCESS';
        break;
      case 'subject':
      case 'cn':
        line.certificateStart = start;
        line.certificateEnd = end;
        line.isSubject = field === 'subject';
        break;
      case 'token':
        line.tokenStart = start;
        line.tokenEnd = end;
        break;
    }
  }
}
