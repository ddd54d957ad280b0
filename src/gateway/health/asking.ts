/**
 * Whether the mail server still asks relaymap's maps: the record of what was seen (`mta.json` in state_dir,
 * readable by everyone), and the look that renews it. A server that was seen to ask a map and no longer does takes
 * mail for everybody, or for nobody. Before it has first been seen to ask there is nothing to miss
 * (docs/commands.md section 2.5).
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { ASKED_MAPS } from '../map-files.ts';
import type { Mta } from '../mta/mta.ts';
import { readJsonRecord, writeJsonRecord } from '../record/json-record.ts';
import type { Read } from '../record/state.ts';

const time = () => z.string().check(z.refine(isInstant));
const map = () => z.enum(ASKED_MAPS);

const Instance = z.object({
  /** Stands for the configuration that was looked at. */
  mark: z.string(),
  /** By map: when it was last seen to be named. */
  seen: z.partialRecord(map(), time()),
  /** The maps that are named now, and where. */
  uses: z.array(z.object({ map: map(), where: z.string() })),
  /** Why the last look saw nothing; what is above is then older. */
  why: z.nullable(z.string()),
});

const Record = z.object({
  format: z.literal(1),
  lookedAt: time(),
  /** Its name in a sentence. */
  server: z.string(),
  /** Those of the configuration at that time. */
  instances: z.record(z.string(), Instance),
});

type Seen = z.infer<typeof Instance>['seen'];
export type AskingRecord = z.infer<typeof Record>;

const fileOf = (stateDir: string): string => path.join(stateDir, 'mta.json');

export const readAsking = (stateDir: string): Read<AskingRecord> => readJsonRecord(fileOf(stateDir), Record);

/** Milliseconds. */
const EVERY = 5 * 60_000;

/** Looks again where the configuration has changed since the last look, or where that was five minutes ago. */
export function lookAgain(stateDir: string, mta: Mta, now: Date): void {
  const read = readAsking(stateDir);
  const before = read.is === 'whole' ? read.value : null;
  const marks = mta.marks();
  const age = before === null ? Infinity : now.getTime() - Date.parse(before.lookedAt);
  const isSame = mta.instances.every((name) => before?.instances[name]?.mark === marks.get(name));
  if (isSame && age >= 0 && age < EVERY) return;
  const at = now.toISOString();
  const instances: AskingRecord['instances'] = {};
  for (const { instance, uses, why } of mta.look()) {
    // A damaged record no longer says what was seen. Only what is seen now is known then; health has said that the
    // record was damaged.
    const earlier = before?.instances[instance];
    const seen: Seen = { ...earlier?.seen };
    for (const use of uses ?? []) seen[use.map] = at;
    instances[instance] = { mark: marks.get(instance) ?? '', seen, uses: [...(uses ?? earlier?.uses ?? [])], why };
  }
  const next: AskingRecord = { format: 1, lookedAt: at, server: mta.name, instances };
  writeJsonRecord(fileOf(stateDir), next, read);
}

/** By instance: the maps that it was seen to name and no longer names, with the time when it last did. */
export function lostMaps(
  record: AskingRecord,
): { readonly instance: string; readonly map: (typeof ASKED_MAPS)[number]; readonly last: string }[] {
  return Object.entries(record.instances).flatMap(([instance, { seen, uses }]) => {
    return ASKED_MAPS.flatMap((name) => {
      const last = seen[name];
      return last === undefined || uses.some((use) => use.map === name) ? [] : [{ instance, map: name, last }];
    });
  });
}
