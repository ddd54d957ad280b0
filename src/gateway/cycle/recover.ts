/**
 * The start of every cycle: read the record, rebuild a corrupt one from the signed envelopes, complete or drop a
 * pending set. Never takes a corrupt record for a fresh start (docs/commands.md section 2.3, State).
 */
import type { GatewayConfig } from '../config.ts';
import { mapsExist } from '../maps/live-maps.ts';
import { chainOnRecord, currentRing, dropLostSteps, type Chain } from '../record/chain.ts';
import { tablesOf, type Copies } from '../record/copies.ts';
import { settle } from '../record/version-history.ts';
import {
  bundleState,
  freshState,
  stateCorrupt,
  StateFiles,
  type BundleState,
  type GatewayState,
} from '../record/state.ts';
import {
  giveUpFloor,
  hints,
  NO_HINTS,
  rebuildBundle,
  rebuildBundleByHand,
  type Hints,
  type Holder,
} from './rebuild-bundle.ts';

/** By bundle: which keys are trusted, and by which steps. */
export type Chains = ReadonlyMap<string, Chain>;

export interface Recovery {
  readonly state: GatewayState;
  readonly chains: Chains;
  /** The record on disk does not say this yet. */
  readonly changed: boolean;
}

export interface RecoverContext {
  readonly config: GatewayConfig;
  readonly files: StateFiles;
  readonly holders: readonly Holder[];
  /** The bundles that `--rebuild-state` names. */
  readonly rebuild: ReadonlySet<string>;
  readonly log: (message: string) => void;
}

/** Reads, and writes nothing. @throws StateError STATE_CORRUPT */
export async function recover(cx: RecoverContext): Promise<Recovery> {
  const { state, changed } = await found(cx);
  const chains = new Map<string, Chain>();
  let isNew = changed;
  for (const h of cx.holders) {
    if (!Object.hasOwn(state.bundles, h.name) && hasProofs(h)) {
      // It was away while the record was rebuilt, which knew no keys for it. Its floor and its key ring steps are in
      // its own folder.
      state.bundles[h.name] = await rebuild(cx, h, NO_HINTS);
      isNew = true;
    }
    const st = bundleState(state, h.name);
    const isByHand = cx.rebuild.has(h.name);
    if (isByHand) dropLostSteps(h.start, st.keyring, h.copies.steps);
    const chain = chainOnRecord(h.start, st.keyring, h.copies.steps);
    chains.set(h.name, chain);
    if (!isByHand) {
      settle(h.name, st, h.copies, currentRing(chain));
      continue;
    }
    isNew = true;
    // Without its live copy the maps are made only once every bundle has one again.
    if (!giveUpFloor(h, st, currentRing(chain), cx.log)) state.maps = null;
  }
  return { state, changed: isNew, chains };
}

/** Whether something is stored that a record could be rebuilt from. */
const hasProofs = ({ copies }: Holder): boolean =>
  copies.envelopes.good().length > 0 || copies.steps.numbers().length > 0;

const rebuild = (cx: RecoverContext, h: Holder, hint: Hints): Promise<BundleState> =>
  cx.rebuild.has(h.name) ? rebuildBundleByHand(h, hint) : rebuildBundle(h, hint);

type Found = Omit<Recovery, 'chains'>;

async function found(cx: RecoverContext): Promise<Found> {
  const { config, files, holders, log } = cx;
  const read = files.read();
  const pending = files.readPending();
  // Also where the record is lost, or was never written, as in a first installation: the pending set is the whole
  // next record.
  if (pending !== null && (await isComplete(pending, holders, log))) return { state: pending, changed: true };
  const dropped = (state: GatewayState, changed: boolean): Found => {
    if (pending === null) return { state, changed };
    state.reloadPending ??= pending.reloadPending; // a map may have appeared before it was cut short
    return { state, changed: true };
  };
  if (read.is === 'whole') return dropped(read.value, false);
  const hasEnvelopes = (h: Holder) => h.copies.envelopes.good().length > 0;
  const envelopes = holders.some(hasEnvelopes);
  const isAsked = holders.some((h) => cx.rebuild.has(h.name));
  if (read.is === 'absent') {
    // Beside a pending set maps without a record are those of a first installation that was cut short.
    if (pending === null && mapsExist(config.map_dir) && !isAsked)
      throw stateCorrupt(`${config.state_dir} has no state.json, but ${config.map_dir} has maps`);
    if (!envelopes && pending === null && !isAsked) return { state: freshState(), changed: false };
  }
  const why = read.is === 'corrupt' ? read.why : 'it is gone';
  const nameless = holders.find((h) => !cx.rebuild.has(h.name) && !hasEnvelopes(h));
  if (nameless !== undefined && (isAsked || !envelopes))
    throw stateCorrupt(
      `${nameless.name}: state.json is damaged (${why}) and no signed envelope is left to rebuild it from`,
    );
  log(`state.json is damaged (${why}); it is rebuilt from the stored signed envelopes`);
  const state = freshState();
  for (const h of holders) state.bundles[h.name] = await rebuild(cx, h, hints(config.state_dir, h.name));
  return dropped(state, true);
}

async function areWhole(copies: Copies, tables: readonly string[]): Promise<boolean> {
  for (const table of tables) if (!(await copies.isWhole(table))) return false;
  return true;
}

/**
 * A set that was about to be installed: if its copies are whole it is the record now, and healing makes its maps;
 * else it never was.
 */
async function isComplete(
  pending: GatewayState,
  holders: readonly Holder[],
  log: (message: string) => void,
): Promise<boolean> {
  for (const { name, copies } of holders) {
    const installed = pending.bundles[name]?.installed ?? null;
    if (installed === null) continue;
    if (copies.envelope(installed) !== null && (await areWhole(copies, tablesOf(installed)))) continue;
    log(`an interrupted installation is dropped: ${name}'s copy of version ${installed.version} is not whole`);
    return false;
  }
  log('an interrupted installation is completed');
  return true;
}
