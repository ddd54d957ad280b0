/**
 * The record and the live maps: looked at without the lock; or, under it, mended first, so that every command that
 * may change something stands on a record that is read or rebuilt, an interrupted installation that is completed,
 * and live maps that are what was installed.
 */
import path from 'node:path';
import { StepError } from '../../errors.ts';
import { makeFolder } from '../../io/atomic-file.ts';
import { takeLock } from '../../io/lock.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { removeUnfinished } from '../maps/live-maps.ts';
import { type MapMaker } from '../maps/make-maps.ts';
import { hashedNow, hashedToday } from '../maps/map-damage.ts';
import { mapGroup } from '../mta/map-group.ts';
import { Copies } from '../record/copies.ts';
import { StateFiles, type GatewayState } from '../record/state.ts';
import { illnessOf, heal } from './heal.ts';
import type { Holder } from './rebuild-bundle.ts';
import { recover, type Chains, type Recovery } from './recover.ts';
import type { SessionContext } from './session-context.ts';

/** Seconds to wait for another run. It holds the lock for no longer than an installation takes. */
const LOCK_WAIT = 30;

/** @throws HostError BUSY, NO_SPACE, INTERNAL, or what the work throws */
export async function withLock<T>(
  { config, log, signal, takeLock: take = takeLock }: Pick<SessionContext, 'config' | 'log' | 'signal' | 'takeLock'>,
  work: () => T | Promise<T>,
  wait = LOCK_WAIT,
): Promise<T> {
  makeFolder(config.state_dir, 0o755);
  const waits = (holder: string) => log('notice', `waiting for another run to end: ${holder}`);
  const lock = await take(path.join(config.state_dir, 'lock'), wait, waits, signal);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** What reads and writes the record, the copies and the maps of a configuration. Made without touching them. */
export interface Tools {
  readonly files: StateFiles;
  readonly copiesOf: (name: string) => Copies;
  readonly maker: MapMaker;
}

/** By context: a cycle asks for them at each of its steps. */
const known = new WeakMap<SessionContext, Tools>();

export function toolsOf(cx: SessionContext): Tools {
  const tools = known.get(cx) ?? newTools(cx);
  known.set(cx, tools);
  return tools;
}

function newTools({ config, now, log }: SessionContext): Tools {
  const files = new StateFiles(config.state_dir);
  const gid = mapGroup(config);
  const copies = new Map(config.bundle.map((b) => [b.name, new Copies(config.state_dir, b.name, gid)]));
  const copiesOf = (name: string) => copies.get(name) ?? new Copies(config.state_dir, name, gid);
  const said = new Set<string>();
  const maker: MapMaker = {
    config,
    files,
    copiesOf,
    gid,
    now,
    warn: (message) => log('warning', message),
    // A reload that is still due is found at two steps of one cycle.
    log: (message) => {
      if (!said.has(message)) log('notice', message);
      said.add(message);
    },
  };
  return { files, copiesOf, maker };
}

/** The record as far as it can be made out. Writes nothing. @throws StateError, HostError CONFIG */
export function readRecord(
  cx: SessionContext,
  { files, copiesOf }: Tools,
  rebuild: readonly string[],
  log: (message: string) => void,
): Promise<Recovery> {
  const { config } = cx;
  requireUnwritable('state_dir', config.state_dir);
  requireUnwritable('map_dir', config.map_dir);
  const holders: Holder[] = cx.bundles.map((start) => ({
    name: start.bundle.name,
    start,
    copies: copiesOf(start.bundle.name),
  }));
  return recover({ config, files, holders, rebuild: new Set(rebuild), log });
}

/**
 * The record, read without the lock.
 * @returns null where it or the live maps must be mended first, or another run is changing them: only the lock can
 * tell.
 * @throws HostError CONFIG
 */
export async function lookAtRecord(cx: SessionContext, tools: Tools): Promise<Recovery | null> {
  try {
    const found = await readRecord(cx, tools, [], () => undefined);
    const { state, changed } = found;
    return changed || tools.files.isPending() || illnessOf(cx, state) !== null ? null : found;
  } catch (error) {
    if (error instanceof StepError && error.code !== 'STATE_CORRUPT') throw error;
    return null;
  }
}

export interface Session extends Tools {
  readonly state: GatewayState;
  /** By bundle. */
  readonly chains: Chains;
  /** The copies could not serve to make the maps again: whole tables are needed. */
  readonly broken: boolean;
}

export interface SessionOptions {
  /** The bundles whose floor `--rebuild-state` gives up. */
  readonly rebuild?: readonly string[];
  /** The live maps were looked at a moment ago, and were in order. */
  readonly isLookedAt?: boolean;
}

/**
 * Needs the lock.
 * @throws StateError STATE_CORRUPT, InstallError, HostError NO_SPACE; CONFIG where others could write the state or
 * the maps.
 */
export async function openSession(
  cx: SessionContext,
  { rebuild = [], isLookedAt = false }: SessionOptions = {},
): Promise<Session> {
  const { config } = cx;
  const tools = toolsOf(cx);
  const { files, maker } = tools;
  files.removeUnfinished();
  removeUnfinished(config.map_dir);
  const { state, changed, chains } = await readRecord(cx, tools, rebuild, maker.warn);
  const illness = illnessOf(isLookedAt ? { ...cx, hashed: 'here' } : cx, state);
  if (illness !== null) return { ...tools, state, chains, broken: await heal(maker, state, illness.damage) };
  const { maps } = state;
  // Once a day where each run is a process of its own: from here on for a day the record stands for the bytes.
  const isHashed = cx.hashed === 'on record' && maps !== null && !hashedToday(maps, cx.now);
  if (isHashed) maps.hashed = hashedNow(config.map_dir, Object.keys(maps.files), cx.now);
  if (changed || isHashed) files.write(state);
  if (changed) files.dropPending();
  return { ...tools, state, chains, broken: false };
}
