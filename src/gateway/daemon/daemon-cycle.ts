/**
 * The daemon's cycle. It polls here, and mostly there is nothing new. Where a table must be downloaded or maps must
 * be made, a process of its own does the cycle. The outcome is the same either way.
 */
import { HostError } from '../../errors.ts';
import type { BundleConfig } from '../config.ts';
import { conclude, cycle, failed, poll, recordFailure, type Polled } from '../cycle/cycle.ts';
import type { CycleContext } from '../cycle/session-context.ts';
import { noting } from '../fetch/poll-answers.ts';
import type { BundleAccess } from '../keys/credentials.ts';
import { cycleProcess } from './cycle-child.ts';
import { overall, type Outcome } from '../outcome.ts';
import { readStatus } from '../health/status.ts';

export interface DaemonCycleContext extends CycleContext {
  /** By bundle. */
  readonly access: ReadonlyMap<string, BundleAccess>;
  /** The module that a process of its own runs, and which version of relaymap it must be of. */
  readonly program: string;
  readonly version: string;
  readonly signal: AbortSignal;
}

/** As `cycle`. */
export async function daemonCycle(cx: DaemonCycleContext): Promise<Outcome | null> {
  const { config, bundles, access, now, version } = cx;
  const noted = new Map(
    config.bundle.flatMap((bundle) => {
      const source = cx.sourceOf(bundle);
      return source === null ? [] : [[bundle.name, noting(source)]];
    }),
  );
  const polling = { ...cx, sourceOf: ({ name }: BundleConfig) => noted.get(name)?.source ?? null };
  let polled: Polled;
  try {
    polled = await poll(polling);
    if (polled.is === 'settled') return await conclude(polling, polled.found);
  } catch (error) {
    return await failed(polling, error);
  }
  const asked = new Map([...noted].map(([name, { answers }]) => [name, answers()]));
  const task = { version, config, bundles, access, asked, hashed: cx.hashed === 'here', now };
  const ended = await cycleProcess(cx.program, task, cx.log, cx.signal);
  if (ended.is === 'done') return ended.outcome;
  if (cx.signal.aborted) return null;
  if (ended.is === 'killed') return await killed(cx, [...asked.keys()], ended.by);
  cx.log('warning', `no process for this cycle (${ended.why}); it goes on in this one`);
  return await cycle(cx);
}

/** On record as a failure of every bundle that was asked, which is then left alone for a while. What is live stays. */
async function killed(cx: DaemonCycleContext, asked: readonly string[], by: string): Promise<Outcome> {
  const { config } = cx;
  const { code, message } = new HostError(
    'INTERNAL',
    `the process of this cycle was ended by ${by} before it was done`,
  );
  const last = readStatus(config.state_dir);
  const before = last.is === 'whole' ? last.value.bundles : [];
  const outcome = overall(
    asked.map((name) => {
      const { version = null, rows = null } = before.find((b) => b.name === name) ?? {};
      return { name, outcome: 'kept', code, message, version, rows, via: 'none', wireBytes: 0, ms: 0 };
    }),
  );
  await recordFailure(cx, outcome);
  return outcome;
}
