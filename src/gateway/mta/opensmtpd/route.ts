/**
 * A next hop as OpenSMTPD reads it in the table of `relay domain`. It asks for no MX records there: a next hop that
 * wants them has the scheme `mx`, which it does not know, so that mail for that domain waits in its queue and goes to
 * no other host. Pure.
 */
import { parseNextHop } from '../../../bundle/address/next-hop.ts';
import { HostError } from '../../../errors.ts';

export const MX_SCHEME = 'mx://';

/** @param nextHop in the form of docs/bundle-format.md section 8 */
export function opensmtpdRoute(nextHop: string): string {
  const hop = parseNextHop(nextHop);
  if (hop === null) throw new HostError('INTERNAL', `${nextHop} is no next hop`);
  const { host, address, viaMx, port } = hop;
  const name = address === null ? host : address.length === 16 ? `[IPv6:${host}]` : `[${host}]`;
  return `${viaMx ? MX_SCHEME : 'smtp://'}${name}:${port ?? 25}`;
}
