/** The tables of a bundle by name, and what was taken of them. Touches nothing but spools that are given back. */
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import type { Spool } from '../record/copies.ts';
import type { CopyRef } from '../record/state.ts';
import type { Findings } from './read-table.ts';

/** Each is a folder of the repository as well. */
export type TableName = 'recipients' | 'transport';
export const TABLES: readonly TableName[] = ['recipients', 'transport'];

/**
 * A table that was read to its end and is what the manifest says of it. Whether it may be kept, the judge says once
 * more.
 */
export interface ObtainedTable {
  readonly entry: TableEntry;
  readonly via: 'full' | 'delta';
  /** Null in a dry run. Whoever has this discards it. */
  readonly spool: Spool | null;
  readonly findings: Findings;
  /** SHA-256 of the table whose rows were compared with it; null for none. */
  readonly base: string | null;
}

/** The tables that were taken; null for one that the copy in use has already, or that there is none of. */
export type Obtained = Readonly<Record<TableName, ObtainedTable | null>>;

export const discard = (obtained: Obtained | null): void => {
  for (const name of TABLES) obtained?.[name]?.spool?.discard();
};

/** What a copy has of each table, by SHA-256. */
export const tableOf = (copy: CopyRef | null, name: TableName): string | null =>
  (name === 'recipients' ? copy?.table : copy?.transport?.table) ?? null;

/** What an accepted offer says of each table; null where it has none, or where it is not asked for. */
export const entryOf = ({ manifest, nextHops }: AcceptedOffer, name: TableName): TableEntry | null =>
  name === 'recipients' ? manifest.tables.recipients : (nextHops?.entry ?? null);
