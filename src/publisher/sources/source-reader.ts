/** What a source gives to the gathering, batch by batch. */

/** One entry of a source. */
export interface Entry {
  /** The number of its line, row or entry, from 1. */
  readonly number: number;
  /**
   * An address as the source writes it, with its local part quoted or plain. A catch-all is `@domain` or
   * `*@domain`.
   */
  readonly text: string;
  /** For a domain alias: `@domain`. The domain of `text` has all addresses of this one. */
  readonly target?: string;
}

export interface Entries {
  /** What a message calls the place of an entry: `line`, `row`, `entry`. */
  readonly unit: string;
  readonly entries: readonly Entry[];
}

/**
 * One of three: whole lines of a plain list as bytes, each with its LF; addresses, one per row, with an empty text
 * for a row without one; entries that say where they stand.
 */
export type Batch = Buffer | readonly string[] | Entries;

/** A source that is read once. `read` throws every failure; nothing is opened before it. */
export interface SourceReader {
  /** What a message calls the place of an address if the batches do not say it: `line`, `row`, `value`. */
  readonly unit: string;
  /** The domain for a local part without one in a plain list. */
  readonly domain?: string | undefined;
  /**
   * @param now for validity dates in the source.
   * @throws PublishError SOURCE if the source failed, ended early or is not what it should be.
   */
  readonly read: (now: Date, seen?: Seen) => AsyncGenerator<Batch>;
}

/** What the gathering tells the reader while it reads. */
export interface Seen {
  /** Lines that the gathering has processed so far. It finds line ends anyway, and messages need the number. */
  lines: number;
  /** Roughly how many bytes will come, once known. Only a hint. */
  bytes?: number;
}
