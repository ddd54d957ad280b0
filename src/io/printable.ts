/** Text and JSON that a terminal may be shown, whatever came from outside. Pure. */

export { printable } from '../errors.ts';

/**
 * JSON escapes the control characters below U+0020 and no others; the rest of those that `printable` escapes are escaped here too, as
 * JSON does it: the value is the same.
 */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
