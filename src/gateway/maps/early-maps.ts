/**
 * Makes the maps of an only bundle while its table is still being read and judged, so that a table is read once and
 * not twice. Whatever goes wrong with that is no failure: the maps are then made from the copy, as they are with
 * several bundles. Needs no lock until `take`.
 */
import type { JudgedTable } from '../../bundle/offer/guard.ts';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import type { Copy } from '../record/copies.ts';
import type { CompiledMap, Draft, Routes } from './compile.ts';
import type { MapFiles } from './live-maps.ts';

export class EarlyMaps {
  readonly #begin: (rows: number) => Draft;
  #draft: Draft | null = null;
  #accepted: { readonly table: string; readonly domains: DomainSet } | null = null;

  /** @param begin starts nameless maps of about so many rows. */
  constructor(begin: (rows: number) => Draft) {
    this.#begin = begin;
  }

  /** A table of so many rows is about to come; one that came before counts no more. */
  begin(rows: number): void {
    this.discard();
    this.#try(() => (this.#draft = this.#begin(rows)));
  }

  add(block: RowBlock): void {
    this.#try(() => this.#draft?.add(block));
  }

  /** What was added is this table, whole, and it has been judged good. */
  accept({ table }: JudgedTable, domains: DomainSet): void {
    this.#accepted = { table, domains };
  }

  /**
   * The maps of this copy's table, if it is what was added and accepted; once. Needs the lock.
   * @param routes as in `Draft.finish`, and `live`
   */
  async take({ table }: Copy, routes: Routes | null = null, live: MapFiles | null = null): Promise<CompiledMap | null> {
    const [draft, accepted] = [this.#draft, this.#accepted];
    if (draft === null || accepted?.table !== table) return null;
    try {
      return await draft.finish(accepted.domains, routes, live);
    } catch {
      return null; // the making from the copy will tell why
    } finally {
      this.#draft = null;
      this.#accepted = null;
    }
  }

  /** Gives back the room of what was made for nothing. */
  discard(): void {
    this.#draft?.discard();
    this.#draft = null;
    this.#accepted = null;
  }

  #try(step: () => void): void {
    try {
      step();
    } catch {
      this.discard(); // the making from the copy will tell why
    }
  }
}
