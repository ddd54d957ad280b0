/**
 * Domain aliases: a domain in which every address of another one exists. Which addresses those are is known once all sources have been
 * read, and the other domain may be an alias itself. Pure.
 */
import { domainOf } from '../../bundle/address/address.ts';
import { rowsOf } from '../entry.ts';

/** Of a row: its local part and the domain that lacks it. */
export interface AliasRow<Origin> {
  readonly row: string;
  readonly origin: Origin;
}

interface Alias<Origin> {
  /** `@domain` as it is written. */
  readonly alias: string;
  /** In each of its forms. */
  readonly domains: readonly string[];
  /** In the first of its forms: a list has every row in all of them. */
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
   * @throws EntryError: one of the two is no domain.
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
   * The rows that the aliases add, and the aliases that add none, since nobody lists an address of what they stand for.
   * @param locals of each domain of `targets()` that has rows: their local parts, `''` for a catch-all.
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

  /** The domains that an alias leads to, by others too. Aliases in a circle lead to each other, and end there. */
  #reached({ domains, target }: Alias<Origin>): Set<string> {
    const reached = new Set([target]);
    for (const domain of reached)
      for (const each of this.#aliases) if (each.domains.includes(domain)) reached.add(each.target);
    for (const own of domains) reached.delete(own);
    return reached;
  }
}
