/** Quotes around a local part where it has to have them: databases and directories keep it as Postfix looks it up, without. Pure. */

/** Without quotes a local part can have these (RFC 5322, RFC 6531). */
const PLAIN = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\u{10ffff}-]+$/u;
const QUOTED = /^"(?:[^"\\]|\\.)*"$/u;

/** A local part that is quoted already stays as it is: Postfix asks for that form too. */
export const quotedLocal = (text: string): string =>
  PLAIN.test(text) || QUOTED.test(text) ? text : `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;

/** An address, its local part quoted where needed. A catch-all, and what has no @, stay as they are. */
export function quotedAddress(address: string): string {
  const at = address.lastIndexOf('@');
  return at < 1 ? address : `${quotedLocal(address.slice(0, at))}${address.slice(at)}`;
}
