/** What a source gives, once, in batches. Every failure is thrown by `read`; nothing is opened before it. */
export interface SourceReader {
  /**
   * `lines`: lines of a list in the file source's own form, comments and header and all; `addresses`: one address each, as it stands,
   * quoted local parts or plain; an empty one is no entry, and is counted.
   */
  readonly form: 'lines' | 'addresses';
  /** What its entries are called where a message counts them: `line`, `row`, `entry`. */
  readonly unit: string;
  /**
   * @param now for what the source says is valid until a date.
   * @throws PublishError SOURCE: it failed, ended early or is not what it should be.
   */
  readonly read: (now: Date) => AsyncGenerator<readonly string[]>;
  /** Of `lines` that are bytes: the same, as bytes, each with its LF. */
  readonly readLines?: (seen: Seen) => AsyncGenerator<Buffer>;
}

export interface Seen {
  /** Lines that the caller has taken so far: it finds where they end anyway, and a message needs their number. */
  lines: number;
  /** About how many bytes will come, once that is known; a hint and no more. */
  bytes?: number;
}
