/** `relaymap health`: reads config, status and maps, and grades them. Needs no root, no network and no lock. */
import { becomeOwner } from '../gateway/access.ts';
import { readGatewayConfig } from '../gateway/config.ts';
import { health, healthText, HEALTH_EXIT, type Health } from '../gateway/health.ts';
import { verifiesNow } from '../gateway/live-trust.ts';
import { readStatus } from '../gateway/status.ts';
import { StepError } from '../errors.ts';

export function healthCommand(options: { config: string; json: boolean; deep: boolean }): number {
  try {
    const config = readGatewayConfig(options.config);
    becomeOwner(config.state_dir);
    const status = readStatus(config.state_dir);
    if (status.is === 'corrupt')
      return unknown(options.json, `status.json is damaged (${status.why}); the next cycle writes it: relaymap fetch`);
    const now = new Date();
    const found = health({
      config,
      status: status.is === 'absent' ? null : status.value,
      deep: options.deep,
      now,
      verifies: (bundle, live) => verifiesNow(config.state_dir, bundle, live),
    });
    answer(options.json, found, () => healthText(found, config, now));
    return HEALTH_EXIT[found.status];
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return unknown(options.json, `${error.code}: ${error.message}`);
  }
}

function unknown(json: boolean, why: string): number {
  answer(json, { status: 'unknown', bundles: [] }, () => `RELAYMAP UNKNOWN - ${why}`);
  return HEALTH_EXIT.unknown;
}

function answer(json: boolean, found: Health, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(found) : text()}\n`);
}
