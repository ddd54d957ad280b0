/**
 * When `init --apply` had unknown recipients deferred instead of refused, so that `check` can remind of it: one
 * small file in state_dir.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { writeFileAtomic } from '../../io/atomic-file.ts';

const Record = z.object({ deferringSince: z.string() });

const fileOf = (stateDir: string): string => path.join(stateDir, 'init.json');

/** The record and its place. */
export const deferringRecord = (stateDir: string, now: Date): { readonly file: string; readonly text: string } => ({
  file: fileOf(stateDir),
  text: `${JSON.stringify({ deferringSince: now.toISOString() })}\n`,
});

export function rememberDeferring(stateDir: string, now: Date): void {
  const { file, text } = deferringRecord(stateDir, now);
  writeFileAtomic(file, text, 0o644);
}

/** @returns milliseconds; null where nothing is on record: main.cf's own date then has to do */
export function deferringSince(stateDir: string): number | null {
  try {
    const record = z.parse(Record, JSON.parse(readFileSync(fileOf(stateDir), 'utf8')));
    const since = Date.parse(record.deferringSince);
    return Number.isNaN(since) ? null : since;
  } catch {
    return null; // absent or damaged: a reminder comes all the same, by main.cf's date
  }
}
