// What a fuzz target is, and what several of them need: pieces of an input, and the faults that are allowed.
// Touches nothing.
import { StepError } from '../../src/errors.ts';
import { PublishError } from '../../src/publisher/errors.ts';
import { Random } from '../support/random.ts';

/** A parser of bytes from outside, with what must hold whatever the bytes are. */
export interface Target {
  readonly name: string;
  /** How an input is changed beside its bytes: `json` by its values, `text` by its lines and words. */
  readonly form: 'bytes' | 'text' | 'json';
  /** Bytes; a longer input is cut. */
  readonly longest: number;
  /** Words of the format. */
  readonly words: readonly string[];
  /** Valid documents of each kind, and what is just beside them. */
  readonly seeds: () => readonly (string | Uint8Array)[];
  /**
   * Runs the parser and checks what came of it.
   * @returns what became of the input, in few words: two inputs that end differently are told apart by it.
   * @throws anything where a promise is broken.
   */
  readonly run: (input: Uint8Array) => string | Promise<string>;
}

/** A promise that an input has broken. */
export class Broken extends Error {}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what);
}

/** Two values that have to be the same; compared as JSON, so that texts, numbers and lists can be told. */
export function same(found: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Broken(`${what}: ${a?.slice(0, 400)} is not ${b?.slice(0, 400)}`);
}

/** A refusal in a few words; anything else than an error of the closed lists is thrown again. */
export function refusal(error: unknown): string {
  if (!(error instanceof StepError) && !(error instanceof PublishError)) throw error;
  // Without what is the input's own: numbers, and texts in quotes.
  const words = error.message.replace(/"[^"]*"/g, '').match(/[A-Za-z]{2,}/g) ?? [];
  return `${error.code} ${words.slice(0, 8).join(' ')}`;
}

/** A number that hangs on the bytes and on nothing else. */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The same bytes in pieces, cut at places that hang on the bytes; every third time one by one, if they are few. */
export function pieces(bytes: Uint8Array, salt = 0): Uint8Array[] {
  const random = new Random(hashOf(bytes) + salt);
  const largest = bytes.length < 2000 && random.once(3) ? 1 : 1 + random.number(bytes.length + 1);
  const cut: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.number(largest);
    cut.push(bytes.slice(at, at + size));
    at += size;
  }
  return cut;
}

/** Pieces as they come from a socket or a disk. */
export async function* coming<T>(all: readonly T[]): AsyncGenerator<T> {
  for (const each of all) yield await Promise.resolve(each);
}

export async function gathered<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) all.push(each);
  return all;
}

/** Either what a function gives, or its refusal in words. */
export async function attempt<T>(
  make: () => T | Promise<T>,
): Promise<{ value: T } | { refused: string; error: Error }> {
  try {
    return { value: await make() };
  } catch (error) {
    return { refused: refusal(error), error: error as Error };
  }
}

const LARGEST = 140_000;

/** `~60000*ab~` stands for 60000 times `ab`: what is too long for a limit is short in the corpus. */
export function expanded(input: Uint8Array): Uint8Array {
  const text = Buffer.from(input).toString('latin1');
  if (!text.includes('~')) return input;
  let room = LARGEST;
  const long = text.replace(/~(\d{1,6})\*([^~]{1,64})~/g, (whole, times: string, unit: string) => {
    const length = Number(times) * unit.length;
    if (length > room) return whole;
    room -= length;
    return unit.repeat(Number(times));
  });
  return Buffer.from(long, 'latin1');
}
