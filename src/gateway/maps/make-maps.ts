/**
 * From the copies to the live maps: union, compile, pending set, install, commit, reload. Cycle, healing and
 * rollback all change the maps in this one way. Needs the lock.
 */
import { createHash } from 'node:crypto';
import { CompileError, StepError } from '../../errors.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { EarlyMaps } from './early-maps.ts';
import { compile, Draft } from './compile.ts';
import type { CompileRules } from './map-pair.ts';
import type { GatewayConfig } from '../config.ts';
import type { Copies, Copy } from '../record/copies.ts';
import { writeFoldingTable } from './folding-table.ts';
import { install, mapsRecord, requirePlaces } from './install.ts';
import { mapsComplete } from './live-maps.ts';
import { hashedNow } from './map-damage.ts';
import { mtaOf } from '../mta/of-config.ts';
import { KINDS } from '../mta-kinds.ts';
import { reloadLineOf } from '../mta/reload-line.ts';
import type { CopyRef, GatewayState, StateFiles } from '../record/state.ts';
import { asksNextHops, isOfNextHops, mapsOf, NEXT_HOPS } from '../map-files.ts';
import { nextHopsOf, type HopMember } from './next-hop-routes.ts';
import type { Member } from '../../map/union.ts';
import { cdbBytes, MAX_CDB } from '../../bundle/table/cdb-size.ts';

export interface MapMaker {
  readonly config: GatewayConfig;
  readonly files: StateFiles;
  readonly copiesOf: (name: string) => Copies;
  readonly gid: number | null;
  readonly now: Date;
  readonly warn: (message: string) => void;
  readonly log: (message: string) => void;
}

/** Stands for everything that the maps are made of: with other copies or other settings it is another text. */
export function mapInputs(config: GatewayConfig, state: GatewayState): string {
  const members = config.bundle.flatMap((b) => {
    const installed = state.bundles[b.name]?.installed ?? null;
    if (installed === null) return [];
    const hops = b.next_hops === undefined ? [] : [b.next_hops, installed.transport?.table ?? null];
    return [[b.name, b.domains ?? null, installed.table, ...hops]];
  });
  const { kind } = config.mta;
  const { text: form } = KINDS[kind];
  // Maps of an earlier version were all of one form. A next hop is written as the server reads it.
  const more = [...(form === 'pairs' ? [] : [form]), ...(kind !== 'postfix' && asksNextHops(config) ? [kind] : [])];
  const text = JSON.stringify([1, config.map_dir, config.maps.types, config.maps.value, members, ...more]);
  return createHash('sha256').update(text).digest('hex');
}

/** Begins maps that are made while the table of the only bundle is read; null where the maps are a union of several. */
export const draftEarly = (maker: MapMaker): ((rows: number) => Draft) | null =>
  maker.config.bundle.length > 1 ? null : (rows) => new Draft(compileRules(maker, rows), 'nameless');

const compileRules = ({ config, gid, warn }: MapMaker, expected: number): CompileRules => ({
  mapDir: config.map_dir,
  value: config.maps.value,
  types: config.maps.types,
  text: KINDS[config.mta.kind].text,
  expected,
  gid,
  warn,
});

/** By bundle: the copy that its part of the maps is made of. */
export type GoodCopies = ReadonlyMap<string, Copy>;

/** The copies that `state` says are installed, where `fresh` has not just kept them. */
export function installedCopies({ config, copiesOf }: MapMaker, state: GatewayState, fresh?: GoodCopies): GoodCopies {
  return new Map(
    config.bundle.flatMap(({ name }) => {
      const installed = state.bundles[name]?.installed ?? null;
      if (installed === null) return [];
      const { table, transport } = installed;
      return [[name, fresh?.get(name) ?? copiesOf(name).reopen(table, transport?.table ?? null)]];
    }),
  );
}

export interface Making {
  /** May have made them already. */
  readonly early?: EarlyMaps | null;
  /** The map of next hops stays as it is, good or not: there is nothing to make it of. */
  readonly keepsHops?: boolean;
  /** A live map that would be made the same stays. */
  readonly keepsSame?: boolean;
}

/**
 * Makes the maps that `next` describes and commits it; `next.maps` and `next.reloadPending` are filled in.
 * @param copies of every bundle that `next` says is installed
 * @throws CompileError, InstallError, HostError NO_SPACE, TableError for a copy that is not whole
 */
export async function makeMaps(
  maker: MapMaker,
  next: GatewayState,
  copies: GoodCopies,
  { early = null, keepsHops = false, keepsSame = false }: Making = {},
): Promise<void> {
  const { config, files } = maker;
  const members = membersOf(config, next, copies);
  requireRoom(config, members);
  const hops = () => (keepsHops || !asksNextHops(config) ? null : nextHopsOf(maker, members));
  const [only] = members;
  const live = keepsSame ? (next.maps?.files ?? null) : null;
  let routes = early === null ? null : hops();
  const taken = members.length === 1 && only !== undefined ? await early?.take(only.copy, routes, live) : null;
  // What was begun early and failed has read a part of the rows: they are read anew.
  if (taken == null) routes = hops();
  const expected = members.reduce((sum, m) => sum + m.installed.rows, 0);
  const map = taken ?? (await compile(members, compileRules(maker, expected), routes, live));
  try {
    requirePlaces(map);
    writeFoldingTable(config, maker.gid);
    const before = next.maps?.files ?? {};
    next.maps = mapsRecord(map, keepsHops ? UNMADE : mapInputs(config, next));
    const stay = Object.entries(before).filter(([name]) => keepsHops && isOfNextHops(name));
    Object.assign(next.maps.files, Object.fromEntries(stay));
    // Told before it happens, so that a process killed in between still has the server told afterwards.
    const after = KINDS[config.mta.kind].reloadAfter;
    const isDue = (appeared: boolean) => after === 'change' || (after === 'appearance' && appeared);
    const made = mapsOf(config).filter((name) => !keepsHops || name !== NEXT_HOPS);
    if (isDue(!mapsComplete(config.map_dir, made, config.maps.types))) reloadIsDue(next, maker.now);
    files.writePending(next);
    if (isDue(install(map).appeared)) reloadIsDue(next, maker.now);
    // They were read back when they were made, or hashed now; a rename is the last thing that changes a ctime.
    const names = [...map.files.map(({ name }) => name), ...Object.keys(map.same)];
    next.maps.hashed = hashedNow(config.map_dir, names, maker.now);
    routes?.tell(Object.keys(before).some(isOfNextHops));
  } finally {
    for (const { file } of map.files) file.discard();
  }
  files.write(next);
  dropSettled(maker);
  if (map.left > 0)
    maker.log(
      `${map.left === 1 ? '1 row' : `${map.left} rows`} cannot be written in the text form; in the cdb all the same`,
    );
  settleReload(maker, next);
}

/** Stands for maps that are not what they should be made of: they are made anew as soon as that can be. */
export const UNMADE = createHash('sha256').digest('hex');

/** A bundle whose copy the maps are made of. */
interface MapMember extends Member, HopMember {
  readonly installed: CopyRef;
}

function membersOf(config: GatewayConfig, next: GatewayState, copies: GoodCopies): MapMember[] {
  return config.bundle.flatMap((bundle) => {
    const { name, domains } = bundle;
    const installed = next.bundles[name]?.installed ?? null;
    if (installed === null) return [];
    const copy = copies.get(name);
    if (copy?.table !== installed.table || (copy.nextHops?.table ?? null) !== (installed.transport?.table ?? null))
      throw new StepError('INTERNAL', `no copy of ${name}'s installed tables`);
    const speaksFor = domains === undefined ? null : domainMatcher(domains);
    return [{ rows: copy.rows(), speaksFor, installed, copy, bundle }];
  });
}

/** A union may have fewer rows than its members; of an only one the size is known. */
function requireRoom(config: GatewayConfig, members: readonly MapMember[]): void {
  const [only] = members;
  if (only === undefined || members.length > 1) return;
  const { rows, bytes } = only.installed;
  const size = cdbBytes(rows, bytes - rows, Buffer.byteLength(config.maps.value));
  if (size > MAX_CDB)
    throw new CompileError('OVER_LIMIT', `the cdb would have ${size} bytes, its format ends at ${MAX_CDB}`);
}

/**
 * The record is on disk. A failure from here on must not look as if nothing was installed, or the caller would
 * write the old record over it. A pending set that stays is completed once more at the next start, before anything
 * else is installed.
 */
function dropSettled({ files, warn }: MapMaker): void {
  try {
    files.dropPending();
  } catch (error) {
    warn(`the pending set of what is installed cannot be removed: ${(error as Error).message}`);
  }
}

/** A request that was made before this map appeared does not count for it. */
function reloadIsDue(state: GatewayState, now: Date): void {
  state.reloadPending ??= now.toISOString();
  state.reloadAsked = false;
}

/** Has a pending reload done, or asks for it; a request counts as served only if it was made. */
export function settleReload(
  { config, files, log }: Pick<MapMaker, 'config' | 'files' | 'log'>,
  state: GatewayState,
): void {
  if (state.reloadPending === null) return;
  const mta = mtaOf(config);
  const result = state.reloadAsked && mta.reloadServed() ? 'done' : mta.reload();
  if (result === 'pending' || result === 'asked')
    log(
      `${mta.reloadAfter === 'change' ? 'a map has changed' : 'a map has appeared'} and ${mta.name} must be ${mta.reloadAfter === 'change' ? 'told' : 'reloaded once'}: ${reloadLineOf(config)}`,
    );
  const asked = result === 'asked';
  if (result !== 'done' && asked === state.reloadAsked) return;
  if (result === 'done') state.reloadPending = null;
  state.reloadAsked = asked;
  files.write(state);
}
