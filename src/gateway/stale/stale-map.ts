/**
 * Keeps `map_dir/stale_domains` true (docs/commands.md section 2.6): the domains for which the mail server defers
 * unknown recipients instead of rejecting them, because their list is out of date. The map is always there, and never
 * removed: without it known recipients would be deferred as well. It has a lock of its own and needs no other, so
 * that it is written while a cycle hangs.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { makeFolder } from '../../io/atomic-file.ts';
import { takeLock } from '../../io/lock.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { domainRows } from '../../map/domains.ts';
import type { GatewayConfig } from '../config.ts';
import { STALE_MAP } from '../map-files.ts';
import { compileRows } from '../maps/compile.ts';
import { fileRecords, install, liveRecords, requirePlaces } from '../maps/install.ts';
import { removeHalfMade } from '../maps/live-maps.ts';
import { mapDamage } from '../maps/map-damage.ts';
import { KINDS } from '../mta-kinds.ts';
import { mtaOf } from '../mta/of-config.ts';
import { mapGroup } from '../mta/map-group.ts';
import { reloadLineOf } from '../mta/reload-line.ts';
import { outOfDate } from '../out-of-date.ts';
import { readStaleRecord, writeStaleRecord, type StaleRecord } from '../record/stale-record.ts';
import { domainsOf, placesOf, type BundleFacts, type Place } from './stale-domains.ts';

/** What the mail server does with whoever it would reject in a domain of the map (access(5)). */
export const DEFER = 'DEFER_IF_REJECT 4.3.0 recipient list out of date';
/** The one row of a map that does nothing. */
const NOTHING = { key: 'none.invalid', value: 'DUNNO' };

export interface StaleContext {
  readonly config: GatewayConfig;
  readonly now: Date;
  readonly log: (level: 'warning' | 'notice', message: string) => void;
  /** What `status.json` says now, read again under the lock; null where it is absent or damaged. */
  readonly facts: () => readonly BundleFacts[] | null;
  /** Seconds to wait for another run. */
  readonly wait: number;
}

/** What the map is to be made of. */
interface Plan {
  readonly names: readonly string[];
  readonly places: readonly Place[];
  readonly inputs: string;
}

/**
 * Writes the map where it is not what it should be.
 * @returns the record of the live map.
 * @throws HostError BUSY, NO_SPACE, CONFIG; CompileError, InstallError: the map stays as it was.
 */
export async function updateStaleMap(cx: StaleContext): Promise<StaleRecord> {
  const { config } = cx;
  requireUnwritable('state_dir', config.state_dir);
  requireUnwritable('map_dir', config.map_dir);
  const now = inPlace(config, planOf(cx));
  if (now !== null && now.reload !== 'pending') return now;
  makeFolder(config.state_dir, 0o755);
  const lock = await takeLock(path.join(config.state_dir, 'stale.lock'), cx.wait);
  try {
    const plan = planOf(cx);
    const record = inPlace(config, plan) ?? (await write(cx, plan));
    return record.reload === 'pending' ? told(cx, record) : record;
  } finally {
    lock.release();
  }
}

function planOf({ config, facts, now }: StaleContext): Plan {
  const known = config.stale === undefined ? null : facts();
  const names = outOfDate(config, known, now);
  const places = placesOf(config, names, known);
  const patterns = places.map(({ name }) => config.bundle.find((b) => b.name === name)?.domains ?? null);
  const form = formOf(config) === 'pairs' ? [] : [formOf(config)];
  const text = JSON.stringify([1, config.map_dir, config.maps.types, DEFER, places, patterns, ...form]);
  return { names: places.map(({ name }) => name), places, inputs: createHash('sha256').update(text).digest('hex') };
}

/** OpenSMTPD matches a recipient with a list of addresses and `@domain`: it knows no table of answers. */
const formOf = ({ mta }: GatewayConfig): 'pairs' | 'wildcards' =>
  KINDS[mta.kind].text === 'list' ? 'wildcards' : 'pairs';

/** The record, where the map is to the byte what the plan would make. */
function inPlace({ state_dir: stateDir, map_dir: mapDir }: GatewayConfig, { inputs }: Plan): StaleRecord | null {
  const record = readStaleRecord(stateDir);
  if (record.is !== 'whole' || record.value.inputs !== inputs) return null;
  return mapDamage(mapDir, record.value.files) === null ? record.value : null;
}

async function write(cx: StaleContext, plan: Plan): Promise<StaleRecord> {
  const { config, now, log } = cx;
  const last = readStaleRecord(config.state_dir);
  const before = last.is === 'whole' ? last.value : null;
  const domains = await domainsOf(config, plan.places);
  removeHalfMade(config.map_dir, STALE_MAP);
  const isEmpty = domains.size === 0;
  const rows = isEmpty ? nothing() : domains;
  const rules = {
    mapDir: config.map_dir,
    value: isEmpty ? NOTHING.value : DEFER,
    types: config.maps.types,
    text: formOf(config),
    expected: rows.size,
    gid: mapGroup(config),
    warn: (message: string) => log('warning', message),
  };
  let made;
  try {
    made = await compileRows(STALE_MAP, domainRows(rows), rules);
    requirePlaces(made);
    const live = liveRecords(made);
    const files = live ?? fileRecords(made);
    const { appeared } = live === null ? install(made) : { appeared: false };
    // On record before it happens, so that a process killed in between still has the server told afterwards.
    const isDue = live === null && asksNow(config, appeared);
    const record: StaleRecord = {
      format: 1,
      at: now.toISOString(),
      inputs: plan.inputs,
      outOfDate: [...plan.names],
      domains: domains.size,
      ...(isDue ? { reload: 'pending' } : {}),
      files,
    };
    writeStaleRecord(config.state_dir, record);
    tell(cx, before, record);
    return record;
  } finally {
    for (const { file } of made?.files ?? []) file.discard();
    removeHalfMade(config.map_dir, STALE_MAP); // what a postmap that failed has half made
  }
}

function nothing(): DomainSet {
  const set = new DomainSet();
  const key = Buffer.from(NOTHING.key);
  set.add(key, 0, key.length, 0);
  return set;
}

/**
 * Whether the server must be told: of each change, where it keeps its tables in memory; else of a map that it was to
 * ask while there was none, since it does not notice that it has appeared.
 */
function asksNow(config: GatewayConfig, appeared: boolean): boolean {
  const mta = mtaOf(config);
  if (mta.reloadAfter === 'change') return true;
  if (mta.reloadAfter === 'never' || !appeared) return false;
  return mta.look().some(({ uses }) => uses?.some(({ map }) => map === STALE_MAP) === true);
}

/** Tells the server, or asks for it; what is still pending is tried again by the next run. */
function told({ config, log }: StaleContext, record: StaleRecord): StaleRecord {
  const mta = mtaOf(config);
  const result = mta.reload();
  if (result === 'pending') {
    const what = mta.reloadAfter === 'change' ? 'has changed' : 'has appeared';
    log('warning', `${STALE_MAP} ${what}: ${mta.name} must be told: ${reloadLineOf(config)}`);
  }
  const next: StaleRecord = { ...record, reload: result === 'done' ? undefined : result };
  if (result !== 'pending') writeStaleRecord(config.state_dir, next);
  return next;
}

/** The switch to deferring and back, once each. */
function tell({ log }: StaleContext, before: StaleRecord | null, { outOfDate: names, domains }: StaleRecord): void {
  const was = before?.outOfDate ?? [];
  if (names.join() === was.join()) return;
  if (names.length === 0) {
    log('notice', `${was.join(', ')}: up to date again; unknown recipients are rejected as before`);
    return;
  }
  const count = domains === 1 ? '1 domain' : `${domains} domains`;
  log('warning', `${names.join(', ')}: out of date; unknown recipients of ${count} are deferred, not rejected`);
}
