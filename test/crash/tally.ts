// Counts what was tried and what was survived, over all files of this suite; summary.ts prints it as one line at
// the end.
import { appendFileSync } from 'node:fs';

/** The environment variable that names the file of the counts. */
export const TALLY = 'RELAYMAP_CRASH_TALLY';

/** The environment variable that says which points are tried where not all are: any whole number. */
export const SEED = 'RELAYMAP_CRASH_SEED';

export interface Count {
  readonly tried: number;
  readonly survived: number;
}

/**
 * @param what the kind of disturbance, `KILL` say. @param of what was disturbed, for one more run of the same to
 * take its place.
 */
export function tally(what: string, of: string, tried: number, survived: number): void {
  const file = process.env[TALLY];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ what, of, tried, survived })}\n`);
}
