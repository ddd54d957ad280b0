// Counts what was tried and what was survived, over all files of this suite; summary.ts prints it as one line at the end.
import { appendFileSync } from 'node:fs';

/** The environment variable that names the file of the counts. */
export const TALLY = 'RELAYMAP_CRASH_TALLY';

export function tally(what: string, tried: number, survived: number): void {
  const file = process.env[TALLY];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ what, tried, survived })}\n`);
}
