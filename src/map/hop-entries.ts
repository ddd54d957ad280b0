/**
 * The form of an entry of `next_hops` (docs/commands.md section 2.1): a name, `*.x` for any depth below x, an address,
 * or a network `ADDRESS/LENGTH`. Apart from their use, since it is all that a start-up needs. Pure.
 */
import { ipBytes, isMapped } from '../bundle/address/ip-address.ts';
import { hostRule } from '../bundle/address/next-hop.ts';

export interface Network {
  readonly bytes: Uint8Array;
  /** How many leading bits count. */
  readonly length: number;
}

/** The network of an entry that is one; null for a name; a text says what is wrong with it. */
export function network(entry: string): Network | string | null {
  const [address = '', length, more] = entry.split('/');
  const bytes = ipBytes(address);
  if (bytes === null) return length === undefined ? null : 'is no network such as 192.0.2.0/24 or 2001:db8::/32';
  if (isMapped(bytes)) return 'is an IPv4-mapped IPv6 address, which no next hop has; write the IPv4 one';
  if (length === undefined) return { bytes, length: bytes.length * 8 };
  if (more !== undefined || !/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > bytes.length * 8)
    return `must have a length from 0 to ${bytes.length * 8}`;
  const found = { bytes, length: Number(length) };
  return startOf(found).every((byte, i) => byte === bytes[i]) ? found : 'has bits set behind its length';
}

/** The first address of a network. */
export const startOf = ({ bytes, length }: Network): Uint8Array =>
  bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - length))));

/** What is wrong with an entry of `next_hops`, in words; null for nothing. */
export function hopEntryRule(entry: string): string | null {
  const found = network(entry);
  if (found !== null) return typeof found === 'string' ? found : null;
  const rule = hostRule(entry.replace(/^\*\./, ''));
  return rule === null ? null : 'must be like "mx.example.org", "*.example.org", "192.0.2.0/24" or "2001:db8::/32"';
}
