/** Reports how a run ended: writes a failure to `status.json`, and the textfile for node_exporter. */
import type { GatewayConfig } from '../../gateway/config.ts';
import { recordFailure } from '../../gateway/cycle/cycle.ts';
import { lookAtHealth } from '../../gateway/health/look.ts';
import { failure, type Outcome } from '../../gateway/outcome.ts';
import { unrecorded, writeTextfile } from '../../gateway/health/textfile.ts';
import type { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { becomeOwner } from '../become-owner.ts';
import { VERSION } from '../program.ts';

/** If the report cannot be written, the failure itself is still returned. */
export async function onRecord(config: GatewayConfig, now: Date, error: StepError, dryRun: boolean): Promise<Outcome> {
  const outcome = failure(error.code, error.message);
  if (dryRun) return outcome;
  try {
    await becomeOwner(config.state_dir);
  } catch (e) {
    log('warning', `status.json cannot be written, so health judges by the cycle before: ${(e as Error).message}`);
    return outcome;
  }
  await recordFailure({ config, now, log }, outcome);
  return outcome;
}

/** Writes with the rights that the process has: by now usually those of the owner of `state_dir`. */
export async function forNodeExporter(config: GatewayConfig, outcome: Outcome, now: Date): Promise<void> {
  if (config.health.textfile === undefined) return;
  const look = await lookAtHealth(config, now, false);
  const fault = writeTextfile(config, look, unrecorded(look, outcome, config, now), VERSION);
  if (fault !== null) log('warning', fault);
}
