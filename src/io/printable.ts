/** Text and JSON that a terminal may be shown, whatever came from outside. Pure. */

/** The text with C0, C1 and DEL characters, bidirectional controls and line separators written as `\xNN` or `\u{N}`. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * JSON escapes the control characters below U+0020 and no others; the rest of those that `printable` escapes are escaped here too, as
 * JSON does it: the value is the same.
 */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
