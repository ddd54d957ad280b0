/** `relaymap health`: reads config, status and maps, and grades them. Needs no root, no network and no lock. */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { readGatewayConfig } from '../../gateway/config.ts';
import { HEALTH_EXIT, type Health } from '../../gateway/health/grade.ts';
import { healthJson, healthText } from '../../gateway/health/health-text.ts';
import { lookAtHealth } from '../../gateway/health/look.ts';
import { StepError } from '../../errors.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { becomeOwner } from '../become-owner.ts';

export interface HealthOptions {
  readonly config: string;
  readonly json: boolean;
  readonly deep: boolean;
}

export async function healthCommand(options: HealthOptions, now: Date): Promise<number> {
  try {
    const config = readGatewayConfig(options.config);
    await becomeOwner(config.state_dir);
    if (options.deep) {
      const { requireReadable } = await import('./state-rights.ts');
      const maps = ['relay_recipients', 'relay_domains'].map((name) => path.join(config.map_dir, `${name}.cdb`));
      requireReadable('to read the maps', config.state_dir, maps);
    }
    const { health, unknown: why } = await lookAtHealth(config, now, options.deep);
    if (why !== null) return await unknown(options.json, why);
    return await answer(options.json, health, () => healthText(health, config, now));
  } catch (error) {
    const why =
      error instanceof StepError ? `${error.code}: ${error.message}` : `INTERNAL: ${(error as Error).message}`;
    return unknown(options.json, why);
  }
}

function unknown(json: boolean, why: string): Promise<number> {
  return answer(json, { status: 'unknown', bundles: [] }, () => `RELAYMAP UNKNOWN - ${printable(why)}`);
}

/** Avoids process.stdout, which would load Node's streams and sockets for one line. @returns the exit status */
async function answer(json: boolean, found: Health, text: () => string): Promise<number> {
  try {
    writeSync(1, `${json ? jsonLine(healthJson(found)) : text()}\n`);
    return HEALTH_EXIT[found.status];
  } catch (error) {
    const { log } = await import('../../io/log.ts');
    log('error', `the answer cannot be written: ${(error as Error).message}`);
    return HEALTH_EXIT.unknown;
  }
}
