/** A JSON array of addresses as it streams: each element is parsed by itself, so that a long list is never one value. Pure. */
import { PublishError } from '../errors.ts';

const KEYS = ['address', 'email', 'mail'];
const MAX_ELEMENT = 64 * 1024;
const SPACE = ' \t\r\n';

/**
 * The addresses of an array of strings, or of objects with a key `address`, `email` or `mail` (in any case; null or "" is no address).
 * @throws PublishError SOURCE: not such an array, or cut short.
 */
export async function* jsonAddresses(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const array = new ArrayReader(name);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Uint8Array) => {
    try {
      return utf8.decode(chunk, { stream: chunk !== undefined });
    } catch (error) {
      throw new PublishError('SOURCE', `${name} is not UTF-8`, error);
    }
  };
  for await (const chunk of chunks) yield array.read(decode(chunk));
  decode();
  array.end();
}

/** Finds where the elements of the outermost array begin and end; JSON.parse judges what is between. */
class ArrayReader {
  readonly #name: string;
  #state: 'before' | 'first' | 'element' | 'after' = 'before';
  #element = '';
  #depth = 0;
  #quoted = false;
  #escaped = false;
  #count = 0;

  constructor(name: string) {
    this.#name = name;
  }

  read(text: string): string[] {
    const found: string[] = [];
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text[i] ?? '';
      if (this.#state === 'before' || this.#state === 'after') {
        if (SPACE.includes(c)) continue;
        if (this.#state === 'after') this.#fail('has text behind the array');
        if (c !== '[') this.#fail('is no JSON array; expected [ "a@example.org", ... ]');
        this.#state = 'first';
        from = i + 1;
      } else if (this.#quoted) {
        if (this.#escaped) this.#escaped = false;
        else if (c === '\\') this.#escaped = true;
        else if (c === '"') this.#quoted = false;
      } else if (c === '"') this.#quoted = true;
      else if (c === '[' || c === '{') this.#depth++;
      else if (this.#depth > 0) {
        if (c === ']' || c === '}') this.#depth--;
      } else if (c === ',' || c === ']') {
        const element = this.#element + text.slice(from, i);
        this.#bound(element);
        this.#element = '';
        from = i + 1;
        // An empty array ends before its first element; anywhere else nothing between two commas is a fault.
        if (c === ',' || this.#state === 'element' || element.trim() !== '') found.push(this.#addressOf(element));
        this.#state = c === ',' ? 'element' : 'after';
      }
    }
    if (this.#state === 'first' || this.#state === 'element') this.#element += text.slice(from);
    this.#bound(this.#element);
    return found;
  }

  /** Whatever pieces it comes in. */
  #bound(element: string): void {
    if (element.length > MAX_ELEMENT) this.#fail(`entry ${this.#count + 1} is over ${MAX_ELEMENT} characters`);
  }

  end(): void {
    if (this.#state !== 'after') this.#fail('ends before its array does; is it cut short?');
  }

  #addressOf(text: string): string {
    const at = `entry ${++this.#count}`;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      this.#fail(`${at} is not JSON`, error);
    }
    if (typeof value === 'string') return value;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.#fail(`${at} is neither text nor an object`);
    const key = Object.keys(value).find((each) => KEYS.includes(each.toLowerCase()));
    if (key === undefined) this.#fail(`${at} has no key ${KEYS.join(', ')}`);
    const address = (value as Record<string, unknown>)[key] ?? '';
    if (typeof address !== 'string') this.#fail(`${at}: ${key} is not text`);
    return address;
  }

  #fail(why: string, cause?: unknown): never {
    throw new PublishError('SOURCE', `${this.#name} ${why}`, cause);
  }
}
