/**
 * The daemon's cycles in turn: never two at once, and what is asked for while one is at work is done after it, once.
 */

/** `look`: no bundle is asked. `due`: those that are not left alone for a while. `all`: all of them. */
export type Kind = 'look' | 'due' | 'all';

export class CycleQueue {
  readonly #cycle: (kind: Kind) => Promise<void>;
  readonly #stopped: AbortSignal;
  #wanted: Exclude<Kind, 'look'> | null = null;
  #working: Promise<void> | null = null;

  /** @param cycle does one, and never throws. @param stopped no other is begun once this is aborted. */
  constructor(cycle: (kind: Kind) => Promise<void>, stopped: AbortSignal) {
    this.#cycle = cycle;
    this.#stopped = stopped;
  }

  /** The first look, with everything else waiting for it. */
  async look(): Promise<void> {
    this.#working = this.#cycle('look');
    try {
      await this.#working;
    } finally {
      this.#working = null;
    }
  }

  /** A cycle at once, or after the one at work; of several that wait, the last asked for is done. */
  want(kind: Exclude<Kind, 'look'>): void {
    this.#wanted = kind;
    this.#working ??= this.#workOff();
  }

  /** One waits for its turn. */
  get waits(): boolean {
    return this.#wanted !== null;
  }

  get isWorking(): boolean {
    return this.#working !== null;
  }

  /** When nothing is at work any more. */
  async ended(): Promise<void> {
    await this.#working;
  }

  async #workOff(): Promise<void> {
    try {
      while (this.#wanted !== null && !this.#stopped.aborted) {
        const kind = this.#wanted;
        this.#wanted = null;
        await this.#cycle(kind);
      }
    } finally {
      this.#working = null;
    }
  }
}
