/**
 * How far a download is: per cent and the time that is left, where the manifest has said how much is to come. Told
 * the time; pure.
 */
import { number } from '../say/outcome-lines.ts';
import type { Source } from './source.ts';

interface Part {
  readonly source: Source;
  /** What the source had received when the table was asked for, when that was, and how much is to come. */
  readonly from: number;
  readonly since: number;
  readonly bytes: number;
}

export class FetchProgress {
  readonly #clock: () => number;
  readonly #sources: Source[] = [];
  readonly #parts = new Map<Source, Part>();

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The same source, watched. */
  watch(source: Source): Source {
    this.#sources.push(source);
    const begin = (bytes: number) =>
      this.#parts.set(source, { source, from: source.received(), since: this.#clock(), bytes });
    const origins = source.origins.map((origin) => ({
      ...origin,
      blob: (name: string, wireBytes: number) => {
        begin(wireBytes);
        return origin.blob(name, wireBytes);
      },
    }));
    return { ...source, origins };
  }

  line(): string {
    const received = this.#sources.reduce((sum, source) => sum + source.received(), 0);
    const parts = [...this.#parts.values()];
    const total = parts.reduce((sum, part) => sum + part.bytes, 0);
    if (total === 0) return `fetching, ${number(received)} bytes received`;
    const got = parts.reduce((sum, { source, from, bytes }) => sum + Math.min(bytes, source.received() - from), 0);
    const percent = Math.floor((got * 100) / total);
    if (got === total) return `fetching, 100 % of ${number(total)} bytes, making the maps`;
    const spent = this.#clock() - Math.min(...parts.map(({ since }) => since));
    const left = got === 0 ? '' : `, ${lasting((spent * (total - got)) / got)} left`;
    return `fetching, ${percent} % of ${number(total)} bytes${left}`;
  }
}

function lasting(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
