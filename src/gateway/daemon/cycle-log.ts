/**
 * What a daemon says of its cycles: what has not changed since the last one is not said again every minute. Writes
 * by the log it is given.
 */
import { exitStatus } from '../../errors.ts';
import type { Level } from '../../io/log.ts';
import type { Outcome } from '../outcome.ts';
import { doneLine, keptLines } from '../say/outcome-lines.ts';

export type Say = (level: Level, message: string) => void;

/** The same message is logged again after so long. Milliseconds. */
const SAY_AGAIN = 3_600_000;

export class CycleLog {
  readonly #log: Say;
  readonly #steady: () => number;
  #last: ReadonlySet<string> = new Set();
  #current = new Set<string>();
  #since: number;

  /** @param steady monotonic milliseconds. */
  constructor(log: Say, steady: () => number) {
    this.#log = log;
    this.#steady = steady;
    this.#since = steady();
  }

  /** A cycle begins. @returns logs what the one before did not say already. */
  begin(): Say {
    this.#current = new Set();
    return (level, message) => {
      if (this.#steady() - this.#since > SAY_AGAIN) {
        this.#last = new Set();
        this.#since = this.#steady();
      }
      const said = this.#last.has(message) || this.#current.has(message);
      this.#current.add(message);
      if (!said) this.#log(level, message);
    };
  }

  /**
   * The cycle has said all.
   * @param left bundles that were not asked this time: what was last said of them still holds.
   */
  end(left: readonly string[]): void {
    const kept = [...this.#last].filter((message) => left.some((name) => message.startsWith(`${name}: `)));
    this.#last = new Set([...this.#current, ...kept]);
  }
}

/** What a cycle did, or why not; an unchanged list is no news. */
export function tell(outcome: Outcome, say: Say): void {
  if (outcome.code !== undefined) say('error', `${outcome.code}: ${outcome.message ?? ''}`);
  for (const b of outcome.bundles) {
    if (b.outcome === 'installed') say('notice', doneLine(b));
    if (b.code === null) continue;
    const refused = exitStatus(b.code) === 1;
    for (const [i, line] of keptLines(b).entries()) say(i === 0 ? (refused ? 'error' : 'warning') : 'notice', line);
  }
}
