/**
 * A next hop as an Exim router reads it in `route_data`: a host, `/MX` behind a name whose MX records count, and a
 * port behind a colon, doubled since a colon parts hosts. An IPv6 address has colons, so that its list is parted by
 * semicolons (Exim's specification, chapter "The manualroute router"). Pure.
 */
import { parseNextHop } from '../../../bundle/address/next-hop.ts';
import { HostError } from '../../../errors.ts';

/** @param nextHop in the form of docs/bundle-format.md section 8 */
export function eximRoute(nextHop: string): string {
  const hop = parseNextHop(nextHop);
  if (hop === null) throw new HostError('INTERNAL', `${nextHop} is no next hop`);
  const { host, address, viaMx, port } = hop;
  if (address?.length === 16) return port === null ? `"<; ${host}"` : `"<; [${host}]:${port}"`;
  return `${host}${viaMx ? '/MX' : ''}${port === null ? '' : `::${port}`}`;
}
