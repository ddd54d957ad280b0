/**
 * The daemon's cycle: the poll here, where it mostly ends with nothing new; whatever is more than that in a process of its own. Ends in the
 * same outcome either way.
 */
import { HostError } from '../../errors.ts';
import { noting } from '../fetch/poll-answers.ts';
import { cycle, type CycleContext } from '../cycle/cycle.ts';
import type { BundleAccess } from '../keys/credentials.ts';
import { cycleProcess } from './cycle-child.ts';
import { overall, type Outcome } from '../outcome.ts';
import { report } from '../health/report.ts';
import { readStatus } from '../health/status.ts';

export interface DaemonCycleContext extends Omit<CycleContext, 'pollOnly'> {
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
  const polled = await cycle({ ...cx, pollOnly: true, sourceOf: ({ name }) => noted.get(name)?.source ?? null });
  if (polled !== 'more') return polled;
  const asked = new Map([...noted].map(([name, { answers }]) => [name, answers()]));
  const task = { version, config, bundles, access, asked, hashed: cx.hashed === 'here', now };
  const ended = await cycleProcess(cx.program, task, cx.log, cx.signal);
  if (ended.is === 'done') return ended.outcome;
  if (cx.signal.aborted) return null;
  if (ended.is === 'killed') return killed(cx, [...asked.keys()], ended.by);
  cx.log('warning', `no process for this cycle (${ended.why}); it goes on in this one`);
  return await cycle({ ...cx, pollOnly: false });
}

/** On record as a failure of every bundle that was asked, which is then left alone for a while. What is live stays. */
function killed({ config, now, log }: DaemonCycleContext, asked: readonly string[], by: string): Outcome {
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
  try {
    report(config, null, outcome, new Map(), now);
  } catch (error) {
    log('warning', `status.json could not be written: ${(error as Error).message}`);
  }
  return outcome;
}
