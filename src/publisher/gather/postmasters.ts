/** The domains of a list, and postmaster@ of each, which the list gets where the policy says so. */
import type { KnownDomains } from './known-domains.ts';
import { RowRuns } from './row-runs.ts';
import type { RowSpace } from './row-space.ts';

const POSTMASTER = Buffer.from('postmaster@');

export class Postmasters {
  /** Of the table's domains: at least as many as there are of simple lines. */
  readonly expected = { domains: 0, bytes: 0 };
  readonly #isWanted: boolean;
  readonly #domains = new Set<string>();
  /** Those of simple lines' domains. They are many, and never become strings. */
  readonly #rows: RowRuns;

  /** @param isWanted `postmaster` of `[policy]`. */
  constructor(space: RowSpace, isWanted: boolean) {
    this.#isWanted = isWanted;
    this.#rows = new RowRuns(space, space.run);
  }

  add(domain: string): void {
    this.#domains.add(domain);
  }

  /** Takes the domains of simple lines. */
  addKnown(domains: KnownDomains): void {
    this.expected.domains += domains.size;
    this.expected.bytes += domains.bytes;
    if (!this.#isWanted) return;
    for (const domain of domains.names()) {
      this.#rows.rows.addParts(POSTMASTER, domain);
      this.#rows.spillIfFull();
    }
  }

  /** Adds all to the rows of the list, after the last source. */
  addTo(rows: RowRuns): void {
    if (!this.#isWanted) return;
    for (const domain of this.#domains) {
      this.#rows.rows.add(`postmaster@${domain}`);
      this.#rows.spillIfFull();
    }
    rows.addAll(this.#rows);
  }
}
