/** How one publish is asked for (docs/commands.md section 3). Holds nothing else. */
export interface PublishOptions {
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion: number | null;
  /** Publish although the clock is far behind the published manifest: for one run by hand. */
  readonly acceptClock?: boolean;
  /** A folder for a candidate that is signed elsewhere; nothing goes out. */
  readonly unsigned?: string;
}
