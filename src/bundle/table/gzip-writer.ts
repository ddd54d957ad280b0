/**
 * One gzip member written in pieces, with back-pressure; both sides use it. The same bytes in give the same bytes
 * out. Pure.
 */
import { createGzip, gzip, type ZlibOptions } from 'node:zlib';
import { HostError } from '../../errors.ts';

/** A whole member at once, made by another thread beside whatever else is done meanwhile. */
export function gzipped(bytes: Uint8Array, options: ZlibOptions): Promise<Uint8Array> {
  // Room for most members: each time it is full, the other thread waits until this one has time for it.
  const chunkSize = Math.max(64 * 1024, Math.ceil(bytes.length / 3));
  return new Promise((resolve, reject) => {
    gzip(bytes, { ...options, chunkSize }, (error, member) => (error === null ? resolve(member) : reject(error)));
  });
}

export class GzipWriter {
  /** Bytes of the member so far. */
  wireBytes = 0;
  readonly #stream;
  readonly #ended: Promise<unknown>;

  /**
   * @param options a level alone, or more.
   * @param take gets the member's bytes; what it throws (a full disk) comes out of `write` or `end`, never out of a
   * stream's event.
   */
  constructor(options: number | ZlibOptions, take: (chunk: Uint8Array) => void) {
    const how = typeof options === 'number' ? { level: options } : options;
    // Room for what comes of a block: each time it is full, the other thread waits until this one has time for it.
    this.#stream = createGzip({ ...how, chunkSize: 256 * 1024 });
    this.#ended = new Promise((resolve, reject) => {
      this.#stream.on('end', resolve).on('error', reject);
      this.#stream.on('data', (chunk: Buffer) => {
        this.wireBytes += chunk.length;
        try {
          take(chunk);
        } catch (error) {
          this.#stream.destroy(error as Error);
        }
      });
    });
    this.#ended.catch(() => undefined); // whoever writes or ends hears of it
  }

  /** Afterwards the memory is the caller's again. */
  async write(bytes: Uint8Array): Promise<void> {
    const taken = new Promise<void>((resolve) => this.#stream.write(bytes, () => resolve()));
    await Promise.race([taken, this.#ended]);
  }

  /** @returns the size of the member in bytes. */
  async end(): Promise<number> {
    this.#stream.end();
    await this.#ended;
    return this.wireBytes;
  }

  /** Lets go of a member that will not be ended; whoever still writes hears of it, and does not wait for ever. */
  destroy(): void {
    this.#stream.destroy(new HostError('INTERNAL', 'a gzip member was let go before its end'));
  }
}
