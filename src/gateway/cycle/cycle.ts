/**
 * The hallway: the steps of a cycle in their order (docs/commands.md section 2.3), one catch per bundle and one for the cycle. It decides
 * nothing that a step decides. Always ends in a report.
 *
 *   lock -> recover -> heal -> per bundle (source -> verify -> judge -> obtain -> judge) -> union -> compile -> install -> commit -> report
 */
import { StepError, UnionError } from '../../errors.ts';
import { Ahead } from '../maps/early-maps.ts';
import { bundleCycle, type BundleResult } from './bundle-cycle.ts';
import type { BundleConfig } from '../config.ts';
import type { Copies } from '../record/copies.ts';
import { advance, allCopies, goodEnvelopes, noteSettings, refOf, rememberSeen } from '../record/version-history.ts';
import { draftAhead, installedCopies, makeMaps, mapInputs, settleReload, type MapMaker } from '../maps/make-maps.ts';
import { failure, overall, type BundleOutcome, type Outcome } from '../outcome.ts';
import { report, type Warnings } from '../health/report.ts';
import { openSession, withLock, type Session } from './session.ts';
import type { Source } from '../fetch/source.ts';
import { bundleState, type CopyRef, type GatewayState } from '../record/state.ts';
import { asStepError } from '../step-error.ts';
import type { SessionContext } from './session-context.ts';
import type { TrustedBundle } from '../keys/trusted-keys.ts';

export interface CycleOptions {
  readonly force: boolean;
  readonly acceptShrink: boolean;
  readonly partial: boolean;
  /** Judge what would be done; install nothing, remember nothing. */
  readonly dryRun: boolean;
  readonly rebuildState: boolean;
}

export interface CycleContext extends SessionContext {
  readonly options: CycleOptions;
  /** Null for a bundle that is not asked for in this cycle. */
  readonly sourceOf: (bundle: BundleConfig) => Source | null;
  /** The one bundle that is asked for; all of them without it. */
  readonly only?: string;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
  /** To do only what is over in a moment: where a table is to be taken or maps are to be made, it ends with `more`, and nothing is done. */
  readonly pollOnly?: boolean;
}

type Done = { readonly outcome: Outcome; readonly state: GatewayState };

/**
 * Never throws: whatever goes wrong is in the outcome.
 * @returns null if `cx.signal` ended it between two steps: nothing was installed, and nothing is reported.
 */
export function cycle(cx: CycleContext & { readonly signal?: undefined; readonly pollOnly?: false }): Promise<Outcome>;
export function cycle(cx: CycleContext & { readonly pollOnly?: false }): Promise<Outcome | null>;
export function cycle(cx: CycleContext): Promise<Outcome | null | 'more'>;
export async function cycle(cx: CycleContext): Promise<Outcome | null | 'more'> {
  const warnings: Warnings = new Map();
  const { config, now, options } = cx;
  try {
    return await withLock(cx, async () => {
      try {
        const session = await openSession(cx, options.rebuildState ? namesOf(cx) : []);
        if (session.ill) return 'more';
        const done = await steps(cx, session, warnings);
        if (done === null || done === 'more') return done;
        const { outcome, state } = done;
        if (!options.dryRun) report(config, state, outcome, warnings, now);
        return outcome;
      } catch (error) {
        return failed(cx, error, options.dryRun);
      }
    });
  } catch (error) {
    if (cx.signal?.aborted === true) return null;
    return asFailure(error); // no lock, or no room even for the report
  }
}

/** The bundles that this cycle is asked for. */
const namesOf = ({ config, only }: CycleContext): string[] =>
  config.bundle.map(({ name }) => name).filter((name) => only === undefined || name === only);

/** A run that failed before any bundle, on record: health must not take it for a daemon that does not run. */
export function failed(
  { config, now }: Pick<CycleContext, 'config' | 'now'>,
  error: unknown,
  dryRun: boolean,
): Outcome {
  const outcome = asFailure(error);
  if (!dryRun) report(config, null, outcome, new Map(), now);
  return outcome;
}

function asFailure(error: unknown): Outcome {
  const { code, message } = asStepError(error);
  return failure(code, message);
}

async function steps(cx: CycleContext, session: Session, warnings: Warnings): Promise<Done | null | 'more'> {
  const { options, pollOnly = false } = cx;
  const { state, maker, copiesOf, broken } = session;
  const warn = (name: string) => (message: string) => {
    cx.log('warning', `${name}: ${message}`);
    warnings.set(name, [...(warnings.get(name) ?? []), message]);
  };
  const before = JSON.stringify(state);
  noteSettings(cx.config, state);
  const asked = cx.bundles.flatMap((trusted) => {
    const source = cx.sourceOf(trusted.bundle);
    return source === null ? [] : [{ trusted, source }];
  });
  const draft = options.dryRun || pollOnly ? null : draftAhead(maker);
  const ahead = draft === null ? null : new Ahead(draft);
  try {
    const common = { state, force: options.force || broken, ahead, pollOnly };
    const runs = await Promise.all(
      asked.map(({ trusted, source }) => {
        const { name } = trusted.bundle;
        return runBundle(cx, trusted, { ...common, source, copies: copiesOf(name), warn: warn(name) });
      }),
    );
    return await concluded(cx, session, runs, ahead, before);
  } finally {
    ahead?.discard();
  }
}

/** Brings live what came, and puts it on record; of a dry run nothing stays. */
async function concluded(
  cx: CycleContext,
  { state, files, maker, copiesOf }: Session,
  runs: readonly Run[],
  ahead: Ahead | null,
  before: string,
): Promise<Done | null | 'more'> {
  if (cx.signal?.aborted === true) return null; // a table that was taken meanwhile is cleaned away by the next cycle
  if (runs.some(({ result }) => !(result instanceof StepError) && result.is === 'more')) return 'more';
  if (cx.options.dryRun) {
    clean(JSON.parse(before) as GatewayState, copiesOf); // what was only looked at
    return {
      outcome: overall(
        runs.map((run) => ({ ...outcomeOf(run, state), ...(isNew(run.result) ? { would: run.result.change } : {}) })),
      ),
      state,
    };
  }
  const settled = await bringLive(cx, maker, state, runs, ahead);
  if (settled === 'more') return 'more';
  const kept = settled.state;
  if (JSON.stringify(kept) !== before) files.write(kept);
  settleReload(maker, kept);
  if (!files.isPending()) clean(kept, copiesOf); // an installation that was cut short still needs its copies
  return { outcome: overall(settled.runs.map((run) => outcomeOf(run, kept))), state: kept };
}

interface Run {
  readonly name: string;
  readonly result: BundleResult | StepError;
  readonly wireBytes: number;
  readonly ms: number;
}

interface Means {
  readonly state: GatewayState;
  readonly source: Source;
  readonly copies: Copies;
  readonly force: boolean;
  readonly ahead: Ahead | null;
  readonly warn: (message: string) => void;
}

async function runBundle(cx: CycleContext, { bundle, ring }: TrustedBundle, means: Means): Promise<Run> {
  const { source } = means;
  const started = cx.clock();
  let result: Run['result'];
  try {
    result = await bundleCycle({
      ...means,
      bundle,
      config: cx.config,
      ring,
      state: bundleState(means.state, bundle.name),
      now: cx.now,
      acceptShrink: cx.options.acceptShrink,
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
  ahead: Ahead | null,
): Promise<{ state: GatewayState; runs: readonly Run[] } | 'more'> {
  const { config, options } = cx;
  const next = structuredClone(state);
  for (const { name, result } of runs) {
    if (result instanceof StepError) continue;
    const st = bundleState(next, name);
    if (result.is === 'new') advance(st, result.copy, config.maps.keep, cx.now, result.shrinkAccepted);
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
  if (cx.pollOnly === true) return 'more';
  try {
    const kept = runs.flatMap(({ name, result }) => (isNew(result) ? [[name, result.good] as const] : []));
    await makeMaps(maker, next, installedCopies(maker, next, new Map(kept)), ahead);
    return { state: next, runs };
  } catch (error) {
    const failed = asStepError(error);
    // Whatever was to change is kept as it was; a bundle that has a reason of its own keeps that.
    const concerned = (run: Run) => (fresh ? isNew(run.result) : !(run.result instanceof StepError));
    for (const { name, result } of runs) {
      // Verified and good, though not installed: another payload of its version is found out all the same.
      if (!(result instanceof StepError) && result.is === 'new')
        rememberSeen(bundleState(state, name), refOf(result.copy));
    }
    const kept = runs.map((run) => (concerned(run) ? { ...run, result: failed } : run));
    if (!runs.some(concerned)) cx.log('warning', `${failed.code}: ${failed.message}`);
    return { state, runs: kept };
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
      const st = bundleState(state, run.name);
      st.waiting = run.result.copy;
      // A good copy that is kept is a floor, installed or not.
      if (st.floor === null || st.waiting.version >= st.floor.version) st.floor = refOf(st.waiting);
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
    copiesOf(name).clean(new Set(tables), goodEnvelopes(st), st.seen);
  }
}
