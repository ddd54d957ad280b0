/** The publisher's own failures and their exit statuses (docs/commands.md section 3.4): 1 a guard refused, 2 could not. */
import { printable } from '../errors.ts';

const EXIT = {
  /** A source that failed or gave nothing. */
  SOURCE: 2,
  /** An entry that is not an address. */
  INVALID_ENTRY: 1,
  /** An `@domain` row that the policy does not allow. */
  WILDCARD: 1,
  /** Too many rows or domains would go. */
  SHRUNK: 1,
  /** Fewer rows than `min_rows`. */
  TOO_FEW: 1,
  /** A row of a domain that `[policy] domains` does not name. */
  FOREIGN_DOMAIN: 1,
  /** Output and state do not belong together. */
  STATE: 2,
  /** Files of the output or the state cannot be written. */
  OUTPUT: 2,
  /** What was written does not verify as a gateway would verify it. */
  VERIFY: 2,
  /** A signing key that cannot be used, or a file that would be overwritten. */
  KEY: 2,
  /** The clock is far behind what is published. */
  CLOCK: 2,
  /** The embedded server cannot start. */
  SERVE: 2,
} as const;

export type PublishCode = keyof typeof EXIT;

export class PublishError extends Error {
  readonly code: PublishCode;
  /** The message by lines: more than one only where its maker gave several. */
  readonly lines: readonly string[];

  /** @param message one line, or several, each by itself: what a server says is escaped before it becomes part of one */
  constructor(code: PublishCode, message: string | readonly string[], cause?: unknown) {
    const lines = (typeof message === 'string' ? [message] : message).map(printable);
    super(lines.join('\n'), cause === undefined ? undefined : { cause });
    this.code = code;
    this.lines = lines;
    this.name = 'PublishError';
  }

  get exitStatus(): 1 | 2 {
    return EXIT[this.code];
  }
}
