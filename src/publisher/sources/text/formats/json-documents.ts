/**
 * Finds where the values of a JSON text begin and end, as it streams: the elements of an array, or consecutive
 * documents (NDJSON). Pure.
 */
const MAX_ELEMENT = 16 * 1024 * 1024;
const MAX_DOCUMENT = 256 * 1024 * 1024;
/** The code that reads a value recurses this deep. */
const MAX_DEPTH = 100;
const SPACE = ' \t\r\n';

/** The text is not JSON that we read. The message follows the source's name. */
export class JsonFault extends Error {}

export interface JsonText {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** An element of the outermost array. Otherwise the value is a document of its own. */
  readonly isElement: boolean;
}

export class JsonDocuments {
  #state: 'before' | 'first' | 'element' | 'document' | 'after' = 'before';
  #pending = '';
  #depth = 0;
  #quoted = false;
  #escaped = false;
  #count = 0;
  #documents = 0;

  /** @throws JsonFault */
  read(text: string): JsonText[] {
    const found: JsonText[] = [];
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text[i] ?? '';
      if (this.#state === 'before' || this.#state === 'after') {
        if (SPACE.includes(c)) continue;
        if (this.#state === 'after') throw new JsonFault('has text behind the array');
        if (c === '[' && this.#documents === 0) [this.#state, from] = ['first', i + 1];
        else if (c === '{') [this.#state, this.#depth, from] = ['document', 1, i];
        else if (this.#documents > 0) throw new JsonFault(`has text behind document ${this.#documents}`);
        else throw new JsonFault('is neither a JSON array nor an object; expected [ "a@example.org", ... ]');
      } else if (this.#quoted) {
        if (this.#escaped) this.#escaped = false;
        else if (c === '\\') this.#escaped = true;
        else if (c === '"') this.#quoted = false;
      } else if (c === '"') this.#quoted = true;
      else if (c === '[' || c === '{') {
        if (++this.#depth > MAX_DEPTH) throw new JsonFault(`is more than ${MAX_DEPTH} levels deep`);
      } else if (this.#depth > 0) {
        if (c !== ']' && c !== '}') continue;
        this.#depth--;
        if (this.#depth > 0 || this.#state !== 'document') continue;
        found.push(this.#taken(text.slice(from, i + 1), ++this.#documents, false));
        this.#state = 'before';
      } else if (c === ',' || c === ']') {
        const element = this.#pending + text.slice(from, i);
        // An empty array ends before its first element. Anywhere else, nothing between two commas is an error.
        if (c === ',' || this.#state === 'element' || element.trim() !== '')
          found.push(this.#taken(text.slice(from, i), ++this.#count, true));
        this.#pending = '';
        from = i + 1;
        this.#state = c === ',' ? 'element' : 'after';
      }
    }
    if (this.#state !== 'before' && this.#state !== 'after') this.#pending += text.slice(from);
    this.#bound(this.#pending, (this.#state === 'document' ? this.#documents : this.#count) + 1);
    return found;
  }

  /** @throws JsonFault */
  end(): void {
    if (this.#state === 'after' || (this.#state === 'before' && this.#documents > 0)) return;
    throw new JsonFault(`ends before its ${this.#state === 'document' ? 'object' : 'array'} does; is it cut short?`);
  }

  #taken(more: string, number: number, isElement: boolean): JsonText {
    const text = this.#pending + more;
    this.#bound(text, number);
    this.#pending = '';
    return { text, number, isElement };
  }

  /** Limits the memory that one value can take, however it is split. */
  #bound(text: string, number: number): void {
    const most = this.#state === 'document' ? MAX_DOCUMENT : MAX_ELEMENT;
    if (text.length <= most) return;
    const what = this.#state === 'document' ? 'document' : 'entry';
    throw new JsonFault(`${what} ${number} is over ${most} characters`);
  }
}
