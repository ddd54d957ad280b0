/**
 * Server access logs of S3: fields separated by spaces, in a fixed order.
 *
 *     OWNER BUCKET [TIME] ADDRESS REQUESTER ID OPERATION KEY "REQUEST" STATUS ERROR BYTES SIZE MS MS
 *     "REFERER" "AGENT" ...
 *
 * S3 escapes nothing in the quoted fields: whoever sends a `"` can shift what follows it. Nothing that follows is
 * more than a claim. Pure.
 */
import type { Block } from './block.ts';
import { statusAt } from './combined-line.ts';
import { isDigit, type LogLine, VARIES } from './log-line.ts';
import { CLF_LENGTH, type LogClock } from './log-time.ts';

const SPACE = 0x20;
const QUOTE = 0x22;

export function readS3(line: LogLine, block: Block, start: number, end: number, clock: LogClock): boolean {
  const { bytes: b } = block;
  line.clear(block, 'none');
  let at = next(b, next(b, start, end), end);
  if (b[at] !== 0x5b || b[at + CLF_LENGTH + 1] !== 0x5d) return false;
  line.time = clock.common(block, at + 1);
  if (Number.isNaN(line.time)) return false;
  line.vary(VARIES.commonTime, at + 1, at + 1 + CLF_LENGTH);
  at += CLF_LENGTH + 3;
  line.addressStart = at;
  at = next(b, at, end);
  line.addressEnd = at - 1;
  const id = next(b, at, end);
  const operation = next(b, id, end);
  line.vary(VARIES.word, id, operation - 1);
  const key = next(b, operation, end);
  const request = next(b, key, end);
  line.isGet = isGetObject(b, operation);
  line.pathStart = key;
  line.pathEnd = request - 1;
  if (b[request] !== QUOTE) return b[request] === 0x2d && end > request; // a lifecycle's, say: without a request
  at = request + 1;
  // The request ends before a quote and a status; one that the client sent has no status behind it.
  for (;;) {
    while (at < end && b[at] !== QUOTE) at++;
    if (at >= end) return false;
    line.status = b[at + 1] === SPACE ? statusAt(b, at + 2) : 0;
    if (line.status !== 0 && b[at + 5] === SPACE) break;
    at++;
  }
  at += 6;
  for (; at < end && b[at] !== QUOTE; at++) {
    const from = at;
    while (at < end && isDigit(b[at] ?? 0)) at++;
    if (at > from) line.vary(VARIES.digits, from, at--);
  }
  while (at < end && !(b[at] === QUOTE && b[at + 1] === SPACE && b[at + 2] === QUOTE)) at++;
  if (at >= end) return false;
  line.agentStart = at + 3;
  at += 3;
  while (at < end && b[at] !== QUOTE) at++;
  line.agentEnd = at;
  line.vary(VARIES.rest, at + 1, end);
  return at < end;
}

/** Where the next field begins. */
function next(b: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && b[at] !== SPACE) at++;
  return Math.min(at + 1, end);
}

const GET_OBJECT = Buffer.from('REST.GET.OBJECT ');
function isGetObject(b: Uint8Array, at: number): boolean {
  for (let i = 0; i < GET_OBJECT.length; i++) if (b[at + i] !== GET_OBJECT[i]) return false;
  return true;
}
