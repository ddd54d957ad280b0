/**
 * `relaymap run`: first a look at the last good copy without the network, then a cycle whenever the schedule,
 * SIGUSR2 or SIGHUP says so, never two at once. It owns clock and chance and nothing of what a cycle does
 * (docs/commands.md section 2.3).
 */
import { StepError } from '../../errors.ts';
import type { Level } from '../../io/log.ts';
import { recordFailure } from '../cycle/cycle.ts';
import type { CycleOptions } from '../cycle/session-context.ts';
import type { GatewayConfig } from '../config.ts';
import { CycleLog, tell, type Say } from './cycle-log.ts';
import { CycleQueue, type Kind } from './cycle-queue.ts';
import { daemonCycle } from './daemon-cycle.ts';
import { DaemonHealth } from './daemon-health.ts';
import type { Sources } from '../fetch/url-sources.ts';
import { lookAtHealth } from '../health/look.ts';
import { StandingLock } from '../../io/lock.ts';
import { startLine, type List } from './start-line.ts';
import { Notifier } from './systemd-notify.ts';
import { failure, type Outcome } from '../outcome.ts';
import { afterTick, Pace } from './backoff.ts';
import { Schedule } from './schedule.ts';
import { doneLine } from '../say/outcome-lines.ts';
import { asStepError } from '../step-error.ts';
import type { Secrets } from '../keys/secrets.ts';

/** What SIGHUP reads again. */
export interface Equipment {
  readonly config: GatewayConfig;
  readonly secrets: Secrets;
  readonly sources: Sources;
}

export interface DaemonSetup {
  readonly first: Equipment;
  /** @throws StepError CONFIG: the old one then goes on. */
  readonly load: () => Equipment;
  /** Ends everything; the sources know its signal. */
  readonly abort: AbortController;
  readonly log: (level: Level, message: string) => void;
  readonly env: NodeJS.ProcessEnv;
  readonly pid: number;
  readonly version: string;
  /** The module that a process runs in which a cycle changes something. */
  readonly cycleProgram: string;
}

const PLAIN: CycleOptions = {
  force: false,
  acceptShrink: false,
  partial: false,
  dryRun: false,
  rebuildState: false,
};

/** What a cycle may take beyond `total_timeout` before systemd is no longer told that all is well. Milliseconds. */
const STUCK = 900_000;

/** How often the mail server's configuration is looked at for a change. Milliseconds. */
const LOOK_AT_MTA = 60_000;

const steady = (): number => performance.now();

export class Daemon {
  readonly #setup: DaemonSetup;
  readonly #notifier: Notifier;
  readonly #health: DaemonHealth;
  readonly #schedule: Schedule;
  readonly #abort: AbortController;
  readonly #lock = new StandingLock();
  #equipment: Equipment;
  #pace: Pace;
  readonly #cycles: CycleQueue;
  #cycleSince: number | null = null;
  #jitter: NodeJS.Timeout | null = null;
  #watchdog: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  /** The live maps were hashed by a cycle of ours: at the next it is enough to see that nobody touched them. */
  #hashed = false;
  readonly #failing = new Set<string>();
  readonly #log: CycleLog;

  constructor(setup: DaemonSetup) {
    const { log, env, version } = setup;
    this.#setup = setup;
    this.#abort = setup.abort;
    this.#equipment = setup.first;
    this.#log = new CycleLog(log, steady);
    this.#pace = new Pace(setup.first.config.health.warn_after);
    this.#notifier = new Notifier(env, (message) => log('warning', message));
    this.#schedule = new Schedule({ wall: () => Date.now(), steady }, () => void this.#tick());
    this.#cycles = new CycleQueue((kind) => this.#tried(kind), setup.abort.signal);
    this.#health = new DaemonHealth(
      version,
      () => this.#equipment.config,
      () => new Date(),
      log,
    );
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    await this.#cycles.look();
    if (!this.#stopping) await this.#begin();
    if (!this.#stopping)
      await new Promise<void>((resolve) => this.#abort.signal.addEventListener('abort', () => resolve()));
    this.#notifier.tell(['STOPPING=1'], 'ending');
    await this.#cycles.ended();
    this.#lock.close();
    await this.#equipment.sources.close();
    await this.#health.close();
    await this.#notifier.told();
  }

  /** SIGUSR2: a cycle at once, of every bundle; if one is at work, another one after it. */
  cycleNow(): void {
    this.#want('all');
  }

  /**
   * SIGHUP: configuration, keys and credentials again, and a cycle by them; what cannot be read is refused and the
   * old ones go on.
   */
  reload(): void {
    if (this.#stopping) return;
    const monotonic = process.hrtime.bigint() / 1000n;
    this.#notifier.tell(['RELOADING=1', `MONOTONIC_USEC=${monotonic}`]);
    try {
      const next = this.#setup.load();
      this.#retire(this.#equipment.sources);
      this.#equipment = next;
      this.#health.configRead(true);
      this.#hashed = false;
      const { config } = this.#equipment;
      this.#pace = new Pace(config.health.warn_after);
      this.#setup.log('notice', 'the configuration is read again');
      this.#schedule.follow(config.schedule.cron);
      this.#want('all');
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      this.#health.configRead(false);
      this.#setup.log('error', `${error.code}: ${error.message} (the old configuration stays in use)`);
    }
    this.#notifier.tell(['READY=1']);
  }

  /** Ends the connections by the old configuration, once no cycle uses them. */
  #retire(sources: Sources): void {
    void this.#cycles.ended().then(() => sources.close());
  }

  /** SIGTERM: waits on the network end, an installation is completed, nothing else is begun. */
  stop(): void {
    if (this.#stopping) return;
    this.#schedule.stop();
    clearTimeout(this.#jitter ?? undefined);
    clearInterval(this.#watchdog);
    clearInterval(this.#looking);
    this.#abort.abort();
  }

  get #stopping(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Something that no step has translated: one line of it, and the schedule goes on. */
  fault(error: unknown): void {
    const { code, message } = asStepError(error);
    this.#setup.log('error', `${code}: ${message.split('\n')[0] ?? ''}; what is installed stays in use`);
  }

  async #begin(): Promise<void> {
    const { config } = this.#equipment;
    const status = await lookAtHealth(config, new Date(), false).then(
      (look) => look.status,
      (error: unknown) => {
        this.fault(error);
        return null;
      },
    );
    this.#notifier.tell(['READY=1']);
    const every = this.#notifier.watchdog(this.#setup.pid);
    this.#looking = setInterval(() => this.#health.lookAtMta(this.#setup.log), LOOK_AT_MTA);
    if (every !== null) this.#watchdog = setInterval(() => this.#alive(), every);
    this.#schedule.follow(config.schedule.cron);
    // Where a list is missing mail waits: no jitter then.
    const waits = config.bundle.some(({ name }) => status?.bundles.find((b) => b.name === name)?.version == null);
    const now = waits || this.#cycles.waits;
    const lists = config.bundle.map(({ name }): List => [
      name,
      status?.bundles.find((b) => b.name === name)?.version ?? null,
    ]);
    const delay = now ? 0 : this.#tick();
    this.#setup.log(
      'notice',
      startLine(this.#setup.version, lists, config.schedule.cron, new Date(Date.now() + delay)),
    );
    if (now) this.#want('all');
  }

  /** The schedule says so. @returns the milliseconds until the cycle. */
  #tick(): number {
    if (this.#stopping || this.#jitter !== null || this.#cycles.isWorking) return 0;
    const { jitter } = this.#equipment.config.schedule;
    const delay = afterTick(jitter, Math.random());
    this.#jitter = setTimeout(() => this.#want('due'), delay);
    return delay;
  }

  #want(kind: Exclude<Kind, 'look'>): void {
    if (this.#stopping) return;
    clearTimeout(this.#jitter ?? undefined);
    this.#jitter = null;
    this.#cycles.want(kind);
  }

  /** A cycle whose fault does not end the daemon, and is on record where that is possible. */
  async #tried(kind: Kind): Promise<void> {
    const now = new Date();
    try {
      await this.#cycle(kind);
    } catch (error) {
      this.fault(error);
      const { code, message } = asStepError(error);
      const { log } = this.#setup;
      await recordFailure({ config: this.#equipment.config, now, log }, failure(code, message));
    } finally {
      this.#cycleSince = null;
    }
  }

  async #cycle(kind: Kind): Promise<void> {
    const { config, secrets, sources } = this.#equipment;
    const now = new Date();
    const pace = this.#pace;
    this.#cycleSince = steady();
    const say = this.#log.begin();
    for (const name of secrets.refresh((message) => say('warning', message))) {
      say('notice', `${name}: keys and credentials have changed and are read again`);
      pace.forget(name);
    }
    const { bundles, access } = secrets;
    const outcome = await daemonCycle({
      config,
      bundles,
      options: PLAIN,
      sourceOf: (b) => (kind === 'look' || (kind === 'due' && !pace.isDue(b.name, steady())) ? null : sources.of(b)),
      now,
      clock: steady,
      log: say,
      ...(this.#hashed ? { hashed: 'here' as const } : {}),
      takeLock: (file, wait, onWait, signal) => this.#lock.take(file, wait, onWait, signal),
      signal: this.#abort.signal,
      access,
      program: this.#setup.cycleProgram,
      version: this.#setup.version,
    });
    this.#cycleSince = null;
    if (outcome === null) return;
    if (outcome.code === undefined) this.#hashed = true;
    tell(outcome, say);
    this.#paused(pace, outcome, say);
    this.#notifier.tell([], await this.#health.report(config, outcome, now, say));
    const asked = outcome.bundles.map(({ name }) => name);
    this.#log.end(config.bundle.map(({ name }) => name).filter((name) => !asked.includes(name)));
  }

  #paused(pace: Pace, outcome: Outcome, say: Say): void {
    for (const b of outcome.bundles) {
      const pause = pace.note(b, steady(), Math.random());
      if (pause > 90_000)
        say(
          'notice',
          `${b.name}: asked again within ${Math.ceil(pause / 60_000)} min, since it fails again and again; at once: relaymap fetch`,
        );
      if (b.outcome === 'kept') this.#failing.add(b.name);
      else if (this.#failing.delete(b.name) && b.outcome === 'unchanged') say('notice', doneLine(b));
    }
  }

  /** A sign of life, unless a cycle has been at work for longer than any can be. */
  #alive(): void {
    const { total_timeout: total } = this.#equipment.config.limits;
    if (this.#cycleSince !== null && steady() - this.#cycleSince > total + STUCK) return;
    this.#notifier.tell(['WATCHDOG=1']);
  }
}
