/**
 * The record of the live `stale_domains` (docs/commands.md section 2.6): `stale.json` in state_dir, written once the
 * map is in place. Readable by everyone: it names bundles, and neither domains nor addresses. Where it is absent or
 * damaged the map is made again.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { STALE_FILE } from '../map-files.ts';
import { readJsonRecord, writeJsonRecord } from './json-record.ts';
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
  /** Present where the mail server was still to be told of the map when this was written. */
  reload: z.optional(z.enum(['asked', 'pending'])),
  files: z.record(z.string().check(z.regex(STALE_FILE)), MapFile),
});

export type StaleRecord = z.infer<typeof Record>;

const fileOf = (stateDir: string): string => path.join(stateDir, 'stale.json');

export const readStaleRecord = (stateDir: string): Read<StaleRecord> => readJsonRecord(fileOf(stateDir), Record);

export const writeStaleRecord = (stateDir: string, record: StaleRecord): void =>
  writeJsonRecord(fileOf(stateDir), record, readStaleRecord(stateDir));
