// A fleet of gateways as far as a central side sees them: when each of them asks, by relaymap's own schedule,
// jitter and pauses, against anything that answers. Time and chance are handed in; the same fleet plays in
// simulated time and in real time.

/** Milliseconds. */
const MINUTE = 60_000;
const WARN_AFTER = 3_600_000;
/** How far a host's clock may be from the right time, either way. */
const CLOCK_ERROR = 250;

/**
 * `ours` is what relaymap does by default, `wide` with a jitter of almost the minute; `fixed` is a crontab line at
 * second 0, which tries again at the next minute whatever happened. `jitter` in milliseconds.
 */
export const WAYS = {
  ours: { jitter: 30_000, paced: true },
  wide: { jitter: 59_000, paced: true },
  fixed: { jitter: 0, paced: false },
};

/**
 * @param world `{ now(), at(ms, run), ask(gateway) }`: milliseconds since the start of the play; `ask` gives
 * `'unchanged'`, `'failed'`, or the version that the gateway now has.
 * @param parts relaymap's own `{ Pace, afterTick }`, and `ticks`, the schedule's times; `has`, what each gateway
 * has already.
 */
export class Fleet {
  /** Per second: how many asked. */
  requests = [];
  failures = 0;
  /** Milliseconds at which each gateway had each version: by version. */
  arrivals = new Map();

  constructor(count, way, world, { Pace, afterTick, ticks, has = { version: 1 } }, chance) {
    for (let i = 0; i < count; i++) {
      const gateway = { number: i, ...has, session: null, pace: new Pace(WARN_AFTER), busy: false };
      const error = (chance() * 2 - 1) * CLOCK_ERROR;
      for (const tick of ticks) {
        const due = tick + error + afterTick(way.jitter, chance());
        world.at(Math.max(0, due), () => this.#poll(gateway, way, world, chance));
      }
    }
  }

  async #poll(gateway, way, world, chance) {
    const started = world.now();
    // Two cycles at once there are never; one whose bundle is left alone asks nobody.
    if (gateway.busy || (way.paced && !gateway.pace.isDue('list', started))) return;
    const second = Math.floor(started / 1000);
    this.requests[second] = (this.requests[second] ?? 0) + 1;
    gateway.busy = true;
    const answer = await world.ask(gateway);
    gateway.busy = false;
    const failed = answer === 'failed';
    if (failed) this.failures++;
    const outcome = failed ? { outcome: 'kept', code: 'NETWORK' } : { outcome: 'unchanged', code: null };
    gateway.pace.note({ name: 'list', ...outcome }, world.now(), chance());
    if (typeof answer !== 'number' || answer === gateway.version) return;
    gateway.version = answer;
    if (!this.arrivals.has(answer)) this.arrivals.set(answer, []);
    this.arrivals.get(answer).push(world.now());
  }
}

/** A number that looks like chance, the same ones in each run. */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * The times at which relaymap's own schedule says that a cycle is due, milliseconds from the start, by clocks that
 * are moved on by hand.
 */
export async function ticksOf({ Schedule }, cron, minutes) {
  const { mock } = await import('node:test');
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 0, 1) });
  try {
    const start = Date.now();
    const ticks = [];
    const schedule = new Schedule({ wall: () => Date.now(), steady: () => Date.now() }, () =>
      ticks.push(Date.now() - start),
    );
    schedule.follow(cron);
    for (let second = 0; second < minutes * 60; second++) mock.timers.tick(1000);
    schedule.stop();
    return ticks;
  } finally {
    mock.timers.reset();
  }
}

export const minutes = (n) => n * MINUTE;
