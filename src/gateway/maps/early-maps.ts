/**
 * Makes the maps of an only bundle while its table is still being read and judged, so that a table is read once and not twice. Whatever
 * goes wrong with that is no failure: the maps are then made from the copy, as they are with several bundles.
 *
 * The table comes without the lock. The lock is held for a moment to give the files their names, and again from `take` on. A run that
 * had it in between has removed the names, and may have made others: these maps are then lost.
 */
import type { JudgedTable } from '../../bundle/offer/guard.ts';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import type { Copy } from '../record/copies.ts';
import type { CompiledMap, Draft } from './compile.ts';

export class EarlyMaps {
  readonly #begin: (rows: number) => Promise<Draft>;
  #draft: Draft | null = null;
  #accepted: { readonly table: string; readonly domains: DomainSet } | null = null;

  /** @param begin starts maps of about so many rows, under the lock. */
  constructor(begin: (rows: number) => Promise<Draft>) {
    this.#begin = begin;
  }

  /** A table of so many rows is about to come; one that came before counts no more. */
  async begin(rows: number): Promise<void> {
    this.abandon();
    try {
      this.#draft = await this.#begin(rows);
    } catch {
      this.#draft = null; // the lock is taken, say; what is really wrong, the making from the copy will tell
    }
  }

  add(block: RowBlock): void {
    try {
      this.#draft?.add(block);
    } catch {
      this.abandon(); // why, the making from the copy will tell
    }
  }

  /** What was added is this table, whole, and it has been judged good. */
  accept({ table }: JudgedTable, domains: DomainSet): void {
    this.#accepted = { table, domains };
  }

  /** Whether files of these maps lie in the map folder. */
  get isInPlace(): boolean {
    return this.#draft?.isInPlace ?? false;
  }

  /** The maps of this copy's table, if it is what was added and accepted; once. Needs the lock. */
  async take({ table }: Copy): Promise<CompiledMap | null> {
    const [draft, accepted] = [this.#draft, this.#accepted];
    if (draft === null || accepted?.table !== table || !draft.isInPlace) return null;
    try {
      return await draft.finish(accepted.domains);
    } catch {
      return null; // why, the making from the copy will tell
    } finally {
      this.#draft = null;
      this.#accepted = null;
    }
  }

  /** Removes what was made for nothing. Needs the lock. */
  discard(): void {
    this.#draft?.discard();
    this.#draft = null;
    this.#accepted = null;
  }

  /** The same without the lock: names stay behind for the next run that has it. */
  abandon(): void {
    this.#draft?.abandon();
    this.#draft = null;
    this.#accepted = null;
  }
}
