/**
 * Domain aliases: a domain that has every address of another domain. The addresses are known only when all sources
 * have been read, and the other domain may be an alias itself. Pure.
 */
import { domainOf } from '../../bundle/address/address.ts';
import { rowsOf } from '../entry.ts';

/** A row's local part, and the domain in which the row is missing. */
export interface AliasRow<Origin> {
  readonly row: string;
  readonly origin: Origin;
}

interface Alias<Origin> {
  /** `@domain`, as the source writes it. */
  readonly alias: string;
  /** The domain in each of its forms. */
  readonly domains: readonly string[];
  /** The target domain in the first of its forms. A list has every row in all forms. */
  readonly target: string;
  readonly origin: Origin;
}

export class DomainAliases<Origin> {
  readonly #aliases: Alias<Origin>[] = [];

  get size(): number {
    return this.#aliases.length;
  }

  /**
   * @param alias `@domain`. @param target `@domain`.
   * @throws EntryError if either is not a domain.
   */
  add(alias: string, target: string, origin: Origin): void {
    const domains = rowsOf(alias).map(domainOf);
    this.#aliases.push({ alias, domains, target: domainOf(rowsOf(target)[0] ?? ''), origin });
  }

  /** Every domain that an alias leads to. */
  targets(): ReadonlySet<string> {
    return new Set(this.#aliases.map(({ target }) => target));
  }

  /**
   * The rows that the aliases add, and the aliases that add none because their target has no listed address.
   * @param locals the local parts of each domain of `targets()` that has rows; `''` for a catch-all.
   */
  expand(locals: ReadonlyMap<string, readonly string[]>): { rows: AliasRow<Origin>[]; empty: Alias<Origin>[] } {
    const rows: AliasRow<Origin>[] = [];
    const empty: Alias<Origin>[] = [];
    for (const each of this.#aliases) {
      const found = [...this.#reached(each)].flatMap((domain) => locals.get(domain) ?? []);
      if (found.length === 0) empty.push(each);
      for (const domain of each.domains)
        for (const local of found) rows.push({ row: `${local}@${domain}`, origin: each.origin });
    }
    return { rows, empty };
  }

  /**
   * The domains that an alias leads to, also through other aliases. Aliases may form a circle; the search ends
   * there.
   */
  #reached({ domains, target }: Alias<Origin>): Set<string> {
    const reached = new Set([target]);
    for (const domain of reached)
      for (const each of this.#aliases) if (each.domains.includes(domain)) reached.add(each.target);
    for (const own of domains) reached.delete(own);
    return reached;
  }
}
