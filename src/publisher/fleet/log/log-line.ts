/**
 * What one line of an access log says, as offsets into the block that holds it. A day's log has millions of lines, so
 * one object is filled again for each. Pure.
 */

import { Block } from './block.ts';

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
