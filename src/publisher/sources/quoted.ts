/**
 * Quotes a local part if it needs quotes. Databases and directories store it without, as Postfix looks it up. Pure.
 */

/** What a local part can contain without quotes (RFC 5322, RFC 6531). */
const PLAIN = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\u{10ffff}-]+$/u;
const QUOTED = /^"(?:[^"\\]|\\.)*"$/u;

/** A local part that is already quoted stays as it is: Postfix asks for that form too. */
export const quotedLocal = (text: string): string =>
  PLAIN.test(text) || QUOTED.test(text) ? text : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;

/** An address with its local part quoted if needed. A catch-all, and a text without @, stay as they are. */
export function quotedAddress(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 1 ? address : `${quotedLocal(address.slice(0, at))}${address.slice(at)}`;
}
