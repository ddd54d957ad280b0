/**
 * Looks for candidates again and again, and tells `health` how it went. It logs each failure once. The caller supplies
 * the clock.
 */
import { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { readPublishStatus, writePublishStatus, type PublishStatus } from '../health/status.ts';
import type { CosignHost, Looked } from './cosign.ts';

/** Milliseconds between two looks, and at most after failures. */
const PAUSE = 1000;
const MAX_PAUSE = 30_000;
/** Milliseconds after which an unchanged result is written for `health` again. */
const AGAIN = 30_000;

export class CosignWatch {
  readonly #config: PublisherConfig;
  readonly #host: CosignHost;
  readonly #now: () => Date;
  #failure: string | null = null;
  #failures = 0;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(config: PublisherConfig, host: CosignHost, now: () => Date) {
    this.#config = config;
    this.#host = host;
    this.#now = now;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.succeeded(await this.#host.look(this.#now()));
        this.#failures = 0;
        this.#failure = null;
      } catch (error) {
        if (!(error instanceof PublishError) && !(error instanceof StepError)) throw error;
        this.#failures++;
        this.failed(error);
      }
      const pause = Math.min(MAX_PAUSE, PAUSE * 2 ** Math.max(0, Math.min(this.#failures - 2, 10)));
      if (!this.#stopped)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pause);
          this.#wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  succeeded({ outcome, manifest }: Looked): void {
    if (this.#failure !== null && outcome === 'nothing') log('notice', `${this.#config.name}: nothing is to be signed`);
    const at = this.#now().toISOString();
    const said =
      manifest === null
        ? {}
        : {
            version: manifest.version,
            rows: manifest.tables.recipients.rows,
            created: manifest.created.toISOString(),
            expires: manifest.expires.toISOString(),
          };
    const done = outcome === 'signed' ? ('published' as const) : ('unchanged' as const);
    this.#write({ ...this.#before(), ...said, endedAt: at, succeededAt: at, outcome: done, code: null, message: null });
  }

  failed(error: PublishError | StepError): void {
    const failure = `${error.code} ${error.message.replaceAll(/[0-9]+/g, '0')}`;
    if (failure !== this.#failure) log('error', `${this.#config.name}: ${error.code}: ${error.message}`);
    this.#failure = failure;
    const endedAt = this.#now().toISOString();
    const message = error.code === 'UNSIGNED' ? error.message : null;
    this.#write({ ...this.#before(), endedAt, outcome: 'failed', code: error.code, message });
  }

  #before(): PublishStatus {
    const nothing = { version: null, rows: 0, waiting: 0, created: null, expires: null, succeededAt: null };
    const none = {
      format: 1 as const,
      name: this.#config.name,
      source: null,
      divergedSince: null,
      code: null,
      message: null,
    };
    return readPublishStatus(this.#config) ?? { ...none, ...nothing, endedAt: '', outcome: 'unchanged' };
  }

  #write(status: PublishStatus): void {
    const before = readPublishStatus(this.#config);
    const facts = (of: PublishStatus) => JSON.stringify({ ...of, endedAt: '', succeededAt: '', outcome: '' });
    const isOld = before === null || Math.abs(Date.parse(status.endedAt) - Date.parse(before.endedAt)) >= AGAIN;
    if (!isOld && facts(before) === facts(status)) return;
    const wrong = writePublishStatus(this.#config, status);
    if (wrong !== null) log('warning', wrong);
  }
}
