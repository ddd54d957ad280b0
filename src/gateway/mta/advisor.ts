/**
 * What the commands that a person types ask of a mail server other than Postfix: `init`, `check` and `lookup`. Each
 * kind has one file `advisor.ts` with these answers. Loaded by those commands alone. Types only.
 */

import type { Habits } from '../../map/lookup.ts';

/** What a list has that a server may not be able to do. */
export interface ListFacts {
  readonly domains: readonly string[];
  readonly rows: number;
  /** Rows of each sort, by how many there are, with a few of them. */
  readonly sorts: Readonly<Record<RowSort, { readonly count: number; readonly some: readonly string[] }>>;
  /** Whether the list has this row. */
  readonly has: (row: string) => boolean;
}

/**
 * `plain` is what every server takes. `wildcard` is a row `@domain`. The others are told by their local part or their
 * domain: beyond ASCII; with an ASCII character that is no letter, digit, dot, hyphen or underscore; with a `+`; with
 * what a plain list cannot say (white space, a colon, a leading `#`).
 */
export type RowSort = 'plain' | 'wildcard' | 'unicode' | 'special' | 'tagged' | 'unlistable';

/** One thing that a person should know, and the lines to type. The same shape as a finding of `check`. */
export interface Remark {
  readonly level: 'error' | 'warning' | 'note';
  readonly text: string;
  readonly type: readonly string[];
}

export interface RcptAnswer {
  readonly code: number;
  readonly text: string;
}

/** A file that has the server ask the maps. */
export interface Snippet {
  readonly file: string;
  readonly text: string;
}

/** What `init` says, and what its `--apply` does. */
export interface SetUp {
  /** The places that ask the maps already: then there is nothing to do. */
  readonly asked: readonly string[];
  /** What `--apply` writes; empty where the server has no place for snippets. */
  readonly snippets: readonly Snippet[];
  /** Why `--apply` cannot write them; null where it can. */
  readonly obstacle: string | null;
  /** What a person does where nothing is written: lines for the screen, a line that begins with `#` says where. */
  readonly byHand: readonly string[];
  /** The lines that make the server read its configuration again. */
  readonly afterwards: readonly string[];
  /** The lines that take all of it back. */
  readonly back: readonly string[];
  /** Whether unknown recipients are deferred at first, and the line that ends it. */
  readonly deferring: readonly string[];
}

export interface Advisor {
  /** Whether the server's commands are there. */
  isHere(): boolean;
  /**
   * Asks the server itself what it would answer a stranger's RCPT.
   * @returns by address; null where nobody can be asked.
   */
  ask(addresses: readonly string[]): ReadonlyMap<string, RcptAnswer> | null;
  /** @param fresh whether the maps come into use now for the first time: then unknown recipients are deferred */
  setUp(fresh: boolean): SetUp;
  /** Writes the snippets and has the server read them; puts back what was there if the server refuses them. */
  apply(setUp: SetUp): void;
  /** What would defeat the maps, and what the server cannot do. */
  examine(list: ListFacts, asked: Asked | null): Remark[];
  /** Where unknown recipients are deferred as `init` has it: the lines that end it. Null where they are refused. */
  deferring(): readonly string[] | null;
  /** Whether it can find a row of the list at all. */
  readonly sees: (row: string) => boolean;
  /** How it looks a recipient up, as far as `lookup` can say it without asking. */
  readonly habits: Habits;
}

/** What it said to a stranger. */
export interface Asked {
  /** By domain, of an address that nobody has. */
  readonly nobody: ReadonlyMap<string, RcptAnswer>;
  /** By row. */
  readonly known: ReadonlyMap<string, RcptAnswer>;
}
