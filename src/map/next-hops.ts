/** Which next hops a bundle may name (docs/bundle-format.md section 8). Pure. */
import type { NextHop } from '../bundle/address/next-hop.ts';
import { domainMatcher } from './domains.ts';
import { network, startOf, type Network } from './hop-entries.ts';

/** @param entries each keeps the rules of `hopEntryRule` */
export function hopMatcher(entries: readonly string[]): (hop: NextHop) => boolean {
  const networks = entries.map(network).filter((n): n is Network => n !== null && typeof n !== 'string');
  const isNamed = domainMatcher(entries.filter((entry) => network(entry) === null));
  return ({ host, address }) => (address === null ? isNamed(host) : networks.some((n) => holds(n, address)));
}

function holds({ bytes, length }: Network, address: Uint8Array): boolean {
  if (address.length !== bytes.length) return false;
  const inside = startOf({ bytes: address, length });
  return startOf({ bytes, length }).every((byte, i) => byte === inside[i]);
}
