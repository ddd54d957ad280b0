/**
 * What the daemon tells of itself and of its lists: the health pages, the text file for a Prometheus node exporter,
 * the line for `systemctl status`. Nothing of it is worth failing for.
 */
import type { Level } from '../../io/log.ts';
import { HealthServer } from '../../io/health/server.ts';
import type { GatewayConfig } from '../config.ts';
import { lookAgain } from '../health/asking.ts';
import { countersOf, NO_COUNTERS, summed, type Counters } from '../health/counters.ts';
import { lookAtHealth } from '../health/look.ts';
import { healthPages, statusLine } from '../health/pages.ts';
import { unrecorded, writeTextfile } from '../health/textfile.ts';
import { mtaOf } from '../mta/of-config.ts';
import type { Outcome } from '../outcome.ts';
import type { Say } from './cycle-log.ts';

export class DaemonHealth {
  readonly #version: string;
  readonly #config: () => GatewayConfig;
  readonly #server: HealthServer;
  readonly #clock: () => Date;
  readonly #startedAt: Date;
  #configReadAt: Date;
  #configGood = true;
  /** What status.json could not take down. */
  #missing: Counters = NO_COUNTERS;

  /** @param config the one in use. */
  constructor(
    version: string,
    config: () => GatewayConfig,
    clock: () => Date,
    log: (level: Level, message: string) => void,
  ) {
    this.#version = version;
    this.#config = config;
    this.#clock = clock;
    this.#startedAt = this.#configReadAt = clock();
    this.#server = new HealthServer(
      healthPages(version, () => this.#facts()),
      log,
    );
  }

  /** The configuration was read again, or could not be. */
  configRead(isGood: boolean): void {
    this.#configGood = isGood;
    if (isGood) this.#configReadAt = this.#clock();
  }

  /**
   * After a cycle. @param config of that cycle. @returns the line for `systemctl status`
   */
  async report(config: GatewayConfig, outcome: Outcome, now: Date, say: Say): Promise<string> {
    const look = await lookAtHealth(config, this.#clock(), false);
    this.#missing = summed(this.#missing, unrecorded(look, outcome, config, now));
    const fault = writeTextfile(config, look, this.#missing, this.#version);
    if (fault !== null) say('warning', fault);
    await this.#server.listen(config.health.listen, say);
    return statusLine(look);
  }

  /** Whether the mail server asks the maps. Cycles look as well, but the schedule may have them come once a day. */
  lookAtMta(say: Say): void {
    const config = this.#config();
    try {
      lookAgain(config.state_dir, mtaOf(config), this.#clock());
    } catch (error) {
      say(
        'warning',
        `mta.json cannot be written, so health cannot tell whether the maps are asked: ${(error as Error).message}`,
      );
    }
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async #facts() {
    const config = this.#config();
    const look = await lookAtHealth(config, this.#clock(), false);
    const { user, system } = process.cpuUsage();
    return {
      config,
      look,
      counters: summed(countersOf(look.status), this.#missing),
      process: {
        startedAt: this.#startedAt,
        cpuSeconds: (user + system) / 1e6,
        residentBytes: process.memoryUsage.rss(),
        configGood: this.#configGood,
        configReadAt: this.#configReadAt,
      },
    };
  }
}
