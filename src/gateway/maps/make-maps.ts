/**
 * From the copies to the live maps: union, compile, pending set, install, commit, reload. Cycle, healing and
 * rollback all change the maps in this one way. Needs the lock.
 */
import { createHash } from 'node:crypto';
import { CompileError, StepError } from '../../errors.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { EarlyMaps } from './early-maps.ts';
import { compile, Draft, type CompileRules } from './compile.ts';
import type { GatewayConfig } from '../config.ts';
import type { Copies, Copy } from '../record/copies.ts';
import { writeFoldingTable } from './folding-table.ts';
import { install, mapsRecord, requirePlaces } from './install.ts';
import { mapsComplete } from './live-maps.ts';
import { hashedNow } from './map-damage.ts';
import { mtaOf } from '../mta/of-config.ts';
import { KINDS } from '../mta-kinds.ts';
import type { GatewayState, StateFiles } from '../record/state.ts';
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
    const table = state.bundles[b.name]?.installed?.table;
    return table === undefined ? [] : [[b.name, b.domains ?? null, table]];
  });
  const { text: form } = KINDS[config.mta.kind];
  // Maps of an earlier version were all of one form.
  const more = form === 'pairs' ? [] : [form];
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
      const table = state.bundles[name]?.installed?.table;
      return table === undefined ? [] : [[name, fresh?.get(name) ?? copiesOf(name).reopen(table)]];
    }),
  );
}

/**
 * Makes the maps that `next` describes and commits it; `next.maps` and `next.reloadPending` are filled in.
 * @param copies of every bundle that `next` says is installed
 * @param early may have made them already
 * @throws CompileError, InstallError, HostError NO_SPACE, TableError for a copy that is not whole
 */
export async function makeMaps(
  maker: MapMaker,
  next: GatewayState,
  copies: GoodCopies,
  early: EarlyMaps | null = null,
): Promise<void> {
  const { config, files } = maker;
  const members = config.bundle.flatMap((b) => {
    const installed = next.bundles[b.name]?.installed ?? null;
    if (installed === null) return [];
    const copy = copies.get(b.name);
    if (copy?.table !== installed.table) throw new StepError('INTERNAL', `no copy of ${b.name}'s installed table`);
    const speaksFor = b.domains === undefined ? null : domainMatcher(b.domains);
    return [{ rows: copy.rows(), speaksFor, installed, copy }];
  });
  const expected = members.reduce((sum, m) => sum + m.installed.rows, 0);
  const bytes = members.reduce((sum, m) => sum + m.installed.bytes, 0);
  const size = cdbBytes(expected, bytes - expected, Buffer.byteLength(config.maps.value));
  if (members.length === 1 && size > MAX_CDB) {
    throw new CompileError('OVER_LIMIT', `the cdb would have ${size} bytes, its format ends at ${MAX_CDB}`);
  }
  const [only] = members;
  const made = members.length === 1 && only !== undefined ? await early?.take(only.copy) : null;
  const map = made ?? (await compile(members, compileRules(maker, expected)));
  try {
    requirePlaces(map);
    writeFoldingTable(config, maker.gid);
    next.maps = mapsRecord(map, mapInputs(config, next));
    // Told before it happens, so that a process killed in between still has the server told afterwards.
    const after = KINDS[config.mta.kind].reloadAfter;
    const isDue = (appeared: boolean) => after === 'change' || (after === 'appearance' && appeared);
    if (isDue(!mapsComplete(config.map_dir, config.maps.types))) reloadIsDue(next, maker.now);
    files.writePending(next);
    if (isDue(install(map).appeared)) reloadIsDue(next, maker.now);
    // They were read back when they were made; a rename is the last thing that changes a ctime.
    next.maps.hashed = hashedNow(config.map_dir, Object.keys(next.maps.files), maker.now);
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
      `${mta.reloadAfter === 'change' ? 'a map has changed' : 'a map has appeared'} and ${mta.name} must be ${mta.reloadAfter === 'change' ? 'told' : 'reloaded once'}: ${mta.reloadLine}`,
    );
  const asked = result === 'asked';
  if (result !== 'done' && asked === state.reloadAsked) return;
  if (result === 'done') state.reloadPending = null;
  state.reloadAsked = asked;
  files.write(state);
}
