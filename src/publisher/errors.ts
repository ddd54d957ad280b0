/**
 * The publisher's own failures and their exit statuses (docs/commands.md section 3.4): 1 if a guard refused, 2 if
 * it could not publish.
 */
import { HostError, printable } from '../errors.ts';

const EXIT = {
  /** A source failed or gave nothing. */
  SOURCE: 2,
  /** An entry that is not an address. */
  INVALID_ENTRY: 1,
  /** An `@domain` row that the policy does not allow. */
  WILDCARD: 1,
  /** Too many rows or domains would be removed. */
  SHRUNK: 1,
  /** Fewer rows than `min_rows`. */
  TOO_FEW: 1,
  /** A row in a domain that `[policy] domains` does not list. */
  FOREIGN_DOMAIN: 1,
  /** Another publisher's list is out, and it is not what the sources here give. */
  DIVERGED: 1,
  /** Fewer signatures than the threshold; waits for others to sign. */
  UNSIGNED: 1,
  /** Output and state do not match. */
  STATE: 2,
  /** Files of the output or the state cannot be written. */
  OUTPUT: 2,
  /** What was written does not verify the way a gateway verifies it. */
  VERIFY: 2,
  /** A signing key cannot be used, or a file would be overwritten. */
  KEY: 2,
  /** The clock is far behind the published manifest. */
  CLOCK: 2,
  /** The embedded server cannot start. */
  SERVE: 2,
} as const;

export type PublishCode = keyof typeof EXIT;

/** Whether the place of the published files fails, rather than a file in it. */
export const isUnreachable = (error: unknown): boolean =>
  error instanceof HostError || (error instanceof PublishError && (error.code === 'OUTPUT' || error.code === 'CLOCK'));

export class PublishError extends Error {
  readonly code: PublishCode;
  /** The message in lines. It has several only if the code that threw it passed several. */
  readonly lines: readonly string[];

  /**
   * @param message one line, or several as separate strings. A server's text is escaped before it becomes part of
   *   one
   */
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
