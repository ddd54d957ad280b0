/**
 * What every command that may change something stands on: the lock, the record read or rebuilt, an interrupted installation completed,
 * and live maps that are what was installed.
 */
import path from 'node:path';
import { makeFolder } from '../../io/atomic-file.ts';
import { takeLock } from '../../io/lock.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { Copies } from '../record/copies.ts';
import { removeUnfinished } from '../maps/live-maps.ts';
import { type MapMaker } from '../maps/make-maps.ts';
import { hashedNow, hashedToday } from '../maps/map-damage.ts';
import { postfixGroup } from '../mta/postfix/commands.ts';
import { recover } from './recover.ts';
import type { Holder } from './rebuild-bundle.ts';
import { StateFiles, type GatewayState } from '../record/state.ts';
import { illnessOf, heal } from './heal.ts';
import type { SessionContext } from './session-context.ts';

const LOCK_WAIT = 30;

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

/**
 * @param rebuild the bundles whose floor `--rebuild-state` gives up
 * @throws StateError STATE_CORRUPT, InstallError, HostError NO_SPACE; CONFIG where others could write the state or the maps.
 */
export async function openSession(cx: SessionContext, rebuild: readonly string[]): Promise<Session> {
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
  const { state, changed } = await recover({ config, files, holders, rebuild: new Set(rebuild), log: maker.warn });
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
