/** When each version was first said, and by whom. Pure. */

/**
 * Who said it: somebody with a certificate or token; one whose claimed name or address is expected; anybody else, who
 * must not change what is known of these.
 */
export type Word = 'proven' | 'expected' | 'claimed';

/** Versions of which the first sight is remembered. */
const MOST = 20_000;

export interface Version {
  /** Seconds since 1970. */
  first: number;
}

export class Versions {
  readonly words: Readonly<Record<Word, Map<number, Version>>> = {
    proven: new Map(),
    expected: new Map(),
    claimed: new Map(),
  };

  /** Null where there are too many. */
  of(version: number, word: Word): Version | null {
    const versions = this.words[word];
    const found = versions.get(version);
    if (found !== undefined) return found;
    if (versions.size >= MOST) return null;
    const made = { first: Infinity };
    versions.set(version, made);
    return made;
  }

  /** When one of these first said it, in seconds since 1970; null if none did. */
  first(version: number, words: readonly Word[]): number | null {
    const first = Math.min(...words.map((word) => this.words[word].get(version)?.first ?? Infinity));
    return Number.isFinite(first) ? first : null;
  }

  /**
   * @param below versions from this one on are not looked at.
   * @returns for a version, when one that is newer was first said by one of these; null if none was
   */
  newer(words: readonly Word[], below: number): (version: number) => number | null {
    const all = words
      .flatMap((word) => [...this.words[word]])
      .filter(([version]) => version < below)
      .sort(([a], [b]) => b - a);
    let first = Infinity;
    const since = all.map(([version, each]) => [version, (first = Math.min(first, each.first))] as const);
    return (version) => {
      let [low, high] = [0, since.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((since[middle]?.[0] ?? 0) > version) low = middle + 1;
        else high = middle;
      }
      const found = since[low - 1]?.[1] ?? Infinity;
      return Number.isFinite(found) ? found : null;
    };
  }
}
