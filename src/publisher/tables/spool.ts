/** Collects bytes in memory up to a limit, and all of them in a scratch file if there are more. */
import type { ScratchFile } from '../../io/scratch-file.ts';
import type { RowSpace } from '../gather/row-space.ts';
import type { Content } from '../repository/content.ts';

/** Bytes. A publish keeps up to 64 deltas, most of them far smaller. */
const IN_MEMORY = 4 * 2 ** 20;

export class Spool {
  #chunks: Uint8Array[] = [];
  #length = 0;
  #file: ScratchFile | null = null;
  readonly #space: RowSpace;

  constructor(space: RowSpace) {
    this.#space = space;
  }

  /** @throws HostError NO_SPACE, PublishError OUTPUT */
  take(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#file !== null) {
      this.#space.write(this.#file, chunk);
      return;
    }
    this.#chunks.push(chunk);
    if (this.#length <= Math.min(IN_MEMORY, this.#space.limit)) return;
    this.#file = this.#space.open();
    for (const each of this.#chunks) this.#space.write(this.#file, each);
    this.#chunks = [];
  }

  done(): Content {
    return this.#file ?? Buffer.concat(this.#chunks);
  }

  /** Lets go of what was collected. */
  discard(): void {
    if (this.#file !== null) this.#space.free(this.#file);
    this.#chunks = [];
  }
}
