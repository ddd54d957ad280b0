/** `relaymap health`: reads config, status and maps, and grades them. Needs no root, no network and no lock. */
import { writeSync } from 'node:fs';
import { becomeOwner } from '../gateway/access.ts';
import { readGatewayConfig, type GatewayConfig } from '../gateway/config.ts';
import { health, healthText, HEALTH_EXIT, type Health } from '../gateway/health.ts';
import { liveDamage } from '../gateway/live-maps.ts';
import { directoryMark } from '../gateway/ring-mark.ts';
import { readStatus, type BundleStatus, type Status } from '../gateway/status.ts';
import { StepError } from '../errors.ts';

export interface HealthOptions {
  readonly config: string;
  readonly json: boolean;
  readonly deep: boolean;
}

export async function healthCommand(options: HealthOptions, now: Date): Promise<number> {
  try {
    const config = readGatewayConfig(options.config);
    becomeOwner(config.state_dir);
    const status = readStatus(config.state_dir);
    if (status.is === 'corrupt') {
      return unknown(options.json, `status.json is damaged (${status.why}); the next cycle writes it: relaymap fetch`);
    }
    const facts = status.is === 'absent' ? null : status.value;
    const verified = facts === null ? new Map<string, boolean | null>() : await underNewKeys(config, facts);
    const verifies = ({ name }: { readonly name: string }) => verified.get(name) ?? null;
    const mapDamage = facts?.maps == null ? null : await liveDamage(config.map_dir, facts.maps, options.deep);
    const found = health({ config, status: facts, mapDamage, now, verifies });
    return await answer(options.json, found, () => healthText(found, config, now));
  } catch (error) {
    const why =
      error instanceof StepError ? `${error.code}: ${error.message}` : `INTERNAL: ${(error as Error).message}`;
    return unknown(options.json, why);
  }
}

/** By bundle whose keys have changed since the last cycle: whether its live copy verifies under them. */
async function underNewKeys(config: GatewayConfig, facts: Status): Promise<Map<string, boolean | null>> {
  const verified = new Map<string, boolean | null>();
  for (const bundle of config.bundle) {
    const live = facts.bundles.find((b) => b.name === bundle.name);
    if (live === undefined || isSameRing(bundle, live)) continue;
    // Loaded for this rare case alone: verifying costs more than all the rest.
    const { verifiesNow } = await import('../gateway/live-trust.ts');
    verified.set(bundle.name, verifiesNow(config.state_dir, bundle, live));
  }
  return verified;
}

function isSameRing(bundle: GatewayConfig['bundle'][number], live: BundleStatus): boolean {
  try {
    return directoryMark(bundle) === live.ring;
  } catch {
    return true; // keys that cannot be read are the next cycle's CONFIG, not a change
  }
}

function unknown(json: boolean, why: string): Promise<number> {
  return answer(json, { status: 'unknown', bundles: [] }, () => `RELAYMAP UNKNOWN - ${why}`);
}

/** Not by process.stdout, which would load Node's streams and sockets for one line. @returns the exit status */
async function answer(json: boolean, found: Health, text: () => string): Promise<number> {
  try {
    writeSync(1, `${json ? JSON.stringify(found) : text()}\n`);
    return HEALTH_EXIT[found.status];
  } catch (error) {
    const { log } = await import('../io/log.ts');
    log('error', `the answer cannot be written: ${(error as Error).message}`);
    return HEALTH_EXIT.unknown;
  }
}
