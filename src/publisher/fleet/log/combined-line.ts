/**
 * The combined format of Apache and nginx:
 *
 *     192.0.2.7 - - [26/Nov/2026:22:12:02 +0000] "GET /manifest.json HTTP/1.1" 304 0 "-" "relaymap/1.0 (...)"
 *
 * and what docs/operations.md adds to it for certificates and tokens: ` tls=SUCCESS dn="CN=mx1" token="mx1"`. Both
 * servers escape `"` inside a quoted field, so no client can end one. Pure.
 */
import { Block, isSame, quoteEnd } from './block.ts';
import { isDigit, isDigits, type LogLine, VARIES } from './log-line.ts';
import { CLF_LENGTH, type LogClock } from './log-time.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;

export const isGetRequest = (b: Uint8Array, at: number): boolean =>
  b[at] === 0x47 && b[at + 1] === 0x45 && b[at + 2] === 0x54 && b[at + 3] === SPACE;

/** Method and path of a request line, `GET /path HTTP/1.1`. */
export function readRequest(line: LogLine, b: Uint8Array, start: number, end: number): void {
  line.isGet = isGetRequest(b, start);
  let from = start;
  while (from < end && b[from] !== SPACE) from++;
  // ` HTTP/1.1`; a request without it is HTTP/0.9
  const has = end - from > 9 && b[end - 9] === SPACE && b[end - 8] === 0x48;
  line.pathStart = Math.min(from + 1, end);
  line.pathEnd = Math.max(line.pathStart, has ? end - 9 : end);
}

/** A status of three digits at `at`; 0 if it is none. */
export function statusAt(b: Uint8Array, at: number): number {
  const [x, y, z] = [(b[at] ?? 0) - 48, (b[at + 1] ?? 0) - 48, (b[at + 2] ?? 0) - 48];
  return x >= 1 && x <= 9 && y >= 0 && y <= 9 && z >= 0 && z <= 9 ? x * 100 + y * 10 + z : 0;
}

/** Longer requests are not remembered. */
const MOST_SAME = 512;

export class CombinedReader {
  readonly #clock: LogClock;
  readonly #isNamed: boolean;
  /**
   * What stood between the time and the User-Agent of the line before, and what it said: almost every line is the same
   * poll with the same answer.
   */
  readonly #last = new Block(MOST_SAME);
  #lastLength = 0;
  #lastPath = 0;
  #lastPathEnd = 0;
  #lastStatus = 0;
  #lastIsGet = false;

  /** @param isNamed whether what follows the User-Agent is looked at. */
  constructor(clock: LogClock, isNamed: boolean) {
    this.#clock = clock;
    this.#isNamed = isNamed;
  }

  read(line: LogLine, block: Block, start: number, end: number): boolean {
    const { bytes: b } = block;
    line.clear(block, 'backslash');
    line.addressStart = start;
    let space = start;
    while (space < end && b[space] !== SPACE) space++;
    line.addressEnd = space;
    // What comes before the first quote may hold a user name with spaces. The time stands right before the quote.
    const at = block.quote(space, end);
    const time = at - 2 - CLF_LENGTH;
    if (at >= end || time - 1 <= start || b[at - 1] !== SPACE || b[at - 2] !== 0x5d || b[time - 1] !== 0x5b)
      return false;
    line.time = this.#clock.common(block, time);
    if (Number.isNaN(line.time)) return false;
    // `ADDRESS - USER [`. Before it may be the name of a site (Apache's vhost_combined), or what syslog puts there.
    if (b[space + 1] !== DASH || b[space + 2] !== SPACE) findAddress(line, b, time - 1);
    if (line.addressEnd < time) line.vary(VARIES.commonTime, time, time + CLF_LENGTH); // else the time is a part of the address
    const length = this.#lastLength;
    if (length > 0 && at + length < end && isSame(this.#last, 0, block, at, length)) {
      line.pathStart = at + this.#lastPath;
      line.pathEnd = at + this.#lastPathEnd;
      line.status = this.#lastStatus;
      line.isGet = this.#lastIsGet;
      line.agentStart = at + length;
    } else if (!this.#readRequest(line, block, at, end)) return false;
    line.agentEnd = quoteEnd(block, line.agentStart, end);
    if (line.agentEnd >= end) return false;
    if (!this.#isNamed) line.vary(VARIES.rest, line.agentEnd + 1, end);
    else if (line.agentEnd + 1 < end) readNamed(line, block, line.agentEnd + 1, end);
    return true;
  }

  /** From the quote before the request to the quote before the User-Agent. */
  #readRequest(line: LogLine, block: Block, at: number, end: number): boolean {
    const { bytes: b } = block;
    const close = quoteEnd(block, at + 1, end);
    readRequest(line, b, at + 1, close);
    line.status = statusAt(b, close + 2);
    if (line.status === 0 || b[close + 5] !== SPACE) return false;
    const referer = block.quote(close + 6, end);
    if (referer - close > 30) return false; // between them is the size
    const refererEnd = quoteEnd(block, referer + 1, end);
    // Some write the User-Agent first, or no referer. A gateway sends none.
    if (isAt(b, referer + 1, GATEWAY)) {
      line.agentStart = referer + 1;
      this.#lastLength = 0;
      return true;
    }
    if (refererEnd >= end || b[refererEnd + 1] !== SPACE || b[refererEnd + 2] !== QUOTE) return false;
    line.agentStart = refererEnd + 3;
    const length = line.agentStart - at;
    this.#lastLength = length <= MOST_SAME ? length : 0;
    if (this.#lastLength > 0) b.copy(this.#last.bytes, 0, at, line.agentStart);
    this.#lastPath = line.pathStart - at;
    this.#lastPathEnd = line.pathEnd - at;
    this.#lastStatus = line.status;
    this.#lastIsGet = line.isGet;
    return true;
  }
}

/** The client's address where it is not the first word: the one before the first ` - `. */
function findAddress(line: LogLine, b: Buffer, end: number): void {
  if (ADDRESS.test(b.toString('latin1', line.addressStart, Math.min(line.addressEnd, line.addressStart + 64)))) return;
  let at = line.addressEnd;
  while (at < end && !(b[at] === SPACE && b[at + 1] === DASH && b[at + 2] === SPACE)) at++;
  let from = at;
  while (from > line.addressEnd && b[from - 1] !== SPACE) from--;
  if (at >= end || !ADDRESS.test(b.toString('latin1', from, Math.min(at, from + 64)))) return;
  line.addressStart = from;
  line.addressEnd = at;
}

/** Of IPv4, or of IPv6, which has two colons at least. */
const ADDRESS =
  /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|(?=.*:.*:)[0-9A-Fa-f:]{2,39}(?:\.[0-9.]{1,12})?(?:%[A-Za-z0-9.]{1,16})?)$/;

const GATEWAY = Buffer.from('relaymap/');
const TLS = Buffer.from(' tls=SUCCESS ');
const DN = Buffer.from(' dn="');
const TOKEN = Buffer.from(' token="');

const isAt = (b: Uint8Array, at: number, word: Uint8Array): boolean => {
  for (let i = 0; i < word.length; i++) if (b[at + i] !== word[i]) return false;
  return true;
};

/** Fields by name, in any order, between others that are quoted or bare. */
function readNamed(line: LogLine, block: Block, start: number, end: number): void {
  const { bytes: b } = block;
  let verified = false;
  for (let at = start; at < end; at++) {
    const c = b[at];
    if (c === QUOTE) {
      const close = quoteEnd(block, at + 1, end);
      if (isDigits(b, at + 1, close)) line.vary(VARIES.digits, at + 1, close);
      at = close;
    } else if (c !== undefined && isDigit(c)) {
      const from = at;
      while (at + 1 < end && isDigit(b[at + 1] ?? 0)) at++;
      line.vary(VARIES.digits, from, at + 1);
    } else if (c === SPACE) {
      if (isAt(b, at, TLS)) {
        verified = true;
        at += TLS.length - 2; // the space before the next
      } else if (isAt(b, at, DN)) {
        line.certificateStart = at + DN.length;
        line.certificateEnd = quoteEnd(block, line.certificateStart, end);
        at = line.certificateEnd;
      } else if (isAt(b, at, TOKEN)) {
        line.tokenStart = at + TOKEN.length;
        line.tokenEnd = quoteEnd(block, line.tokenStart, end);
        at = line.tokenEnd;
      }
    }
  }
  // A certificate that nobody verified says whatever its maker wrote into it.
  if (!verified || isNone(b, line.certificateStart, line.certificateEnd))
    line.certificateStart = line.certificateEnd = 0;
  if (isNone(b, line.tokenStart, line.tokenEnd)) line.tokenStart = line.tokenEnd = 0;
  line.isSubject = true;
}

/** Servers write `-` for nothing. */
const isNone = (b: Uint8Array, start: number, end: number): boolean =>
  end <= start || (end === start + 1 && b[start] === 0x2d);
