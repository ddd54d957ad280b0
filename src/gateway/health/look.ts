/**
 * Health as it is now: reads status, maps and keys, and has them graded. What the plugin, `/healthz`, `/metrics`
 * and the textfile have in common. Reads only: no root, no network, no lock. A map that is not the one on record is
 * looked at again while a run is at work.
 */
import { isAtWork } from '../../io/lock-held.ts';
import type { GatewayConfig } from '../config.ts';
import { readAsking } from './asking.ts';
import { health, type Health, type HealthFacts } from './grade.ts';
import { directoryMark } from '../keys/ring-fingerprint.ts';
import { knownAt, readStatus, type Status } from './status.ts';
import { readStaleRecord } from '../record/stale-record.ts';
import { liveDamage } from '../maps/live-damage.ts';

export interface HealthLook {
  readonly health: Health;
  /** Null where no cycle has ever ended here, or where its report cannot be read. */
  readonly status: Status | null;
  /** Why health is unknown. */
  readonly unknown: string | null;
}

/**
 * How long a cycle is waited for that may just be putting new maps in place of those on record, and how long
 * between two looks. Milliseconds.
 */
const SETTLING = 5_000;
const AGAIN = 100;

/** @param deep hash the live maps too. */
export async function lookAtHealth(config: GatewayConfig, now: Date, deep: boolean): Promise<HealthLook> {
  let wasAtRest = false;
  for (let left = SETTLING / AGAIN; ; left--) {
    const { isDamaged, ...look } = await lookOnce(config, now, deep);
    // Asked only where something is wrong: the kernel takes its time to list the locks.
    const rests = isDamaged && !['lock', 'stale.lock'].some((name) => isAtWork(config.state_dir, undefined, name));
    // A run that was at work while we looked may have ended before we asked: what is damaged at rest is looked at
    // once more.
    if (!isDamaged || left <= 0 || (rests && wasAtRest)) return look;
    wasAtRest = rests;
    if (!rests) await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

async function lookOnce(
  config: GatewayConfig,
  now: Date,
  deep: boolean,
): Promise<HealthLook & { readonly isDamaged: boolean }> {
  const status = readStatus(config.state_dir);
  if (status.is === 'corrupt') {
    const unknown = `status.json is damaged (${status.why}); the next cycle writes it: relaymap fetch`;
    return { health: { status: 'unknown', bundles: [] }, status: null, unknown, isDamaged: false };
  }
  const facts = status.is === 'absent' ? null : knownAt(status.value, now);
  const verified = facts === null ? new Map<string, boolean | null>() : await underNewKeys(config, facts);
  const verifies = ({ name }: { readonly name: string }) => verified.get(name) ?? null;
  const mapDamage = facts?.maps == null ? null : await liveDamage(config.map_dir, facts.maps, deep);
  const stale = await staleFacts(config, deep);
  const asking = readAsking(config.state_dir);
  const found = health({
    config,
    status: facts,
    mapDamage,
    now,
    verifies,
    asking,
    ...(stale === null ? {} : { stale }),
  });
  const isDamaged = mapDamage !== null || stale?.damage != null;
  return { health: found, status: facts, unknown: null, isDamaged };
}

/** Null where the map was never written; a record that is damaged is written again by the next run. */
async function staleFacts(config: GatewayConfig, deep: boolean): Promise<NonNullable<HealthFacts['stale']> | null> {
  const record = readStaleRecord(config.state_dir);
  if (record.is !== 'whole') return null;
  const { outOfDate, files, reload } = record.value;
  return { outOfDate, damage: await liveDamage(config.map_dir, files, deep), untold: reload !== undefined };
}

/** By bundle whose keys have changed since the last cycle: whether its live copy verifies under them. */
async function underNewKeys(config: GatewayConfig, facts: Status): Promise<Map<string, boolean | null>> {
  const verified = new Map<string, boolean | null>();
  for (const bundle of config.bundle) {
    const live = facts.bundles.find((b) => b.name === bundle.name);
    if (live === undefined || isSameRing(bundle, live.keyring?.start ?? live.ring)) continue;
    // Loaded for this rare case alone: verifying costs more than all the rest.
    const { verifiesNow } = await import('./live-copy-trust.ts');
    verified.set(bundle.name, verifiesNow(config.state_dir, bundle, live));
  }
  return verified;
}

function isSameRing(bundle: GatewayConfig['bundle'][number], ring: string): boolean {
  try {
    return directoryMark(bundle) === ring;
  } catch {
    return true; // keys that cannot be read are the next cycle's CONFIG, not a change
  }
}
