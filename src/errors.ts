/**
 * Every way in which a step can fail: a class a step, each with its closed list of codes (docs/commands.md section
 * 2.4), and the exit status that belongs to a code. Imports nothing and touches nothing.
 */

/** 1: refused or not found, 2: could not. */
const EXIT = {
  NETWORK: 2,
  TLS: 2,
  TIMEOUT: 2,
  HTTP_STATUS: 2,
  REDIRECT: 2,
  TOO_LARGE: 1,
  BAD_ENVELOPE: 1,
  WRONG_TYPE: 1,
  BAD_SIGNATURE: 1,
  BAD_KEYRING: 1,
  BAD_MANIFEST: 1,
  UNSUPPORTED_FORMAT: 1,
  WRONG_NAME: 1,
  ROLLBACK: 1,
  EQUIVOCATION: 1,
  NOT_YET: 1,
  EXPIRED: 1,
  OVER_LIMIT: 1,
  EMPTY: 1,
  HELD: 1,
  LENGTH_MISMATCH: 1,
  BAD_GZIP: 1,
  HASH_MISMATCH: 1,
  NOT_CANONICAL: 1,
  MISSING_REQUIRED: 1,
  FOREIGN_DOMAIN: 1,
  FOREIGN_NEXT_HOP: 1,
  SHRUNK: 1,
  WAITING: 1,
  COMPILE_FAILED: 1,
  READBACK_FAILED: 1,
  INSTALL_FAILED: 2,
  NO_SPACE: 2,
  BUSY: 2,
  CONFIG: 2,
  INTERNAL: 2,
  STATE_CORRUPT: 1,
} as const;

export type Code = keyof typeof EXIT;
export type ExitStatus = 0 | 1 | 2;

/** Whether a text is one of the codes: what was written by another version may not be. */
export const isCode = (text: unknown): text is Code => typeof text === 'string' && Object.hasOwn(EXIT, text);

/** The exit status of a refusal with this code. */
export const exitStatus = (code: Code): 1 | 2 => EXIT[code];

/** The text with C0, C1 and DEL characters, bidirectional controls and line separators written as `\xNN` or `\u{N}`. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * A step that refused or could not. The message names the two values that disagree; it never holds an address from
 * outside. What comes from outside is escaped here, once, before anything is composed of it: a line feed in it
 * never begins a line of the log.
 */
export class StepError<C extends Code = Code> extends Error {
  readonly code: C;
  /** The message by lines: more than one only where its maker gave several. */
  readonly lines: readonly string[];

  /** @param message one line, or several, each by itself */
  constructor(code: C, message: string | readonly string[], cause?: unknown) {
    const lines = (typeof message === 'string' ? [message] : message).map(printable);
    super(lines.join('\n'), cause === undefined ? undefined : { cause });
    this.code = code;
    this.lines = lines;
    this.name = new.target.name;
  }
}

export class SourceError extends StepError<'NETWORK' | 'TLS' | 'TIMEOUT' | 'HTTP_STATUS' | 'REDIRECT' | 'TOO_LARGE'> {}
export class VerifyError extends StepError<'BAD_ENVELOPE' | 'WRONG_TYPE' | 'BAD_SIGNATURE' | 'BAD_KEYRING'> {}
export class ManifestError extends StepError<'BAD_MANIFEST' | 'UNSUPPORTED_FORMAT'> {}
export class OfferError extends StepError<
  'WRONG_NAME' | 'ROLLBACK' | 'EQUIVOCATION' | 'NOT_YET' | 'EXPIRED' | 'OVER_LIMIT' | 'EMPTY' | 'HELD'
> {}
export class TableError extends StepError<'LENGTH_MISMATCH' | 'BAD_GZIP' | 'HASH_MISMATCH' | 'NOT_CANONICAL'> {}
export class GuardError extends StepError<'MISSING_REQUIRED' | 'FOREIGN_DOMAIN' | 'FOREIGN_NEXT_HOP' | 'SHRUNK'> {}
export class UnionError extends StepError<'WAITING'> {}
export class CompileError extends StepError<'COMPILE_FAILED' | 'READBACK_FAILED' | 'OVER_LIMIT'> {}
export class InstallError extends StepError<'INSTALL_FAILED'> {}
export class HostError extends StepError<'NO_SPACE' | 'BUSY' | 'CONFIG' | 'INTERNAL'> {}
export class StateError extends StepError<'STATE_CORRUPT'> {}
