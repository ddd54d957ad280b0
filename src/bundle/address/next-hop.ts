/**
 * Where mail for a domain goes (docs/bundle-format.md section 8): `[HOST]` and `[HOST]:PORT` are that host, `HOST`
 * and `HOST:PORT` its MX. Strings in, values or a rule in words out. Pure.
 */
import { ipBytes, isMapped } from './ip-address.ts';

export interface NextHop {
  /** A name in A-labels, or an IPv4 or IPv6 address as it is written, without brackets. */
  readonly host: string;
  /** The 4 or 16 bytes of an address; null for a name. */
  readonly address: Uint8Array | null;
  /** Whether mail goes to the MX of that name, and not to the host itself. */
  readonly viaMx: boolean;
  /** Null where none is written: the MTA's own, 25. */
  readonly port: number | null;
}

const FORM = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([^:]*))?$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The next hop, or the rule that the text breaks, in words that complete "has a next hop that ...". */
export function readNextHop(text: string): NextHop | string {
  const [, literal, name = '', port] = FORM.exec(text) ?? [];
  if (literal === undefined && name === '') return 'is not [HOST], [HOST]:PORT, HOST or HOST:PORT';
  if (port !== undefined && !isPort(port))
    return 'has a port that is not a number from 1 to 65535 without leading zeros';
  const host = literal ?? name;
  const address = literal === undefined ? null : ipBytes(literal);
  const rule = address === null ? hostRule(host) : isMapped(address) ? 'is an IPv4-mapped IPv6 address' : null;
  return rule ?? { host, address, viaMx: literal === undefined, port: port === undefined ? null : Number(port) };
}

/** The next hop, or null for what is none. */
export function parseNextHop(text: string): NextHop | null {
  const read = readNextHop(text);
  return typeof read === 'string' ? null : read;
}

const isPort = (text: string): boolean => /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;

/** The rule that a host's name breaks, in words that complete "has a next hop that ..."; null if none. */
export function hostRule(name: string): string | null {
  if (/[A-Z]/.test(name)) return 'is not in lower case';
  if (name.length > 253) return 'has a name longer than 253 bytes';
  const labels = name.split('.');
  if (labels.length < 2) return 'has a name of one label';
  if (!labels.every((label) => LABEL.test(label)))
    return 'has a host that is neither a name in A-labels nor an address';
  return /^\d/.test(labels.at(-1) ?? '') ? 'has a name whose last label begins with a digit' : null;
}
