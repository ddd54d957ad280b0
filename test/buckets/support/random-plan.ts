// Faults by chance: the same seed gives the same faults for the same requests.
import { Random } from '../../support/random.ts';
import type { Fault, Plan } from './fault-proxy.ts';

type Maker = (random: Random) => Fault;

/** What an honest store and its network do. */
export const HONEST: readonly Maker[] = [
  (random) => ({ kind: 'delay', ms: random.number(400) }),
  () => ({ kind: 'reset-before' }),
  () => ({ kind: 'reset-after' }),
  (random) => ({ kind: 'late', ms: random.number(3000) }),
  () => ({ kind: 'cut' }),
  (random) => ({ kind: 'status', status: random.pick([409, 500, 503] as const), done: false }),
  () => ({ kind: 'status', status: 500, done: true }),
];

/** What lags and forgets besides: reads alone. */
export const LAGGING: readonly Maker[] = [...HONEST, () => ({ kind: 'stale' }), () => ({ kind: 'forget' })];

/** @param percent of all requests that meet a fault. */
export function randomPlan(seed: number, percent: number, makers: readonly Maker[] = HONEST): Plan {
  const random = new Random(seed);
  return () => (random.number(100) < percent ? random.pick(makers)(random) : null);
}
