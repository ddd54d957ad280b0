/**
 * The record of the live `stale_domains` (docs/commands.md section 2.6): `stale.json` in state_dir, written once the
 * map is in place. Readable by everyone: it names bundles, and neither domains nor addresses. Where it is absent or
 * damaged the map is made again.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { isAbsent, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import { STALE_FILE } from '../map-files.ts';
import { MapFile, type Read } from './state.ts';

const Record = z.object({
  format: z.literal(1),
  /** When the map was written. */
  at: z.string().check(z.refine(isInstant)),
  /** Stands for everything that the map is made of. */
  inputs: z.string(),
  /** The bundles that it defers for. */
  outOfDate: z.array(z.string()),
  /** How many domains it names. */
  domains: z.int().check(z.gte(0)),
  files: z.record(z.string().check(z.regex(STALE_FILE)), MapFile),
});

export type StaleRecord = z.infer<typeof Record>;

const fileOf = (stateDir: string): string => path.join(stateDir, 'stale.json');

export function readStaleRecord(stateDir: string): Read<StaleRecord> {
  try {
    const result = z.safeParse(Record, JSON.parse(readRegularFile(fileOf(stateDir)).toString()));
    return result.success ? { is: 'whole', value: result.data } : { is: 'corrupt', why: 'it has another form' };
  } catch (error) {
    if (isAbsent(error)) return { is: 'absent' };
    return { is: 'corrupt', why: error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message };
  }
}

export function writeStaleRecord(stateDir: string, record: StaleRecord): void {
  // A folder in its place could not be renamed onto.
  if (readStaleRecord(stateDir).is === 'corrupt') removeDurable(fileOf(stateDir));
  writeFileAtomic(fileOf(stateDir), `${JSON.stringify(record, null, 1)}\n`, 0o644);
}
