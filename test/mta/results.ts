// What a run has found, by kind: a line of JSON each, into the file that RELAYMAP_MTA_RESULTS names. summary.ts makes
// the table of docs/mtas.md of it.
import { appendFileSync } from 'node:fs';

export const RESULTS = 'RELAYMAP_MTA_RESULTS';

export function record(kind: string, what: string, value: string | number): void {
  const file = process.env[RESULTS];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ kind, what, value })}\n`);
}
