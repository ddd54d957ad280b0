/** Which rows a list may have: by `[policy]`, and by what a source's `skip_domains` leaves out, which is counted. */
import { domainOf } from '../../bundle/address/address.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { isNamedBy } from '../policy-domains.ts';
import { placeOf, type Place } from './place.ts';

/** How many rows of a domain a source's `skip_domains` has left out. */
export interface LeftOut {
  readonly source: string;
  readonly domain: string;
  readonly rows: number;
}

export class RowPolicy {
  /** Whether `policy.domains` is there and does not name a domain. */
  readonly isForeign: (domain: string) => boolean;
  readonly #wildcards: ReadonlySet<string>;
  /** Keyed by source and domain. */
  readonly #leftOut = new Map<string, { source: string; domain: string; rows: number }>();

  constructor({ domains, wildcards }: PublisherConfig['policy']) {
    this.#wildcards = new Set(wildcards);
    const isOurs = isNamedBy(domains);
    this.isForeign = domains === undefined ? () => false : (domain) => !isOurs(domain);
  }

  /** Whether a row `@domain` is allowed. */
  allowsWildcard(domain: string): boolean {
    return this.#wildcards.has(domain);
  }

  /** A wildcard is refused even with skip_invalid: it is no typing error. @throws PublishError WILDCARD */
  requireWildcard(row: string, place: Place): void {
    const isWildcard = row.startsWith('@') && row.lastIndexOf('@') === 0;
    if (!isWildcard || this.#wildcards.has(row.slice(1)) || place.isSkipped(domainOf(row))) return;
    throw new PublishError(
      'WILDCARD',
      `${placeOf(place)}: ${row} accepts every address of its domain, and policy.wildcards does not name ${row.slice(1)}`,
    );
  }

  /**
   * @returns false if the source's `skip_domains` leaves out rows of this domain, which are counted.
   * @throws PublishError FOREIGN_DOMAIN
   */
  admits(domain: string, place: Place): boolean {
    if (place.isSkipped(domain)) {
      const key = `${place.name}\n${domain}`;
      const left = this.#leftOut.get(key);
      if (left === undefined) this.#leftOut.set(key, { source: place.name, domain, rows: 1 });
      else left.rows++;
      return false;
    }
    if (!this.isForeign(domain)) return true;
    throw new PublishError(
      'FOREIGN_DOMAIN',
      `${placeOf(place)}: its domain ${domain} is not one of policy.domains. If this list may speak for it, name it there; ` +
        'else leave it out with skip_domains of the source',
    );
  }

  leftOut(): LeftOut[] {
    return [...this.#leftOut.values()];
  }
}
