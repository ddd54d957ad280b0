// Makes inputs of inputs: by bytes as AFL does it, by lines and words for texts, by values for JSON. Chance comes
// from the caller.
import type { Random } from '../support/random.ts';
import type { Target } from './target.ts';

const BYTES = [0, 1, 0x0a, 0x20, 0x22, 0x40, 0x5c, 0x7f, 0x80, 0xc3, 0xff];
const NUMBERS = [0, 1, -1, 255, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 1, 2 ** 53, 1e308, 0.5];

type Change = (input: Buffer, random: Random, other: Buffer, words: readonly string[]) => Buffer;

const spliced = (input: Buffer, from: number, to: number, between: Uint8Array): Buffer =>
  Buffer.concat([input.subarray(0, from), between, input.subarray(to)]);

/** A stretch of the input: mostly short. */
function stretch(input: Buffer, random: Random): [number, number] {
  const from = random.number(input.length + 1);
  const longest = random.once(4) ? input.length : 16;
  return [from, Math.min(input.length, from + 1 + random.number(longest + 1))];
}

const wordOf = (words: readonly string[], random: Random): Buffer =>
  words.length === 0
    ? Buffer.of(random.number(256))
    : Buffer.from(random.pick(words), random.once(8) ? 'utf16le' : 'utf8');

const byBytes: readonly Change[] = [
  (input, random) => {
    const out = Buffer.from(input);
    const at = random.number(out.length + 1);
    if (at < out.length) out[at] = (out[at] ?? 0) ^ (1 << random.number(8));
    return out;
  },
  (input, random) => {
    const out = Buffer.from(input);
    if (out.length > 0) out[random.number(out.length)] = random.once(2) ? random.number(256) : random.pick(BYTES);
    return out;
  },
  (input, random) => {
    const out = Buffer.from(input);
    const at = random.number(out.length + 1);
    if (at < out.length) out[at] = (out[at] ?? 0) + random.number(33) - 16;
    return out;
  },
  // A word of 16 or 32 bits becomes a number of interest, or a little more or less than it is.
  (input, random) => {
    const out = Buffer.from(input);
    if (out.length < 4) return out;
    const at = random.number(out.length - 3);
    if (random.once(2))
      out.writeUInt32LE(
        random.once(2) ? (out.readUInt32LE(at) + random.number(65) - 32) >>> 0 : random.pick(NUMBERS.slice(0, 7)) >>> 0,
        at,
      );
    else out.writeUInt16LE(random.number(65_536), at);
    return out;
  },
  (input, random) => spliced(input, ...stretch(input, random), Buffer.alloc(0)),
  // A stretch once more, here or elsewhere.
  (input, random) => {
    const [from, to] = stretch(input, random);
    const at = random.once(2) ? to : random.number(input.length + 1);
    return spliced(input, at, at, input.subarray(from, to));
  },
  (input, random, _, words) => {
    const at = random.number(input.length + 1);
    return spliced(input, at, at, wordOf(words, random));
  },
  (input, random, _, words) => {
    const word = wordOf(words, random);
    const at = random.number(input.length + 1);
    return spliced(input, at, Math.min(input.length, at + word.length), word);
  },
  // The beginning of this one, the end of another.
  (input, random, other) =>
    Buffer.concat([
      input.subarray(0, random.number(input.length + 1)),
      other.subarray(random.number(other.length + 1)),
    ]),
  (input, random, other) => {
    const at = random.number(input.length + 1);
    return spliced(input, at, at, other.subarray(...stretch(other, random)));
  },
];

/** Lines, or what stands between two blanks or signs. */
const byText: readonly Change[] = [
  (input, random) => lines(input, (all) => void all.splice(random.number(all.length), 1)),
  (input, random) => lines(input, (all) => void all.splice(random.number(all.length + 1), 0, random.pick(all))),
  (input, random) =>
    lines(input, (all) => {
      const [a, b] = [random.number(all.length), random.number(all.length)];
      [all[a], all[b]] = [all[b] ?? '', all[a] ?? ''];
    }),
  (input, random, other) =>
    lines(input, (all) => {
      const others = other.toString('latin1').split('\n');
      const at = random.number(all.length);
      all.splice(at, random.number(2), random.pick(others));
    }),
  (input, random, _, words) => {
    const text = input.toString('latin1');
    const found = [...text.matchAll(/[A-Za-z0-9_-]+|[^A-Za-z0-9_\s-]/g)];
    if (found.length === 0) return input;
    const one = random.pick(found);
    const into = random.once(2) ? wordOf(words, random) : Buffer.from(random.pick(found)[0], 'latin1');
    return spliced(input, one.index, one.index + one[0].length, into);
  },
];

function lines(input: Buffer, change: (all: string[]) => void): Buffer {
  const all = input.toString('latin1').split('\n');
  change(all);
  return Buffer.from(all.join('\n'), 'latin1');
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Holder = { holder: Json[] | { [key: string]: Json }; key: string | number };

/** Changes one value of a document, wherever it stands. */
const byJson: Change = (input, random, other, words) => {
  let document: { root: Json };
  try {
    document = { root: JSON.parse(input.toString()) as Json };
  } catch {
    return random.pick(byBytes)(input, random, other, words);
  }
  const places = placesOf(document);
  const { holder, key } = random.pick(places);
  const get = (at: Holder): Json => (at.holder as Record<string | number, Json>)[at.key] ?? null;
  const set = (value: Json) => {
    (holder as Record<string | number, Json>)[key] = value;
  };
  const value = get({ holder, key });
  const word = () => (words.length === 0 ? '' : random.pick(words));
  switch (random.number(9)) {
    case 0:
      set(random.pick<Json>([null, true, false, [], {}, '', random.pick(NUMBERS), word()]));
      break;
    case 1:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 0, structuredClone(value));
      else holder[random.once(3) ? word() : `${key}x`] = structuredClone(value);
      break;
    case 3:
      set(structuredClone(get(random.pick(places))));
      break;
    case 4:
      if (typeof value === 'number') set(random.once(2) ? value + random.number(5) - 2 : random.pick(NUMBERS));
      else if (typeof value === 'string')
        set(random.pick(byBytes)(Buffer.from(value), random, other, words).toString());
      else set([value]);
      break;
    case 5:
      if (typeof value === 'string')
        set(value.slice(0, random.number(value.length + 1)) + (random.once(2) ? word() : ''));
      break;
    case 6: {
      if (!Array.isArray(value)) break;
      while (value.length > 0 && value.length < 20) value.push(structuredClone(random.pick(value)));
      break;
    }
    case 7: {
      // Another document's value of the same name.
      try {
        const same = placesOf({ root: JSON.parse(other.toString()) as Json }).filter((place) => place.key === key);
        if (same.length > 0) set(get(random.pick(same)));
      } catch {
        set(word());
      }
      break;
    }
    default: {
      // As text: a name twice, a number in another form.
      const text = JSON.stringify(document.root);
      return Buffer.from(
        text.replace(/"[a-zA-Z]+":[^,{}[\]]+,/, (pair) =>
          random.once(2) ? pair + pair : `${pair}${JSON.stringify(word())}:1,`,
        ),
      );
    }
  }
  return Buffer.from(JSON.stringify(document.root) ?? '');
};

function placesOf(document: { root: Json }): Holder[] {
  const found: Holder[] = [{ holder: document, key: 'root' }];
  for (let at = 0; at < found.length && found.length < 2000; at++) {
    const { holder, key } = found[at] ?? { holder: [], key: 0 };
    const value = (holder as Record<string | number, Json>)[key];
    if (typeof value !== 'object' || value === null) continue;
    const inner = value;
    for (const each of Array.isArray(inner) ? inner.keys() : Object.keys(inner))
      found.push({ holder: inner, key: each });
  }
  return found;
}

/**
 * An input made of another by a few changes.
 * @param other one more of the same target. @param words those of the format, and those that the code compares with.
 */
export function mutated(
  { form, longest }: Target,
  input: Buffer,
  other: Buffer,
  words: readonly string[],
  random: Random,
): Buffer {
  let out = input;
  for (let left = 1 << random.number(5); left > 0; left--) {
    const structured = form !== 'bytes' && !random.once(3);
    const change = !structured ? random.pick(byBytes) : form === 'json' ? byJson : random.pick(byText);
    out = change(out, random, other, words);
    if (form === 'json' && structured && random.once(2)) break;
  }
  return out.length > longest ? out.subarray(0, longest) : out;
}
