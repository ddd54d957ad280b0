/**
 * `relaymap-publish watch`: publishes when a source has changed, one publish at a time, and renews in time. It logs
 * each failure once and tries again; the published list stays. The caller supplies the clock.
 */
import { StepError } from '../../errors.ts';
import { log, logOnce } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { leftOutLines } from '../gather/left-out-lines.ts';
import { Notifications } from '../sources/sql/notifications.ts';
import { FileWatch } from './file-watch.ts';
import { publish, type PublishResult } from '../publish.ts';
import type { PublisherKeys } from '../keys/publisher-keys.ts';
import { mayHaveOthers } from '../repository/other-publisher.ts';
import { isFolder } from '../sources/folder.ts';
import { mapFile } from '../sources/postfix-map.ts';

/** Milliseconds between two looks at the files, with or without events. */
const LOOK = 1000;
/**
 * Milliseconds after which a file that keeps changing is read anyway, so that a change is found within two seconds.
 */
const RESTLESS = 1200;
/** Milliseconds that a publish may continue after the signal to end. Killing it does no harm. */
const GRACE = 5000;
const MAX_BACKOFF = 60_000;
const HOUR = 3_600_000;
/** After so many intervals it looks whether another publisher has put out another list. */
const LOOKS_AT_OTHERS = 12;
/** A list that changed while it was read is read again, this many times before that is reported. */
const QUIET_TRIES = 3;

/** How a run ended. */
export type Ended = { readonly result: PublishResult } | { readonly error: unknown };

export class Watch {
  readonly #config: PublisherConfig;
  readonly #keys: PublisherKeys;
  readonly #now: () => Date;
  readonly #report: (ended: Ended) => Promise<void>;
  readonly #chance: () => number;
  readonly #files: FileWatch;
  readonly #channels: readonly Notifications[];
  readonly #polled: boolean;
  /** Renewals, and changes that neither events nor polls find. */
  readonly #beat: number;
  /** The state of the files when they were last read. */
  #read = '';
  /** A database has said that it changed, and has not been read since. */
  #told = false;
  /** When the next address that its sources no longer have leaves the list. */
  #removal: Date | null = null;
  #failure: string | null = null;
  #failures = 0;
  #current: string | null = null;
  #stopped = false;
  #wake: () => void = () => undefined;
  /** Called when a database says that it changed. The waiting code sets it. */
  #onTold: () => void = () => undefined;

  /**
   * @param report called with the result of each run.
   * @throws HostError CONFIG
   */
  constructor(
    config: PublisherConfig,
    keys: PublisherKeys,
    now: () => Date,
    report: (ended: Ended) => Promise<void> = () => Promise.resolve(),
    chance: () => number = () => 0,
  ) {
    this.#report = report;
    this.#chance = chance;
    this.#config = config;
    this.#keys = keys;
    this.#now = now;
    const sources = [...config.source, ...config.transport];
    const files = sources.flatMap((source) => {
      // A folder of files is polled: a change in one of its files does not change the folder.
      if (source.type === 'file') return isFolder(source.path) ? [] : [source.path];
      return source.type === 'postfix-map' ? [mapFile(source).file] : [];
    });
    this.#polled = files.length < sources.length;
    const { trigger } = config.watch;
    this.#files = new FileWatch(trigger === undefined ? files : [...files, trigger]);
    this.#channels = sources.flatMap((each) =>
      each.type === 'sql' && each.listen !== undefined
        ? [new Notifications(each, each.listen, () => this.#tell())]
        : [],
    );
    const beat = Math.min(config.valid_for / 20, config.health.warn_after / 3);
    const others = mayHaveOthers(config) ? config.watch.interval * LOOKS_AT_OTHERS : HOUR;
    this.#beat = Math.min(HOUR, others, Math.max(250, beat));
  }

  /** Ends after `stop` was called. @returns whether nothing is under way any more. */
  async run(): Promise<boolean> {
    const { name, source, transport } = this.#config;
    const count = source.length + transport.length;
    log('notice', `${name}: watching ${count === 1 ? 'one source' : `${count} sources`}`);
    const listening = this.#channels.map((channel) => channel.run());
    let idle = true;
    while (!this.#stopped) {
      const running = this.#once();
      idle = await Promise.race([running.then(() => true), this.#givenUp()]);
      if (!this.#stopped) await this.#rest();
    }
    this.#files.close();
    for (const channel of this.#channels) channel.close();
    await Promise.all(listening);
    return idle;
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  #tell(): void {
    this.#told = true;
    this.#onTold();
  }

  async #once(): Promise<void> {
    this.#told = false;
    const before = this.#files.state();
    this.#read = before;
    try {
      const options = { dryRun: false, allowShrink: false, nextVersion: null, chance: this.#chance };
      const result = await publish(this.#config, this.#keys, options, this.#now());
      this.#succeeded(result);
      await this.#report({ result });
    } catch (error) {
      this.#failures++;
      // The likely reason is that a file changed meanwhile. It is read again at once.
      const isOver = before !== this.#files.state() && this.#failures <= QUIET_TRIES;
      if (isOver) return;
      this.#failed(error);
      await this.#report({ error });
    }
  }

  #succeeded(result: PublishResult): void {
    const { name } = this.#config;
    const { outcome, version, rows, domains, deltas, skipped } = result;
    this.#removal = result.nextRemoval;
    for (const line of leftOutLines(result.leftOut)) logOnce('notice', line);
    const size = `${rows} rows in ${domains} ${domains === 1 ? 'domain' : 'domains'}`;
    for (const line of skipped) logOnce('warning', `left out: ${line}`);
    if (outcome === 'published') {
      log(
        'notice',
        `${name}: published version ${version} (${size}, ${deltas === 1 ? '1 delta' : `${deltas} deltas`})`,
      );
    } else if (outcome === 'renewed') log('notice', `${name}: renewed as version ${version} (${size}, the same list)`);
    else if (this.#failure !== null || this.#current === null) {
      log('notice', `${name}: version ${version} is current (${size})`);
    }
    this.#current = `version ${version} stays published`;
    this.#failure = null;
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    const code = error instanceof PublishError || error instanceof StepError ? error.code : 'INTERNAL';
    const [first = '', ...more] = (error instanceof Error ? error.message : String(error)).split('\n');
    // Numbers (ports, times) differ from one poll to the next even if nothing else does.
    const failure = `${code} ${first.replaceAll(/[0-9]+/g, '0')} ${more.length}`;
    if (failure === this.#failure) return;
    this.#failure = failure;
    const stays = this.#current ?? 'what is published stays';
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
    log('error', `${this.#config.name}: ${code}: ${first}${others}; ${stays}, and it is tried again`);
  }

  /** Waits until the files have changed and stopped changing, or until the next poll, retry or renewal. */
  #rest(): Promise<void> {
    return new Promise((resolve) => {
      let seen = this.#read;
      let [rest, restless]: (NodeJS.Timeout | undefined)[] = [];
      const done = () => {
        for (const timer of [due, look, rest, restless]) clearTimeout(timer);
        this.#wake = this.#files.onEvent = this.#onTold = () => undefined;
        resolve();
      };
      const changed = () => {
        const state = this.#files.state();
        if (state === seen) return;
        seen = state;
        soon();
      };
      const soon = () => {
        restless ??= setTimeout(done, Math.max(this.#config.watch.debounce, RESTLESS));
        clearTimeout(rest);
        rest = setTimeout(done, this.#config.watch.debounce);
      };
      const due = setTimeout(done, this.#due());
      const look = setInterval(() => {
        this.#files.refresh();
        changed();
      }, LOOK);
      this.#wake = done;
      this.#files.onEvent = changed;
      this.#onTold = soon;
      changed(); // it changed while it was read
      if (this.#told) soon();
      if (this.#stopped) done();
    });
  }

  /** Milliseconds until the sources are read again, even if no file has changed. */
  #due(): number {
    const { interval } = this.#config.watch;
    if (this.#failures > 0)
      return Math.min(Math.max(MAX_BACKOFF, interval), interval * 2 ** Math.min(this.#failures - 1, 10));
    const removal = this.#removal === null ? Infinity : Math.max(0, this.#removal.getTime() - this.#now().getTime());
    return Math.min(this.#polled ? Math.min(interval, this.#beat) : this.#beat, removal);
  }

  /** Resolves to false some time after `stop`. A publish that ends before that is waited for. */
  #givenUp(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#wake = () => setTimeout(resolve, GRACE, false).unref();
      if (this.#stopped) this.#wake();
    });
  }
}
