/**
 * When the next cycle is due. node-cron reads the expression and says which time comes next; the waiting is done
 * here, against two clocks. node-cron's own waiting trusts the wall clock: set back by an hour it is silent for an
 * hour, and set forward by a year (a host that boots without a battery clock) it walks through half a million
 * missed minutes and blocks the process for about a minute.
 */
import { createTask, validateDetailed, type ScheduledTask } from 'node-cron';
import { HostError } from '../../errors.ts';

/** Milliseconds. The wall clock may jump while we sleep; that is noticed so late at most. */
const LOOK = 30_000;
/** A timer may fire this much before the wall clock says so. */
const EARLY = 2_000;

export interface Clocks {
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  /** Milliseconds that never go back. */
  readonly steady: () => number;
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

/** @throws HostError CONFIG for an expression that names no time. */
export function requireCron(file: string, expression: string): void {
  const { errors } = validateDetailed(expression);
  const wrong = (why: string) => new HostError('CONFIG', `${file}: schedule.cron "${expression}": ${why}`);
  if (errors[0] !== undefined) throw wrong(errors[0].message);
  const task = taskOf(expression);
  try {
    task.getNextRuns(1);
  } catch (error) {
    throw wrong((error as Error).message);
  } finally {
    void task.destroy();
  }
}

/** The next time that an expression names. @throws what node-cron says of one that names none */
export function nextRun(expression: string, now: Date): Date {
  const task = taskOf(expression);
  try {
    const next = task.getNextRuns(2).find((run) => run > now);
    return next ?? now;
  } finally {
    void task.destroy();
  }
}

/** In UTC: no hour is missing or comes twice. */
const taskOf = (expression: string): ScheduledTask =>
  createTask(expression, () => undefined, { timezone: 'UTC', logger: SILENT });

export class Schedule {
  readonly #clocks: Clocks;
  readonly #tick: () => void;
  #task: ScheduledTask | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** The next time by the wall clock, and when that is by the steady one as far as was known then. */
  #due = { wall: 0, steady: 0 };

  /** @param tick called when a cycle is due; once, however many times went by. */
  constructor(clocks: Clocks, tick: () => void) {
    this.#clocks = clocks;
    this.#tick = tick;
  }

  /** Begins, or goes on by another expression, which `requireCron` has let pass. */
  follow(expression: string): void {
    this.stop();
    this.#task = taskOf(expression);
    this.#plan(this.#clocks.wall());
  }

  stop(): void {
    clearTimeout(this.#timer);
    void this.#task?.destroy();
    this.#task = null;
  }

  #look(): void {
    const [wall, steady] = [this.#clocks.wall(), this.#clocks.steady()];
    const due = this.#due;
    // Either clock will do: a wall clock that was set back must not silence us, nor a suspended host wait once more.
    if (wall < due.wall && steady < due.steady) this.#wait();
    else {
      this.#plan(wall < due.wall && due.wall - wall < EARLY ? due.wall : wall);
      this.#tick();
    }
  }

  #plan(after: number): void {
    const [wall, steady] = [this.#clocks.wall(), this.#clocks.steady()];
    const next =
      this.#task
        ?.getNextRuns(2)
        .find((run) => run.getTime() > after)
        ?.getTime() ?? wall + LOOK;
    this.#due = { wall: next, steady: steady + next - wall };
    this.#wait();
  }

  #wait(): void {
    const left = this.#due.steady - this.#clocks.steady();
    this.#timer = setTimeout(() => this.#look(), Math.min(LOOK, Math.max(1, left)));
  }
}
