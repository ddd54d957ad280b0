/**
 * What is counted over all cycles: how each bundle's cycles ended, and the bytes that came. Kept in `status.json`,
 * where every command that runs a cycle adds to it under the lock, so that a restart forgets nothing. Touches
 * nothing.
 */
import * as z from 'zod/mini';
import { isCode, type Code } from '../../errors.ts';
import type { Outcome } from '../outcome.ts';
import type { Status } from './status.ts';

const count = () => z.int().check(z.gte(0));

const Counters = z.object({
  cycles: z.array(
    z.object({
      /** Null for a run that failed before any bundle. */
      bundle: z.nullable(z.string()),
      outcome: z.enum(['installed', 'unchanged', 'kept']),
      code: z.nullable(z.custom<Code>(isCode)),
      count: count(),
    }),
  ),
  /** All body bytes received, the manifests' too. */
  bytes: z.array(z.object({ bundle: z.string(), via: z.enum(['full', 'delta', 'none']), count: count() })),
});

export type Counters = z.infer<typeof Counters>;

export const NO_COUNTERS: Counters = { cycles: [], bytes: [] };

/** Those of a report; damaged or of an older version, they begin anew: counters may. */
export function countersOf(status: Status | null): Counters {
  const { success, data } = z.safeParse(Counters, status?.counters);
  return success ? data : NO_COUNTERS;
}

/** @param names the bundles of the configuration: those that are gone are no longer counted. */
export function counted(before: Counters, outcome: Outcome, names: readonly string[]): Counters {
  const kept = ({ bundle }: { readonly bundle: string | null }) => bundle === null || names.includes(bundle);
  const ended =
    outcome.code === undefined
      ? outcome.bundles.map((b) => ({ bundle: b.name, outcome: b.outcome, code: b.code, count: 1 }))
      : [{ bundle: null, outcome: outcome.outcome, code: outcome.code, count: 1 }];
  const received = outcome.bundles
    .filter((b) => b.wireBytes > 0)
    .map(({ name, via, wireBytes }) => ({ bundle: name, via, count: wireBytes }));
  return summed(
    { cycles: before.cycles.filter(kept), bytes: before.bytes.filter(kept) },
    { cycles: ended, bytes: received },
  );
}

export function summed(a: Counters, b: Counters): Counters {
  const cycles = [...a.cycles];
  for (const add of b.cycles) {
    const at = cycles.findIndex((c) => c.bundle === add.bundle && c.outcome === add.outcome && c.code === add.code);
    cycles[at < 0 ? cycles.length : at] = { ...add, count: add.count + (cycles[at]?.count ?? 0) };
  }
  const bytes = [...a.bytes];
  for (const add of b.bytes) {
    const at = bytes.findIndex((c) => c.bundle === add.bundle && c.via === add.via);
    bytes[at < 0 ? bytes.length : at] = { ...add, count: add.count + (bytes[at]?.count ?? 0) };
  }
  return { cycles, bytes };
}
