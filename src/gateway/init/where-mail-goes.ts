/**
 * Where a backup MX would hand its mail on by DNS, and how DNS names the host itself: what `init` cannot set and only
 * says. Postfix leaves out every MX that is not before its own; where none is left, mail would go in a circle. Asks DNS
 * by the functions that it is given.
 */
import type { MailNames } from '../../io/net/mail-names.ts';

export interface Self {
  /** myhostname */
  readonly name: string;
  /** Its own addresses, and those of proxy_interfaces. */
  readonly addresses: ReadonlySet<string>;
}

export type Dns = Pick<MailNames, 'exchanges' | 'addresses' | 'names'>;

export interface DomainRoute {
  readonly domain: string;
  /**
   * `primary`: mail goes to another host. `circle`: this host is the best MX itself. `none`: DNS has neither MX nor
   * address. `unknown`: nobody could say.
   */
  readonly is: 'primary' | 'circle' | 'none' | 'unknown';
  /** Where mail goes first. */
  readonly to: string | null;
  /** Whether this host is an MX of it; null where that is not known. */
  readonly isNamed: boolean | null;
}

export async function routeOf(domain: string, self: Self, dns: Dns): Promise<DomainRoute> {
  const exchanges = await dns.exchanges(domain);
  const unknown = { domain, is: 'unknown', to: null, isNamed: null } as const;
  if (exchanges === null) return unknown;
  if (exchanges.length === 0) {
    const addresses = await dns.addresses(domain);
    if (addresses === null) return { ...unknown, isNamed: false };
    if (addresses.length === 0) return { domain, is: 'none', to: null, isNamed: false };
    const isOwn = addresses.some((address) => self.addresses.has(address));
    return { domain, is: isOwn ? 'circle' : 'primary', to: isOwn ? null : domain, isNamed: isOwn };
  }
  const own = await Promise.all(exchanges.map(({ host }) => isSelf(host, self, dns)));
  const preferences = exchanges.filter((_, i) => own[i] === true).map(({ preference }) => preference);
  const limit = Math.min(...preferences);
  const best = exchanges.find(({ preference }, i) => own[i] === false && preference < limit);
  const isNamed = preferences.length > 0;
  return { domain, is: best === undefined ? 'circle' : 'primary', to: best?.host ?? null, isNamed };
}

async function isSelf(host: string, self: Self, dns: Dns): Promise<boolean> {
  if (host === self.name.toLowerCase()) return true;
  return ((await dns.addresses(host)) ?? []).some((address) => self.addresses.has(address));
}

export interface OwnNames {
  /** Of myhostname; null where DNS could not be asked. */
  readonly addresses: readonly string[] | null;
  /** Those of them that are on no interface of this host. */
  readonly elsewhere: readonly string[];
  /** Addresses whose PTR is not myhostname, with what it is; null where it could not be asked. */
  readonly pointers: readonly { readonly address: string; readonly names: readonly string[] | null }[];
}

export async function ownNames(self: Self, dns: Dns): Promise<OwnNames> {
  const addresses = await dns.addresses(self.name);
  const asked = await Promise.all(
    (addresses ?? []).map(async (address) => ({ address, names: await dns.names(address) })),
  );
  return {
    addresses,
    elsewhere: (addresses ?? []).filter((address) => !self.addresses.has(address)),
    pointers: asked.filter(({ names }) => names?.includes(self.name.toLowerCase()) !== true),
  };
}
