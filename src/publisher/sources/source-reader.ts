/** What a source hands to the gathering, batch by batch. */

/** One entry of a source. */
export interface Entry {
  /** Of the line, row or entry in which it stands, from 1. */
  readonly number: number;
  /** An address as the source writes it, its local part quoted or plain; `@domain` or `*@domain` for a catch-all. */
  readonly text: string;
  /** For a domain alias: `@domain`, whose addresses the domain of `text` has too. */
  readonly target?: string;
}

export interface Entries {
  /** What a message calls the place of an entry: `line`, `row`, `entry`. */
  readonly unit: string;
  readonly entries: readonly Entry[];
}

/**
 * Whole lines of a plain list as bytes, each with its LF; or addresses, one for each row, an empty text where a row has none; or
 * entries that say where they stand.
 */
export type Batch = Buffer | readonly string[] | Entries;

/** A source that is about to be read once. Every failure is thrown by `read`; nothing is opened before it. */
export interface SourceReader {
  /** What a message calls the place of an address, where the batches do not say it: `line`, `row`, `value`. */
  readonly unit: string;
  /** The domain of a local part that stands alone in a plain list. */
  readonly domain?: string | undefined;
  /**
   * @param now for what the source says is valid until a date.
   * @throws PublishError SOURCE: it failed, ended early or is not what it should be.
   */
  readonly read: (now: Date, seen?: Seen) => AsyncGenerator<Batch>;
}

/** What the gathering tells the reader while it reads. */
export interface Seen {
  /** Lines that the gathering has taken so far: it finds where they end anyway, and a message needs their number. */
  lines: number;
  /** About how many bytes will come, once that is known; a hint and no more. */
  bytes?: number;
}
