/**
 * Finds the records in a JSON value, wherever they are: by their keys, or at the paths that the configuration
 * names. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import { columnOf, isGoogleMixed, isGooglePrimary, isInactive, isNaming, type Column } from '../columns.ts';
import { pageOf, type Page } from '../page.ts';
import type { ReadingOptions } from '../text-options.ts';
import { Records, type Field } from '../records.ts';
import { holdsAddress } from '../values.ts';

type Members = Readonly<Record<string, unknown>>;
type Path = readonly string[];

/** What Graph's delta says of a record that is no longer there, with an object for its value. */
const REMOVED = '@removed';
const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [value]);

export class JsonRecords {
  readonly #options: ReadingOptions;
  readonly #pages: Page[];
  readonly #records: Records;
  readonly #paths: readonly Path[] | null;
  /** The number of the outermost array's element; null in a document, whose records are counted. */
  #element: number | null = null;
  #elements = 0;
  #count = 0;
  #found = false;

  /** @param pages receives what a document says of other pages of the list. */
  constructor(options: ReadingOptions, pages: Page[]) {
    this.#options = options;
    this.#pages = pages;
    this.#paths = options.columns?.map((path) => String(path).split('.')) ?? null;
    this.#records = new Records({ ...options, unit: 'entry', columns: this.#paths === null ? undefined : ['wanted'] });
  }

  /** @param element its number in the outermost array; null for a document. */
  take(value: unknown, element: number | null): Entry[] {
    this.#element = element;
    this.#elements = Math.max(this.#elements, element ?? 0);
    const before = this.#count;
    const found = this.#paths === null ? this.#walk(value, element !== null) : this.#pick(value, this.#paths);
    // A line of NDJSON is a record, not a page.
    if (element === null && isObject(value) && !Object.keys(value).some((key) => isNaming(columnOf(key)))) {
      const page = pageOf(value, this.#count - before);
      if (page !== null) this.#pages.push(page);
    }
    return found;
  }

  /** @throws PublishError SOURCE if a path that the configuration names was never found. */
  end(): void {
    // An array does not mention further pages, but its length may be a page limit.
    if (this.#elements > 0)
      this.#pages.push({ next: null, query: null, more: null, total: null, records: this.#elements, before: 0 });
    if (this.#paths !== null && !this.#found) {
      const named = this.#options.columns?.map((each) => JSON.stringify(each)).join(', ');
      throw new PublishError(
        'SOURCE',
        `${this.#options.name} has no ${named}; for JSON columns are paths like "items.mail"`,
      );
    }
  }

  #record(fields: readonly Field[]): Entry[] {
    this.#count++;
    return this.#records.take(this.#element ?? this.#count, fields);
  }

  /**
   * @param listed whether the value is in a list. It is then a record, not a page that contains a list of
   *   addresses.
   */
  #walk(value: unknown, listed: boolean): Entry[] {
    if (typeof value === 'string') return this.#record([['address', value]]);
    if (Array.isArray(value)) return value.flatMap((each) => this.#walk(each, true));
    if (!isObject(value)) throw this.#failed('is neither text nor an object');
    const kinds = Object.keys(value).map((key) => this.#kindOf(key, false));
    const isRecord = Object.values(value).some(
      (each, i) => kinds[i] === 'address' || (isNaming(kinds[i] ?? 'other') && typeof each === 'string'),
    );
    if (isRecord) return this.#record(this.#fields(value, false));
    // The object contains the records: a page, a domain. An address in a text of its own is not read, and refused.
    const inner = Object.values(value).filter((each, i) => kinds[i] !== 'other' && holdsRecords(each, !listed));
    const texts = Object.fromEntries(
      Object.entries(value).filter(([key, each]) => holdsAddress(key) || !inner.includes(each)),
    );
    const fields = this.#fields(texts, false).filter(([key, each]) => key === '' || holdsAddress(each));
    if (inner.length === 0 || fields.length > 0) return this.#record(fields);
    // Okta: what says that the record counts stands above the object with its address.
    if (listed && !inner.some(Array.isArray) && this.#isOff(value)) {
      this.#options.left.add('inactive', 'entry');
      return [];
    }
    return inner.flatMap((each) => this.#walk(each, listed));
  }

  /** @param within whether the object is in a column of addresses. There, `value` is an address. */
  #kindOf(key: string, within: boolean): Column {
    return within && key.toLowerCase() === 'value' ? 'address' : this.#records.kindOf(key);
  }

  /** The texts of a record by key. A list of addresses with types belongs to the record. */
  #fields(members: Members, within: boolean): Field[] {
    // Google lists all addresses of a person here, including those elsewhere. Other keys have the person's own.
    const isGoogle = Object.keys(members).some(isGooglePrimary);
    return Object.entries(members).flatMap(([key, value]): Field[] => {
      if (holdsAddress(key)) return [['', key]];
      if (key === REMOVED) return [[key, 'yes']];
      if (isGoogle && isGoogleMixed(key)) return [];
      const kind = this.#kindOf(key, within);
      if (kind === 'address' || kind === 'alias')
        return listOf(value).flatMap((each) => this.#addresses(key, kind, each));
      if (kind === 'unknown') {
        const found = unreadIn(key, value);
        return found === null ? [] : [found];
      }
      const texts = kind === 'status' ? statusOf(value) : scalar(value);
      return within ? [] : texts.map((text): Field => [key, text]);
    });
  }

  #addresses(key: string, kind: Column, value: unknown): Field[] {
    const name = kind === 'alias' ? key : 'address';
    if (value === null || value === undefined) return [[name, '']];
    if (typeof value === 'string') return [[name, value]];
    if (!isObject(value)) throw this.#failed(`: ${key} is not text`);
    const isOff = this.#isOff(value);
    if (isOff) this.#options.left.add('inactive', 'entry');
    return isOff ? [] : this.#fields(value, true);
  }

  #isOff(members: Members): boolean {
    return this.#status(members).some(([key, text]) => isInactive(key, text, false));
  }

  /** The records at the paths, wherever in the value the paths begin. */
  #pick(value: unknown, paths: readonly Path[]): Entry[] {
    if (Array.isArray(value)) return value.flatMap((each) => this.#pick(each, paths));
    if (!isObject(value)) return [];
    if (paths.every((path) => step(value, path) === null))
      return Object.values(value).flatMap((each) => this.#pick(each, paths));
    this.#found = true;
    const records = new Map<Members, Field[]>();
    for (const path of paths) this.#follow(value, path, records);
    // An object with one of the addresses is the record of those deeper inside too.
    if (records.has(value) && this.#isOff(value)) {
      this.#options.left.add('inactive', 'entry');
      return [];
    }
    return [...records].flatMap(([record, fields]) => this.#record([...fields, ...this.#status(record)]));
  }

  /** Collects the texts at the end of a path, grouped by the object that contains the last key. */
  #follow(members: Members, path: Path, records: Map<Members, Field[]>): void {
    const [key, rest] = step(members, path) ?? [null, []];
    if (rest.length > 0) {
      for (const each of listOf(members[key ?? ''])) if (isObject(each)) this.#follow(each, rest, records);
    } else if (key !== null || path.length === 1) {
      const fields = records.get(members) ?? [];
      records.set(members, fields);
      for (const each of key === null ? [] : listOf(members[key])) {
        if (typeof each === 'string') fields.push(['wanted', each]);
        else if (each !== null) throw this.#failed(`: ${key} is not text`);
      }
    }
  }

  #status(members: Members): Field[] {
    return Object.entries(members).flatMap(([key, value]): Field[] => {
      if (key === REMOVED) return [[key, 'yes']];
      return this.#records.kindOf(key) === 'status' ? statusOf(value).map((text): Field => [key, text]) : [];
    });
  }

  #failed(why: string): PublishError {
    const number = this.#element ?? this.#count + 1;
    return new PublishError('SOURCE', `${this.#options.name} entry ${number}${why.startsWith(':') ? '' : ' '}${why}`);
  }
}

/** The text of a status, which may be an object with its name: `{ "code": "DISABLED" }`. */
const statusOf = (value: unknown): string[] =>
  isObject(value)
    ? Object.entries(value).flatMap(([key, each]) =>
        /^(?:name|code|value|state|status)$/i.test(key) ? scalar(each) : [],
      )
    : scalar(value);

/** The text of a scalar value. */
function scalar(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : [];
}

/**
 * The key with which a path continues in an object, by exact name or else ignoring case, and the rest of the path.
 * A key may contain dots.
 */
function step(members: Members, path: Path): [key: string, rest: Path] | null {
  for (let length = path.length; length > 0; length--) {
    const name = path.slice(0, length).join('.');
    const key = Object.hasOwn(members, name)
      ? name
      : Object.keys(members).find((each) => each.toLowerCase() === name.toLowerCase());
    if (key !== undefined) return [key, path.slice(length)];
  }
  return null;
}

/** Whether a value may contain records: objects or, if it may be a list of addresses, a text with an address. */
function holdsRecords(value: unknown, list: boolean): boolean {
  if (!Array.isArray(value)) return isObject(value) && unreadIn('', value) !== null;
  return value.some((each) =>
    typeof each === 'string' ? list && holdsAddress(each) : isObject(each) || holdsRecords(each, list),
  );
}

/** Whether a key may be shown: a token in a key's place has digits. */
const isName = (key: string): boolean => /^[A-Za-z][A-Za-z_]{0,29}$/.test(key);

/**
 * The first text with an address, or a key that is one, at any depth, with its path; null if there is none. Keys that
 * are known to hold other people's addresses, or others of the same person, are not looked into.
 */
function unreadIn(path: string, value: unknown): Field | null {
  if (typeof value === 'string') return holdsAddress(value) ? [path, value] : null;
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, each] of Object.entries(value)) {
    if (holdsAddress(key)) return [path, key];
    const isOther = !Array.isArray(value) && columnOf(key) === 'other';
    const found = isOther ? null : unreadIn(isName(key) ? `${path}.${key}` : path, each);
    if (found !== null) return found;
  }
  return null;
}
