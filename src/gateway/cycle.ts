/**
 * The hallway: the steps of a cycle in their order (commands.md section 2.3), one catch per bundle and one for the cycle. It decides
 * nothing that a step decides. Always ends in a report.
 *
 *   lock -> recover -> heal -> per bundle (source -> verify -> judge -> obtain -> judge) -> union -> compile -> install -> commit -> report
 */
import path from 'node:path';
import type { Ring } from '../bundle/verify.ts';
import { HostError, StepError, UnionError } from '../errors.ts';
import { makeFolder, translateSpace } from '../io/atomic-file.ts';
import { takeLock } from '../io/lock.ts';
import { bundleCycle, type BundleResult } from './bundle-cycle.ts';
import type { BundleConfig, GatewayConfig } from './config.ts';
import { Copies } from './copies.ts';
import { mapDamage, removeMaps } from './live-maps.ts';
import { advance, allCopies, namedEnvelopes } from './ledger.ts';
import { makeMaps, mapInputs, settleReload, type MapMaker } from './make-maps.ts';
import { failure, overall, type BundleOutcome, type Outcome } from './outcome.ts';
import { postfixGroup } from './postfix.ts';
import { recover, type Holder } from './recover.ts';
import { report, type Warnings } from './report.ts';
import type { Source } from './source.ts';
import { bundleState, StateFiles, type CopyRef, type GatewayState } from './state.ts';

const LOCK_WAIT = 30;

/** A bundle of the config with its starting ring, read while the process still may read it. */
export interface TrustedBundle {
  readonly bundle: BundleConfig;
  readonly ring: Ring;
}

export interface CycleOptions {
  readonly force: boolean;
  readonly acceptShrink: boolean;
  readonly partial: boolean;
  /** Judge what would be done; install nothing, remember nothing. */
  readonly dryRun: boolean;
  readonly rebuildState: boolean;
}

export interface CycleContext {
  readonly config: GatewayConfig;
  readonly bundles: readonly TrustedBundle[];
  readonly options: CycleOptions;
  /** Null for a bundle that is not asked for in this cycle. */
  readonly sourceOf: (bundle: BundleConfig) => Source | null;
  readonly now: Date;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  readonly log: (level: 'warning' | 'notice', message: string) => void;
}

/** Never throws: whatever goes wrong is in the outcome. */
export async function cycle(cx: CycleContext): Promise<Outcome> {
  const warnings: Warnings = new Map();
  let outcome: Outcome;
  let state: GatewayState | null = null;
  try {
    makeFolder(cx.config.state_dir, 0o755);
    const lockFile = path.join(cx.config.state_dir, 'lock');
    const lock = await takeLock(lockFile, LOCK_WAIT, () => cx.log('notice', 'waiting for another run to end'));
    try {
      ({ outcome, state } = await locked(cx, warnings));
      if (!cx.options.dryRun) report(cx.config, state, outcome, warnings, cx.now);
    } catch (error) {
      outcome = asFailure(error);
      report(cx.config, null, outcome, warnings, cx.now);
    } finally {
      lock.release();
    }
  } catch (error) {
    outcome = asFailure(error); // no lock, or no room even for the report
  }
  return outcome;
}

function asFailure(error: unknown): Outcome {
  const { code, message } = asStepError(error);
  return failure(code, message);
}

function asStepError(error: unknown): StepError {
  const e = translateSpace(error, 'the state');
  if (e instanceof StepError) return e;
  return new HostError('INTERNAL', e instanceof Error ? e.message : String(e), e);
}

async function locked(cx: CycleContext, warnings: Warnings): Promise<{ outcome: Outcome; state: GatewayState }> {
  const { config, options } = cx;
  const files = new StateFiles(config.state_dir);
  const gid = postfixGroup();
  const copies = new Map(config.bundle.map((b) => [b.name, new Copies(config.state_dir, b.name, gid)]));
  const copiesOf = (name: string) => copies.get(name) ?? new Copies(config.state_dir, name, gid);
  const warn = (name: string) => (message: string) => {
    cx.log('warning', `${name}: ${message}`);
    warnings.set(name, [...(warnings.get(name) ?? []), message]);
  };
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
  const { state, changed } = await recover(config, files, holders, options.rebuildState, (m) => cx.log('warning', m));
  const broken = await heal(maker, state, changed);
  const before = JSON.stringify(state);

  const asked = cx.bundles.flatMap((trusted) => {
    const source = cx.sourceOf(trusted.bundle);
    return source === null ? [] : [{ trusted, source }];
  });
  const runs = await Promise.all(
    asked.map(({ trusted, source }) => {
      const { name } = trusted.bundle;
      return runBundle(cx, trusted, source, state, copiesOf(name), broken, warn(name));
    }),
  );
  if (options.dryRun) {
    clean(JSON.parse(before) as GatewayState, copiesOf); // what was only looked at
    return {
      outcome: overall(
        runs.map((run) => ({ ...outcomeOf(run, state), ...(isNew(run.result) ? { would: run.result.change } : {}) })),
      ),
      state,
    };
  }
  const settled = await bringLive(cx, maker, state, runs);
  const kept = settled.state;
  if (JSON.stringify(kept) !== before) files.write(kept);
  settleReload(maker, kept);
  clean(kept, copiesOf);
  return { outcome: overall(settled.runs.map((run) => outcomeOf(run, kept))), state: kept };
}

/**
 * Makes the live maps again where they are not what was installed: from the copies, without the network, looking at neither
 * expiry nor keys: mail first. What is damaged and cannot be rebuilt is removed.
 * @returns whether the copies could not serve, so that whole tables are needed again.
 */
async function heal(maker: MapMaker, state: GatewayState, changed: boolean): Promise<boolean> {
  const { config } = maker;
  const installed = config.bundle.filter((b) => state.bundles[b.name]?.installed);
  const damage = state.maps === null ? null : mapDamage(config.map_dir, state.maps.files, true);
  const lost = state.maps === null && installed.length === config.bundle.length;
  if (damage === null && !lost) {
    if (changed) maker.files.write(state);
    if (changed) maker.files.dropPending();
    return false;
  }
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
    if (damage !== null) removeMaps(config.map_dir);
    if (damage !== null) state.maps = null;
    maker.files.write(state);
    return true;
  }
}

interface Run {
  readonly name: string;
  readonly result: BundleResult | StepError;
  readonly wireBytes: number;
  readonly ms: number;
}

async function runBundle(
  cx: CycleContext,
  { bundle, ring }: TrustedBundle,
  source: Source,
  state: GatewayState,
  copies: Copies,
  broken: boolean,
  warn: (message: string) => void,
): Promise<Run> {
  const started = cx.clock();
  let result: Run['result'];
  try {
    result = await bundleCycle({
      bundle,
      config: cx.config,
      ring,
      state: bundleState(state, bundle.name),
      copies,
      source,
      now: cx.now,
      force: cx.options.force || broken,
      acceptShrink: cx.options.acceptShrink,
      warn,
    });
  } catch (error) {
    result = asStepError(error);
  } finally {
    await source.close();
  }
  return { name: bundle.name, result, wireBytes: source.received(), ms: Math.round(cx.clock() - started) };
}

/** Takes the new copies live, or keeps everything as it is and says why. */
async function bringLive(
  cx: CycleContext,
  maker: MapMaker,
  state: GatewayState,
  runs: readonly Run[],
): Promise<{ state: GatewayState; runs: readonly Run[] }> {
  const { config, options } = cx;
  const next = structuredClone(state);
  for (const { name, result } of runs) {
    if (result instanceof StepError) continue;
    const st = bundleState(next, name);
    if (result.is === 'new') advance(st, result.copy, config.maps.keep, cx.now);
    else st.unconditional = false;
    // ETags only for a payload that is live once this state is: kept after activation, not after download.
    if (result.etags === null) continue;
    st.etags = {
      ...Object.fromEntries(Object.entries(st.etags).filter(([, e]) => e.digest === st.installed?.digest)),
      ...result.etags,
    };
  }
  const missing = config.bundle.filter((b) => !next.bundles[b.name]?.installed).map((b) => b.name);
  if (state.maps === null && missing.length > 0 && !options.partial) return waiting(state, runs, missing);
  if (missing.length === config.bundle.length) return { state, runs };
  const fresh = runs.some(({ result }) => !(result instanceof StepError) && result.is === 'new');
  const forced = options.force && fresh;
  if (!forced && next.maps !== null && next.maps.inputs === mapInputs(config, next)) return { state: next, runs };
  try {
    await makeMaps(maker, next);
    return { state: next, runs };
  } catch (error) {
    const failed = asStepError(error);
    if (!fresh) throw failed;
    return { state, runs: runs.map((run) => (isNew(run.result) ? { ...run, result: failed } : run)) };
  }
}

const isNew = (result: Run['result']): result is BundleResult & { is: 'new' } =>
  !(result instanceof StepError) && result.is === 'new';

/** First appearance: nothing is installed until every configured bundle has a good copy; mail is deferred, not rejected. */
function waiting(
  state: GatewayState,
  runs: readonly Run[],
  missing: readonly string[],
): { state: GatewayState; runs: readonly Run[] } {
  const error = new UnionError(
    'WAITING',
    `a good copy is here and waits for the first copy of ${missing.join(', ')}; to go on without: --partial`,
  );
  return {
    state,
    runs: runs.map((run) => {
      if (!isNew(run.result)) return run;
      bundleState(state, run.name).waiting = run.result.copy;
      return { ...run, result: error };
    }),
  };
}

function outcomeOf({ name, result, wireBytes, ms }: Run, state: GatewayState): BundleOutcome {
  const live: CopyRef | null = state.maps === null ? null : (state.bundles[name]?.installed ?? null);
  const installed = { version: live?.version ?? null, rows: live?.rows ?? null };
  if (result instanceof StepError) {
    return {
      name,
      outcome: 'kept',
      code: result.code,
      message: result.message,
      ...installed,
      via: 'none',
      wireBytes,
      ms,
    };
  }
  const outcome = result.is === 'new' ? 'installed' : 'unchanged';
  const via = result.is === 'new' ? result.via : 'none';
  return { name, outcome, code: null, message: null, ...installed, via, wireBytes, ms };
}

/** Tables and envelopes that no record names any more. */
function clean(state: GatewayState, copiesOf: (name: string) => Copies): void {
  for (const [name, st] of Object.entries(state.bundles)) {
    const tables = [...allCopies(st), ...(st.waiting === null ? [] : [st.waiting])].map((c) => c.table);
    copiesOf(name).clean(new Set(tables), namedEnvelopes(st));
  }
}
