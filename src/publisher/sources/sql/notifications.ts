/**
 * Listens on a channel of PostgreSQL, so that the database itself says when a list has changed (`listen` of a source,
 * docs/commands.md section 3). A notification says when to look, never what is there. A lost connection is made
 * again, and what changed meanwhile is looked for then. Nothing depends on it: the source is read at each interval
 * as well.
 */
import { HostError } from '../../../errors.ts';
import { log, logOnce } from '../../../io/log.ts';
import { PublishError } from '../../errors.ts';
import type { SqlSource } from '../../source-config.ts';
import { targetOf, words } from './sql.ts';
import type { Listening } from './postgres.ts';

/** Milliseconds until a lost connection is made again, doubled each time it fails. */
const [FIRST_PAUSE, MAX_PAUSE] = [1000, 60_000];

export class Notifications {
  readonly #source: SqlSource;
  readonly #channel: string;
  readonly #told: () => void;
  readonly #stop = new AbortController();

  /** @param told called at each notification, and where some may have been missed */
  constructor(source: SqlSource, channel: string, told: () => void) {
    this.#source = source;
    this.#channel = channel;
    this.#told = told;
  }

  /** Listens until `close`. Never throws: a failure is logged once, and tried again. */
  async run(): Promise<void> {
    const { name } = this.#source;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      try {
        const listening = await this.#open();
        log('notice', `${name}: listening on the channel ${JSON.stringify(this.#channel)}`);
        if (failures > 0) this.#told();
        failures = 0;
        await listening.ended;
        if (this.#stop.signal.aborted) return;
        log('warning', `${name}: the connection that listens is lost; it is made again, and polled meanwhile`);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        logOnce('warning', `${name}: cannot listen, so it is only polled: ${(error as Error).message}`);
      }
      await this.#pause(Math.min(MAX_PAUSE, FIRST_PAUSE * 2 ** failures++));
    }
  }

  close(): void {
    this.#stop.abort();
  }

  async #open(): Promise<Listening> {
    const target = targetOf(this.#source);
    const { listenPostgres } = await import('./postgres.ts');
    try {
      return await listenPostgres(target, this.#channel, this.#told, this.#stop.signal);
    } catch (error) {
      throw error instanceof HostError ? error : new PublishError('SOURCE', words(error as Error, target, true), error);
    }
  }

  /** Ends early at `close`. */
  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener('abort', done);
    });
  }
}
