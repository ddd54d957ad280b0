/**
 * The hallway: the steps of a cycle in their order (docs/commands.md section 2.3). It decides nothing that a step
 * decides.
 *
 *   no lock      look at the record (mend it first, under the lock, where it or the maps are damaged)
 *   per bundle   source -> key ring steps (stored at once) -> verify -> judge the offer -> obtain -> judge the table
 *   under lock   read the record again -> judge again -> keep -> union -> compile -> install -> commit -> report
 *
 * `poll` ends where a table is to be downloaded or maps are to be made. `cycle` goes all the way, and always ends
 * in a report. Where some bundles are slow, the steps under the lock are taken for the others first, and again for
 * the slow ones. A dry run takes no lock and writes nothing at all.
 */
import { HostError, StepError } from '../../errors.ts';
import { discard } from '../fetch/obtained.ts';
import { report } from '../health/report.ts';
import { EarlyMaps } from '../maps/early-maps.ts';
import { draftEarly, installedCopies, makeMaps, settleReload, type GoodCopies } from '../maps/make-maps.ts';
import { failure, overall, type BundleOutcome, type Outcome } from '../outcome.ts';
import { tablesOf, type Copies } from '../record/copies.ts';
import { remember } from '../record/remember.ts';
import { bundleState, type GatewayState } from '../record/state.ts';
import { allCopies, goodEnvelopes, noteSettings, refOf, rememberSeen } from '../record/version-history.ts';
import { asStepError } from '../step-error.ts';
import { askBundle, needsTable, type Way } from './bundle-way.ts';
import { illnessOf } from './heal.ts';
import { keepStaleMap } from './keep-stale-map.ts';
import { isNew, nextRecord, outcomeOf, type Next, type Run } from './next-record.ts';
import type { Chains } from './recover.ts';
import { lookAtRecord, openSession, readRecord, toolsOf, withLock, type Session } from './session.ts';
import type { CycleContext, SessionContext } from './session-context.ts';
import { inStages, PATIENCE } from './stages.ts';
import { requireRing } from './store-steps.ts';
import { keep, renewProof, verdictOn } from './verdict.ts';
import { asked, begin, onTheirWay, waysOf, type Begun, type Settings } from './ask-bundles.ts';

/** What was found without the lock. `conclude` goes on with it. */
export interface Found {
  readonly ways: readonly Way[];
  readonly begun: Begun;
  readonly early: EarlyMaps | null;
}

export type Polled =
  /** Nothing is left to do but to report. */
  | { readonly is: 'settled'; readonly found: Found }
  /** A table is to be downloaded, or maps are to be made. */
  | { readonly is: 'unsettled' };

/** Asks every bundle's origins. Holds no lock and changes nothing. @throws StepError */
export async function poll(cx: CycleContext): Promise<Polled> {
  const found = await lookAtRecord(cx, toolsOf(cx));
  if (found === null) return { is: 'unsettled' };
  const { state } = found;
  const begun = begin(cx, found, false);
  const coming = onTheirWay(asked(cx, begun, null, false), (bundle) => askBundle(bundle, cx.clock));
  const { value: ways = [] } = (await inStages(coming, PATIENCE).next()) as IteratorResult<Way[], undefined>;
  // A slow bundle is left to the cycle, which does not wait for it either.
  const changes = (way: Way) => needsTable(way) || way.steps.length > 0;
  if (ways.length < coming.length || ways.some(changes)) return { is: 'unsettled' };
  const { needsMaps } = nextRecord(cx.config, state, await judged(ways, state, null), cx.options, cx.now);
  return needsMaps ? { is: 'unsettled' } : { is: 'settled', found: { ways, begun, early: null } };
}

/**
 * Never throws: whatever goes wrong is in the outcome.
 * @returns null if `cx.signal` ended it between two steps: nothing was installed, and nothing is reported.
 */
export async function cycle(cx: CycleContext): Promise<Outcome | null> {
  try {
    if (cx.options.dryRun) return await rehearse(cx);
    const looked = cx.options.rebuildState ? null : await lookAtRecord(cx, toolsOf(cx));
    const mended = looked === null ? await withLock(cx, () => openSession(cx, { rebuild: rebuilt(cx) })) : null;
    const begun = begin(cx, looked ?? (mended as Session), mended?.broken ?? false);
    return await concludeInStages(cx, begun, earlyMaps(cx));
  } catch (error) {
    return await failed(cx, error);
  }
}

/** Before the first maps all bundles wait for each other: without `--partial` nothing would be installed anyway. */
async function concludeInStages(cx: CycleContext, begun: Begun, early: EarlyMaps | null): Promise<Outcome | null> {
  const canStage = begun.state.maps !== null || cx.options.partial;
  const coming = waysOf(cx, begun, early);
  const outcomes = new Map<string, BundleOutcome>();
  try {
    for await (const ways of inStages(coming, canStage ? PATIENCE : Number.POSITIVE_INFINITY)) {
      const stage = await conclude(cx, { ways, begun, early });
      if (stage === null) return null;
      for (const outcome of stage.bundles) outcomes.set(outcome.name, outcome);
    }
  } finally {
    // Where a stage failed, the rest is still on its way.
    for (const way of await Promise.allSettled(coming)) if (way.status === 'fulfilled') discard(way.value.obtained);
  }
  return overall(cx.config.bundle.flatMap(({ name }) => outcomes.get(name) ?? []));
}

/** The bundles whose record is rebuilt by hand. */
const rebuilt = ({ config, only, options }: CycleContext): string[] =>
  options.rebuildState
    ? config.bundle.map(({ name }) => name).filter((name) => only === undefined || name === only)
    : [];

/** Says what a cycle would do, by the record as it can be read. */
async function rehearse(cx: CycleContext): Promise<Outcome> {
  const warn = (message: string) => cx.log('warning', message);
  const record = await readRecord(cx, toolsOf(cx), [], warn);
  const { state } = record;
  const illness = illnessOf(cx, state);
  if (illness !== null)
    warn(`${illness.damage ?? 'there are no maps'}; a cycle would make them from the last good copies`);
  const ways = await Promise.all(waysOf(cx, begin(cx, record, false), null));
  for (const { name, steps, cx: way } of ways) if (steps.length > 0) state.bundles[name] = structuredClone(way.state);
  const runs = await judged(ways, state, null);
  const would = ({ result }: Run) => (isNew(result) ? { would: result.change } : {});
  return overall(runs.map((run) => ({ ...outcomeOf(run, state), ...would(run) })));
}

/** The maps of an only bundle are made while its table comes. */
function earlyMaps(cx: CycleContext): EarlyMaps | null {
  const draft = draftEarly(toolsOf(cx).maker);
  return draft === null ? null : new EarlyMaps(draft);
}

/** What each way comes to by this record. */
function judged(ways: readonly Way[], state: GatewayState, chains: Chains | null): Promise<Run[]> {
  return Promise.all(
    ways.map(async (way) => {
      const { name, wireBytes, ms } = way;
      const verdict = async () => {
        if (chains !== null && way.refusal === null) requireRing(chains, name, way.cx.ring);
        return await verdictOn(way, bundleState(state, name));
      };
      return { name, result: await verdict().catch(asStepError), wireBytes, ms };
    }),
  );
}

/**
 * Takes the lock, judges what was found by the record as it is now, and brings it live or keeps everything as it is
 * and says why.
 * @throws StepError without the lock. @returns null if `cx.signal` ended it.
 */
export async function conclude(cx: CycleContext, { ways, begun, early }: Found): Promise<Outcome | null> {
  try {
    if (cx.signal?.aborted === true) return null;
    const outcome = await withLock(cx, async () => {
      const session = await openSession(cx, { isLookedAt: true });
      const { outcome, state } = await carriedOut(cx, session, { ways, begun, early });
      report(cx.config, state, outcome, begun.warnings, cx.now, session);
      return outcome;
    });
    await keepStaleMap(cx);
    return outcome;
  } finally {
    early?.discard();
    for (const { obtained } of ways) discard(obtained);
  }
}

/** Under the lock: judge again -> keep -> union -> compile -> install -> commit. */
async function carriedOut(
  cx: CycleContext,
  session: Session,
  { ways, begun, early }: Found,
): Promise<{ outcome: Outcome; state: GatewayState }> {
  const { state, files, maker, copiesOf } = session;
  const before = JSON.stringify(state);
  const stale = isStale(begun.settings, state);
  if (!stale) noteSettings(cx.config, state);
  const runs = stale ? ways.map(outOfDate) : await judged(ways, state, session.chains);
  const kept = keepAll(copiesOf, state, ways, runs);
  const next = nextRecord(cx.config, state, kept.runs, cx.options, cx.now);
  const settled = next.needsMaps && !stale ? await bringLive(cx, session, state, next, kept.copies, early) : next;
  if (JSON.stringify(settled.state) !== before) files.write(settled.state);
  settleReload(maker, settled.state);
  if (!files.isPending()) clean(settled.state, copiesOf); // an installation that was cut short still needs its copies
  return { outcome: overall(settled.runs.map((run) => outcomeOf(run, settled.state))), state: settled.state };
}

/** Whether a run with another configuration has been here meanwhile: its own is the newer one. */
function isStale(settings: Settings, state: GatewayState): boolean {
  return Array.from(settings).some(([name, { recorded, own }]) => {
    const found = bundleState(state, name).settings;
    return found !== recorded && found !== own;
  });
}

const outOfDate = ({ name, wireBytes, ms }: Way): Run => ({
  name,
  result: new HostError('CONFIG', 'the configuration has changed since this run began; the next run goes by it'),
  wireBytes,
  ms,
});

/** Stores what is to be remembered, and the new copies. One that cannot be stored fails alone. */
function keepAll(
  copiesOf: (name: string) => Copies,
  state: GatewayState,
  ways: readonly Way[],
  runs: readonly Run[],
): { runs: Run[]; copies: GoodCopies } {
  const copies: Map<string, ReturnType<typeof keep>> = new Map();
  const stored = runs.map((run) => {
    const notes = ways.find(({ name }) => name === run.name)?.cx.notes;
    try {
      if (isNew(run.result)) copies.set(run.name, keep(copiesOf(run.name), run.result));
      else if (!(run.result instanceof StepError) && run.result.is === 'unchanged')
        renewProof(copiesOf(run.name), bundleState(state, run.name), run.result);
      if (notes !== undefined) remember(copiesOf(run.name), bundleState(state, run.name), notes.value);
      return run;
    } catch (error) {
      return { ...run, result: asStepError(error) };
    }
  });
  return { runs: stored, copies };
}

/** Makes the maps of the next record and commits it. Where that fails, the record stays as it was. */
async function bringLive(
  cx: CycleContext,
  { maker }: Session,
  state: GatewayState,
  next: Next,
  copies: GoodCopies,
  early: EarlyMaps | null,
): Promise<Omit<Next, 'needsMaps'>> {
  try {
    await makeMaps(maker, next.state, installedCopies(maker, next.state, copies), {
      early,
      keepsSame: !cx.options.force,
    });
    return next;
  } catch (error) {
    const failed = asStepError(error);
    // Verified and good, though not installed: another payload of its version is found out all the same.
    for (const { name, result } of next.runs) {
      if (isNew(result)) rememberSeen(bundleState(state, name), refOf(result.ref));
    }
    // Whatever was to change is kept as it was; a bundle that has a reason of its own keeps that.
    const fresh = next.runs.some(({ result }) => isNew(result));
    const concerned = ({ result }: Run) => (fresh ? isNew(result) : !(result instanceof StepError));
    if (!next.runs.some(concerned)) cx.log('warning', `${failed.code}: ${failed.message}`);
    return { state, runs: next.runs.map((run) => (concerned(run) ? { ...run, result: failed } : run)) };
  }
}

/** Tables and envelopes that no record names any more. */
function clean(state: GatewayState, copiesOf: (name: string) => Copies): void {
  for (const [name, st] of Object.entries(state.bundles)) {
    const tables = [...allCopies(st), ...(st.waiting === null ? [] : [st.waiting])].flatMap(tablesOf);
    copiesOf(name).clean(new Set(tables), goodEnvelopes(st), st.seen);
  }
}

/** A run that failed before any bundle, on record. @returns null if `cx.signal` has ended it. */
export async function failed(cx: CycleContext, error: unknown): Promise<Outcome | null> {
  if (cx.signal?.aborted === true) return null;
  const { code, message } = asStepError(error);
  const outcome = failure(code, message);
  if (!cx.options.dryRun && code !== 'BUSY') await recordFailure(cx, outcome);
  return outcome;
}

/** Puts a failure on record: health must not take it for a daemon that does not run. The last report's facts stay. */
export async function recordFailure(
  cx: Pick<SessionContext, 'config' | 'now' | 'log' | 'takeLock'>,
  outcome: Outcome,
): Promise<void> {
  try {
    await withLock(cx, () => report(cx.config, null, outcome, new Map(), cx.now));
  } catch (error) {
    cx.log(
      'warning',
      `status.json cannot be written, so health judges by the cycle before: ${(error as Error).message}`,
    );
  }
  await keepStaleMap(cx);
}
