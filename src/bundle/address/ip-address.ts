/** Textual IP addresses to their bytes (RFC 4291 section 2.2, lower case). Pure. */

const QUAD = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

/** The 4 bytes of an IPv4 address in dotted decimals without leading zeros, or null. */
function ipv4Bytes(text: string): Uint8Array | null {
  if (!QUAD.test(text)) return null;
  const numbers = text.split('.').map(Number);
  return numbers.some((n) => n > 255) ? null : Uint8Array.from(numbers);
}

/** The 16 bytes of an IPv6 address in lower case, without a zone, or null. */
function ipv6Bytes(text: string): Uint8Array | null {
  const sides = text.split('::');
  if (sides.length > 2) return null;
  const [before = [], after = []] = sides.map((side, i) => groups(side, i === sides.length - 1));
  if (before === null || after === null) return null;
  const missing = 8 - before.length - after.length;
  // "::" stands for one group at least.
  if (sides.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}

/** The numbers of a run of groups; the last two may be written as an IPv4 address where the run ends the text. */
function groups(text: string, isLast: boolean): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  const quad = isLast ? ipv4Bytes(parts.at(-1) ?? '') : null;
  const hex = quad === null ? parts : parts.slice(0, -1);
  if (hex.some((part) => !/^[0-9a-f]{1,4}$/.test(part))) return null;
  const [a = 0, b = 0, c = 0, d = 0] = quad ?? [];
  return [...hex.map((part) => Number.parseInt(part, 16)), ...(quad === null ? [] : [(a << 8) | b, (c << 8) | d])];
}

/** 4 bytes or 16, or null for what is no IP address in this form. */
export const ipBytes = (text: string): Uint8Array | null => (text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text));

/** Whether an IPv6 address is an IPv4 one in disguise, `::ffff:0:0/96`. */
export const isMapped = (bytes: Uint8Array): boolean =>
  bytes.length === 16 && bytes.every((b, i) => i > 11 || b === (i < 10 ? 0 : 255));
