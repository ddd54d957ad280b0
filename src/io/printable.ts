/** Makes text and JSON from outside safe to show on a terminal. Pure. */

export { printable } from '../errors.ts';

/**
 * JSON escapes only the control characters below U+0020. This escapes the others that `printable` escapes too; the
 * value stays the same.
 */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
