/**
 * How many bundles are asked at once. A host that follows a thousand lists would otherwise open a thousand
 * connections in one moment, and then be too busy with all of them to hear any in time. Touches nothing.
 */

/** Bundles that are asked at once. */
export const PLACES = 32;

/** Milliseconds after which a bundle gives its place to the next one, and goes on: a slow one holds up no others. */
const SLOW = 5_000;

export class Places {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(free: number) {
    this.#free = free;
  }

  /** Does the work as soon as there is a place for it. @param slow milliseconds until it gives its place away */
  async take<T>(work: () => Promise<T>, slow = SLOW): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isHeld = true;
    const give = () => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    const timer = setTimeout(give, slow);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      give();
    }
  }
}
