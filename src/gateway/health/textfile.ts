/**
 * The textfile of node_exporter (docs/commands.md section 2.1, `health.textfile`): health and counters after every
 * run, however it ended.
 */
import { writeFileAtomic } from '../../io/atomic-file.ts';
import type { GatewayConfig } from '../config.ts';
import { counted, countersOf, NO_COUNTERS, summed, type Counters } from './counters.ts';
import type { HealthLook } from './look.ts';
import { metricsText } from './metrics.ts';
import type { Outcome } from '../outcome.ts';

/**
 * What `status.json` does not have of a run: one that never got the lock, or found no room for its report.
 * @param now when the run began, as its report has it.
 */
export function unrecorded({ status }: HealthLook, outcome: Outcome, config: GatewayConfig, now: Date): Counters {
  if (status?.endedAt === now.toISOString()) return NO_COUNTERS;
  return counted(
    NO_COUNTERS,
    outcome,
    config.bundle.map((b) => b.name),
  );
}

/**
 * Writes the textfile of a configuration that names one. @returns what went wrong, in words: never a reason to
 * fail.
 */
export function writeTextfile(
  config: GatewayConfig,
  look: HealthLook,
  missing: Counters,
  version: string,
): string | null {
  const file = config.health.textfile;
  if (file === undefined) return null;
  const counters = summed(countersOf(look.status), missing);
  try {
    writeFileAtomic(file, metricsText({ version, config, look, counters, process: null }), 0o644);
    return null;
  } catch (error) {
    return `the textfile ${file} cannot be written: ${(error as Error).message}; its folder must be writable for this user`;
  }
}
