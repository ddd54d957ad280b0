/**
 * The record as it will be once the verdicts of a cycle are carried out, and what each bundle's outcome then is.
 * Pure: nothing is installed here, and the record that it is given stays as it is.
 */
import { StepError, UnionError } from '../../errors.ts';
import type { GatewayConfig } from '../config.ts';
import { mapInputs } from '../maps/make-maps.ts';
import type { BundleOutcome } from '../outcome.ts';
import { bundleState, type CopyRef, type GatewayState } from '../record/state.ts';
import { advance, refOf } from '../record/version-history.ts';
import type { Verdict } from './verdict.ts';

/** What one bundle's way came to. */
export interface Run {
  readonly name: string;
  readonly result: Verdict | StepError;
  readonly wireBytes: number;
  readonly ms: number;
}

export const isNew = (result: Run['result']): result is Verdict & { is: 'new' } =>
  !(result instanceof StepError) && result.is === 'new';

export interface Next {
  readonly state: GatewayState;
  readonly runs: readonly Run[];
  /** The maps must be made anew before this record is true. */
  readonly needsMaps: boolean;
}

export interface NextOptions {
  readonly force: boolean;
  readonly partial: boolean;
}

export function nextRecord(
  config: GatewayConfig,
  state: GatewayState,
  runs: readonly Run[],
  { force, partial }: NextOptions,
  now: Date,
): Next {
  const next = structuredClone(state);
  for (const { name, result } of runs) {
    if (result instanceof StepError) continue;
    const st = bundleState(next, name);
    if (result.is === 'new') {
      const { shrinkAccepted: shrink = false, hopsAccepted: hops = false } = result.tables?.judged ?? {};
      advance(st, result.ref, config.maps.keep, now, { shrink, hops });
    }
    if (result.is === 'unchanged') st.unconditional = false;
    // ETags only for a payload that is live once this record is: kept after activation, not after download.
    if (result.etags === null) continue;
    const known = Object.entries(st.etags).filter(([, e]) => e.digest === st.installed?.digest);
    st.etags = { ...Object.fromEntries(known), ...result.etags };
  }
  const missing = config.bundle.filter((b) => !next.bundles[b.name]?.installed).map((b) => b.name);
  if (state.maps === null && missing.length > 0 && !partial) return waiting(state, runs, missing);
  if (missing.length === config.bundle.length) return { state, runs, needsMaps: false };
  const forced = force && runs.some(({ result }) => isNew(result));
  return { state: next, runs, needsMaps: forced || next.maps?.inputs !== mapInputs(config, next) };
}

/**
 * First appearance: nothing is installed until every configured bundle has a good copy; mail is deferred, not
 * rejected.
 */
function waiting(state: GatewayState, runs: readonly Run[], missing: readonly string[]): Next {
  const error = new UnionError(
    'WAITING',
    `a good copy is here and waits for the first copy of ${missing.join(', ')}; to go on without: --partial`,
  );
  const next = structuredClone(state);
  const waits = runs.map((run) => {
    if (!isNew(run.result)) return run;
    const st = bundleState(next, run.name);
    st.waiting = run.result.ref;
    // A good copy that is kept is a floor, installed or not.
    if (st.floor === null || st.waiting.version >= st.floor.version) st.floor = refOf(st.waiting);
    return { ...run, result: error };
  });
  return { state: next, runs: waits, needsMaps: false };
}

/** @param state the record after the cycle */
export function outcomeOf({ name, result, wireBytes, ms }: Run, state: GatewayState): BundleOutcome {
  const live: CopyRef | null = state.maps === null ? null : (state.bundles[name]?.installed ?? null);
  const common = { name, version: live?.version ?? null, rows: live?.rows ?? null, wireBytes, ms };
  if (result instanceof StepError) {
    const { code, message } = result;
    return { ...common, outcome: 'kept', code, message, via: 'none' };
  }
  const [outcome, via] = result.is === 'new' ? (['installed', result.via] as const) : (['unchanged', 'none'] as const);
  return { ...common, outcome, code: null, message: null, via };
}
