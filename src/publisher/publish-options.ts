/** How one publish is asked for (docs/commands.md section 3). Holds nothing else. */
export interface PublishOptions {
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  /** From 0 to 1, by chance: how long a publisher waits that lost a race. */
  readonly chance?: () => number;
  readonly nextVersion: number | null;
  /** Publish although the clock is far behind the published manifest: for one run by hand. */
  readonly acceptClock?: boolean;
  /** Bytes of rows that may be in memory before they are sorted on disk. */
  readonly inMemory?: number;
  /** A folder for a candidate that is signed elsewhere; nothing goes out. */
  readonly unsigned?: string;
}
