/**
 * What every command that may change something stands on: the lock, the record read or rebuilt, an interrupted installation completed,
 * and live maps that are what was installed.
 */
import path from 'node:path';
import type { Ring } from '../../bundle/trust/verify.ts';
import { HostError, StepError } from '../../errors.ts';
import { makeFolder, translateSpace } from '../../io/atomic-file.ts';
import { takeLock, type TakeLock } from '../../io/lock.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { Copies } from '../record/copies.ts';
import { removeUnfinished, type LiveMaps } from '../maps/live-maps.ts';
import { makeMaps, type MapMaker } from '../maps/make-maps.ts';
import { hashedNow, hashedToday, mapDamage, recordedDamage, removeDamaged, touchedDamage } from '../maps/map-damage.ts';
import { postfixGroup } from '../mta/postfix/commands.ts';
import { recover, type Holder } from './recover.ts';
import { StateFiles, type GatewayState } from '../record/state.ts';

const LOCK_WAIT = 30;

/** A bundle of the config with its starting ring, read while the process still may read it. */
export interface TrustedBundle {
  readonly bundle: BundleConfig;
  readonly ring: Ring;
}

export interface SessionContext {
  readonly config: GatewayConfig;
  readonly bundles: readonly TrustedBundle[];
  readonly now: Date;
  readonly log: (level: 'warning' | 'notice', message: string) => void;
  /**
   * The live maps were hashed before (commands.md section 2.3, Healing): `here` by this process, so that size, mtime and inode are enough;
   * `on record` by an earlier one, if the record says so.
   */
  readonly hashed?: 'here' | 'on record';
  /** See `CycleContext`: what would take long is left. */
  readonly pollOnly?: boolean;
  /** How the lock is taken; else by a child for each time. */
  readonly takeLock?: TakeLock;
  /** The process is to end: nothing is begun any more, and no waiting goes on. */
  readonly signal?: AbortSignal;
}

export interface Session {
  readonly files: StateFiles;
  readonly state: GatewayState;
  readonly maker: MapMaker;
  readonly copiesOf: (name: string) => Copies;
  /** The copies could not serve to make the maps again: whole tables are needed. */
  readonly broken: boolean;
  /** The live maps are not what was installed, and of a `pollOnly` session they still are not. */
  readonly ill: boolean;
}

/** @throws HostError BUSY, NO_SPACE, INTERNAL, or what the work throws */
export async function withLock<T>(
  { config, log, signal, takeLock: take = takeLock }: SessionContext,
  work: () => Promise<T>,
): Promise<T> {
  makeFolder(config.state_dir, 0o755);
  const waits = (holder: string) => log('notice', `waiting for another run to end: ${holder}`);
  const lock = await take(path.join(config.state_dir, 'lock'), LOCK_WAIT, waits, signal);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** @throws StateError STATE_CORRUPT, InstallError, HostError NO_SPACE; CONFIG where others could write the state or the maps. */
export async function openSession(cx: SessionContext, rebuildState: boolean): Promise<Session> {
  const { config } = cx;
  requireUnwritable('state_dir', config.state_dir);
  requireUnwritable('map_dir', config.map_dir);
  const files = new StateFiles(config.state_dir);
  const gid = postfixGroup();
  const copies = new Map(config.bundle.map((b) => [b.name, new Copies(config.state_dir, b.name, gid)]));
  const copiesOf = (name: string) => copies.get(name) ?? new Copies(config.state_dir, name, gid);
  const maker: MapMaker = {
    config,
    files,
    copiesOf,
    gid,
    now: cx.now,
    warn: (message) => cx.log('warning', message),
    log: (message) => cx.log('notice', message),
  };
  const holders: Holder[] = cx.bundles.map(({ bundle, ring }) => ({
    name: bundle.name,
    ring,
    copies: copiesOf(bundle.name),
  }));
  removeUnfinished(config.map_dir);
  const { state, changed } = await recover({ config, files, holders, giveUpFloor: rebuildState, log: maker.warn });
  const session = { files, state, maker, copiesOf };
  const illness = illnessOf(cx, state);
  if (illness !== null && cx.pollOnly === true) return { ...session, broken: false, ill: true };
  if (illness !== null) return { ...session, broken: await heal(maker, state, illness.damage), ill: false };
  const { maps } = state;
  // Once a day where each run is a process of its own: from here on for a day the record stands for the bytes.
  const seen = cx.hashed === 'on record' && maps !== null && !hashedToday(maps, cx.now);
  if (seen) maps.hashed = hashedNow(config.map_dir, Object.keys(maps.files), cx.now);
  if (changed || seen) files.write(state);
  if (changed) files.dropPending();
  return { ...session, broken: false, ill: false };
}

/** Null where the live maps are what was installed. `damage` in words; null where they are gone from the record too. */
function illnessOf({ config, now, hashed }: SessionContext, state: GatewayState): { damage: string | null } | null {
  const installed = config.bundle.filter((b) => state.bundles[b.name]?.installed);
  if (state.maps === null) return installed.length === config.bundle.length ? { damage: null } : null;
  const damage = damageOf(config.map_dir, state.maps, hashed, now);
  return damage === null ? null : { damage };
}

/**
 * Makes the live maps again where they are not what was installed: from the copies, without the network, looking at neither
 * expiry nor keys: mail first. What is damaged and cannot be rebuilt is removed.
 * @returns whether the copies could not serve, so that whole tables are needed again.
 */
async function heal(maker: MapMaker, state: GatewayState, damage: string | null): Promise<boolean> {
  const { config } = maker;
  if (damage !== null) maker.warn(`${damage}; the maps are made again from the last good copies`);
  try {
    await makeMaps(maker, state);
    return false;
  } catch (error) {
    const { code, message } = asStepError(error);
    if (code === 'NO_SPACE' || code === 'INSTALL_FAILED') throw error;
    maker.warn(
      `the maps cannot be made again (${code}: ${message})${damage === null ? '' : '; the damaged ones are removed, mail is deferred'}`,
    );
    if (state.maps !== null) removeDamaged(config.map_dir, state.maps.files);
    state.maps = null;
    maker.files.write(state);
    maker.files.dropPending(); // it would come back over what the cycles from here on remember
    return true;
  }
}

function damageOf(mapDir: string, maps: LiveMaps, hashed: SessionContext['hashed'], now: Date): string | null {
  if (hashed === 'here') return touchedDamage(mapDir, maps.files);
  return hashed === 'on record' && hashedToday(maps, now)
    ? recordedDamage(mapDir, maps)
    : mapDamage(mapDir, maps.files);
}

/** Rights and places, not faults of ours. */
const HOST_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO']);

/** Any error as one with a code. */
export function asStepError(error: unknown): StepError {
  const e = translateSpace(error, 'the state');
  if (e instanceof StepError) return e;
  if (e instanceof Error && 'code' in e && HOST_CODES.has(String(e.code))) {
    return new HostError('CONFIG', `${e.message}; check owner and mode of state_dir and map_dir`, e);
  }
  return new HostError('INTERNAL', e instanceof Error ? e.message : String(e), e);
}
