/** After each report: the map of what is out of date (docs/commands.md section 2.6). Holds no lock of a cycle. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readStatus } from '../health/status.ts';
import { STALE_MAP } from '../map-files.ts';
import { updateStaleMap } from '../stale/stale-map.ts';
import { asStepError } from '../step-error.ts';
import type { SessionContext } from './session-context.ts';

/** Seconds. A run of `relaymap stale` that holds the lock is about to write the map itself. */
const WAIT = 5;

/** Never throws: the cycle has ended, whatever becomes of this map. */
export async function keepStaleMap({
  config,
  now,
  log,
}: Pick<SessionContext, 'config' | 'now' | 'log'>): Promise<void> {
  const read = () => {
    const status = readStatus(config.state_dir);
    return status.is === 'whole' ? status.value : null;
  };
  // With [stale] it is there before a server can be told to ask it. Without, a cycle that installs no maps leaves
  // nothing behind.
  if (config.stale === undefined && read()?.maps == null && !existsSync(path.join(config.map_dir, STALE_MAP))) return;
  try {
    await updateStaleMap({ config, now, log, facts: () => read()?.bundles ?? null, wait: WAIT });
  } catch (error) {
    const { code, message } = asStepError(error);
    log('warning', `stale_domains could not be brought up to date: ${code}: ${message}`);
  }
}
