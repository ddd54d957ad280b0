/**
 * What systemd is told, by the command `systemd-notify`: Node has no unix datagram sockets. One child costs 13 ms
 * of CPU, so only what is news is told, in order and one at a time. Without NOTIFY_SOCKET it does nothing.
 */
import { spawn } from 'node:child_process';

/**
 * Milliseconds that one message may take: of a host that boots, with all services at once, seconds are nothing, and
 * READY=1 is said once.
 */
const PATIENCE = 30_000;

/** Runs a command that signals for the daemon do not end: service managers send them to every process of a unit. */
const DEAF = 'trap "" USR1 USR2 HUP; exec "$@"';

export class Notifier {
  readonly #env: NodeJS.ProcessEnv;
  readonly #warn: (message: string) => void;
  readonly #there: boolean;
  #queue: Promise<void> = Promise.resolve();
  #status = '';
  #broken = false;

  constructor(env: NodeJS.ProcessEnv, warn: (message: string) => void) {
    this.#env = env;
    this.#warn = warn;
    this.#there = (env['NOTIFY_SOCKET'] ?? '') !== '';
  }

  /** Milliseconds between two signs of life, half of what the unit allows; null where nobody waits for them. */
  watchdog(pid: number): number | null {
    const usec = Number(this.#env['WATCHDOG_USEC']);
    const forUs = (this.#env['WATCHDOG_PID'] ?? String(pid)) === String(pid);
    return this.#there && forUs && usec > 0 ? usec / 2000 : null;
  }

  /**
   * @param words such as `READY=1`. @param status a line for `systemctl status`; told only when it is another than
   * before.
   */
  tell(words: readonly string[], status = this.#status): void {
    const news = status === this.#status ? [] : [`STATUS=${status.replaceAll(/\s+/g, ' ')}`];
    this.#status = status;
    if (!this.#there || words.length + news.length === 0) return;
    this.#queue = this.#queue.then(() => this.#send([...words, ...news]));
  }

  /** When all is told. */
  async told(): Promise<void> {
    await this.#queue;
  }

  #send(words: string[]): Promise<void> {
    return new Promise((resolve) => {
      const failed = (why: string) => {
        if (!this.#broken) this.#warn(`systemd cannot be told how it goes (${words[0] ?? ''}): ${why}`);
        this.#broken = true;
        resolve();
      };
      const argv = ['-c', DEAF, 'sh', 'systemd-notify', ...words];
      const child = spawn('sh', argv, { env: this.#env, stdio: 'ignore', timeout: PATIENCE });
      child.on('error', (error) => failed(error.message));
      child.on('close', (status) => {
        if (status !== 0) return failed(`systemd-notify ended with ${status ?? 'a signal'}`);
        this.#broken = false;
        resolve();
      });
    });
  }
}
