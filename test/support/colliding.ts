// Keys that all have one hash, found as an enemy would find them: pairs of blocks that lead from one state of the
// hash to the same next one, one pair after the other. N pairs make 2^N keys.

/** The next state of a hash of 32 bits. */
type Step = (state: number, byte: number) => number;

/** cdb's own hash. */
export const CDB = { start: 5381, step: (h: number, c: number) => (((h << 5) + h) ^ c) >>> 0 };
/** FNV-1a from a start that is known. */
export const fnv = (start: number) => ({ start, step: (h: number, c: number) => Math.imul(h ^ c, 0x01000193) });
/** The same four bytes at a time, for keys whose parts are all of a multiple of four bytes. */
export function words(start: number, mixed: (state: number, word: number) => number): { start: number; step: Step } {
  let [word, bytes] = [0, 0];
  const step = (h: number, c: number) => {
    word |= c << (8 * bytes++);
    if (bytes < 4) return h;
    const next = mixed(h, word);
    [word, bytes] = [0, 0];
    return next;
  };
  return { start, step };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

function pair(start: number, step: Step): { blocks: [string, string]; end: number } {
  const met = new Map<number, string>();
  // Blocks without an order, so that two of them soon meet: about one in 2^16.
  for (let random = 1; ;) {
    let block = '';
    let end = start;
    while (block.length < 8) {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
      const at = (random >>> 12) % LETTERS.length;
      block += LETTERS[at];
      end = step(end, LETTERS.charCodeAt(at));
    }
    const other = met.get(end);
    if (other !== undefined && other !== block) return { blocks: [other, block], end };
    met.set(end, block);
  }
}

/** 2^pairs keys of one hash and one length; `prefix` and `suffix` are part of each. */
export function colliding(
  { start, step }: { start: number; step: Step },
  pairs: number,
  prefix: string,
  suffix: string,
): string[] {
  let state = [...Buffer.from(prefix)].reduce(step, start);
  let keys = [prefix];
  for (let i = 0; i < pairs; i++) {
    const { blocks, end } = pair(state, step);
    keys = keys.flatMap((key) => blocks.map((block) => key + block));
    state = end;
  }
  return keys.map((key) => key + suffix);
}
