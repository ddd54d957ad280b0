/**
 * What one line of an access log says, as offsets into the block that holds it. A day's log has millions of lines, so
 * one object is filled again for each. Pure.
 */

import { Block } from './block.ts';

/**
 * Kinds of the parts of a line that say nothing, or only when: a line that differs from another in them alone says the
 * same but for the time.
 */
export const VARIES = {
  /** A time in the common log format. */
  commonTime: 0,
  /** A time in any form, of the same length. */
  time: 1,
  /** A time that is a longest run of digits and dots. */
  seconds: 2,
  /** A longest run of digits and dots that says nothing. */
  digits: 3,
  /** A longest run of bytes above the space. */
  word: 4,
  /** All to the end of the line. */
  rest: 5,
} as const;
export type Varies = (typeof VARIES)[keyof typeof VARIES];
/** So many parts that vary are remembered of a line; what comes after them must be the same. */
export const MOST_VARYING = 7;

/** How the text of a field is written in the log. */
export type Escapes = 'backslash' | 'json' | 'none';

export class LogLine {
  block = new Block(0);
  /** Seconds since 1970, whole. */
  time = 0;
  status = 0;
  isGet = false;
  escapes: Escapes = 'none';
  /** Where each field begins and ends; both 0 if the line has none. */
  pathStart = 0;
  pathEnd = 0;
  agentStart = 0;
  agentEnd = 0;
  addressStart = 0;
  addressEnd = 0;
  /** The client certificate that the server verified: its subject (RFC 2253) or its CN. */
  certificateStart = 0;
  certificateEnd = 0;
  isSubject = false;
  /** The name of the token. */
  tokenStart = 0;
  tokenEnd = 0;
  /** Parts that vary, in order: where each begins and ends. */
  readonly varying: { kind: Varies; start: number; end: number }[] = Array.from({ length: MOST_VARYING }, () => ({
    kind: VARIES.rest,
    start: 0,
    end: 0,
  }));
  varyingCount = 0;

  /** The bytes [start, end) could be others of this kind, and the line would say the same but for the time. */
  vary(kind: Varies, start: number, end: number): void {
    const next = this.varying[this.varyingCount];
    if (next === undefined || start >= end) return;
    this.varyingCount++;
    next.kind = kind;
    next.start = start;
    next.end = end;
  }

  parts(): readonly Readonly<(typeof this.varying)[number]>[] {
    return this.varying.slice(0, this.varyingCount);
  }

  clear(block: Block, escapes: Escapes): void {
    this.block = block;
    this.escapes = escapes;
    this.time = 0;
    this.status = 0;
    this.isGet = false;
    this.isSubject = false;
    this.pathStart = this.pathEnd = 0;
    this.agentStart = this.agentEnd = 0;
    this.addressStart = this.addressEnd = 0;
    this.certificateStart = this.certificateEnd = 0;
    this.tokenStart = this.tokenEnd = 0;
    this.varyingCount = 0;
  }

  /** A field's text without the log's escapes, at most 1024 bytes of it. Bytes that are no UTF-8 become U+FFFD. */
  text(start: number, end: number): string {
    const { bytes } = this.block;
    const to = Math.min(end, start + 1024);
    const text = bytes.toString('utf8', start, to);
    if (this.escapes === 'none' || !text.includes('\\')) return text;
    return this.escapes === 'json' ? withoutJsonEscapes(text) : withoutBackslashes(bytes.toString('latin1', start, to));
  }
}

/** Whether [start, end) is digits and dots, and at least one. */
export function isDigits(b: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!isDigit(b[i] ?? 0)) return false;
  return end > start;
}
/** A digit or a dot. */
export const isDigit = (c: number): boolean => (c >= 0x30 && c <= 0x39) || c === 0x2e;

/** Fills the line from the bytes [start, end). @returns false if this is no line of the format. */
export type ReadLine = (line: LogLine, block: Block, start: number, end: number) => boolean;

const SHORT: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v' };

function withoutJsonEscapes(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|([^u]))/g, (_, hex: string | undefined, short = '') =>
    hex === undefined ? (SHORT[short as string] ?? (short as string)) : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** nginx writes `\xHH`; Apache also `\"`, `\\` and `\n`. */
function withoutBackslashes(raw: string): string {
  const bytes = raw.replace(/\\(?:x([0-9a-fA-F]{2})|([\s\S]))/g, (_, hex: string | undefined, short = '') =>
    hex === undefined ? (SHORT[short as string] ?? (short as string)) : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
