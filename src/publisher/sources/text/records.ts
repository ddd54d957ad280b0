/**
 * Turns the records of an export into entries, whatever its format. Reads every address column, leaves out inactive
 * records, and refuses an address in a column that it does not read (docs/commands.md section 3). Pure, except that
 * it counts what it leaves out.
 */
import { PublishError } from '../../errors.ts';
import type { Entry } from '../source-reader.ts';
import {
  columnOf,
  isDirectoryColumn,
  isElsewhere,
  isGoogleMixed,
  isGooglePrimary,
  isInactive,
  plainName,
  type Column,
} from './columns.ts';
import type { Omissions } from './omissions.ts';
import type { PendingEntries } from './pending-entries.ts';
import { addressesIn, holdsAddress, PartialValue } from './values.ts';

/** A column's name and one value of it. */
export type Field = readonly [name: string, value: string];

export interface RecordOptions {
  /** The source's name, for messages. */
  readonly name: string;
  readonly unit: string;
  /** The names of the columns to take. Without any, all known columns are taken. */
  readonly columns?: readonly string[] | undefined;
  readonly domain?: string | undefined;
  readonly left: Omissions;
  readonly pending: PendingEntries;
}

/** Plesk says `Mailbox: true`. */
const ANSWER = /^\s*(?:true|false|yes|no)\s*$/i;

export class Records {
  readonly #options: RecordOptions;
  readonly #wanted: ReadonlySet<string> | null;
  readonly #kinds = new Map<string, Column>();

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#wanted = options.columns === undefined ? null : new Set(options.columns.map(plainName));
  }

  kindOf(name: string): Column {
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      if (this.#wanted === null) kind = columnOf(name);
      else if (this.#wanted.has(plainName(name))) kind = 'address';
      else {
        const known = columnOf(name);
        kind = ['status', 'local', 'domain'].includes(known) ? known : 'other';
      }
      this.#kinds.set(name, kind);
    }
    return kind;
  }

  /** @throws PublishError SOURCE if an unread column contains an address, or a value shows only a part. */
  take(number: number, fields: readonly Field[]): Entry[] {
    const { unit, left, pending } = this.#options;
    if (this.#isLeftOut(fields, left, unit)) return [];
    const found: string[] = [];
    const unread: Field[] = [];
    const users: string[] = [];
    let addressed = false;
    const isGoogle = this.#wanted === null && fields.some(([column]) => isGooglePrimary(column));
    for (const [column, value] of fields) {
      if (isGoogle && isGoogleMixed(column)) continue;
      const kind = this.kindOf(column);
      if (kind === 'address' || kind === 'alias') {
        if (kind === 'address') addressed = true;
        found.push(...this.#addresses(number, column, value, kind, this.#wanted === null ? undefined : fields));
      } else if (kind === 'user') users.push(...(ANSWER.test(value) ? [] : [value]));
      else if (kind === 'unknown' && holdsAddress(value)) unread.push([column, value]);
    }
    // Others have the parts beside the whole.
    const parted = found.length > 0 || users.some((each) => each.includes('@')) ? [] : this.#inTwoParts(fields);
    found.push(...parted);
    if (parted.length > 0) addressed = true;
    pending.addressed ||= addressed;
    // If the record has an address, its user name is only a login name, whatever it looks like.
    const names = addressed ? [] : users.flatMap((each) => this.#addresses(number, 'user', each, 'address', fields));
    if (names.length > 0)
      pending.users(
        names.map((text) => ({ number, text })),
        found.length === 0,
      );
    else if (found.length === 0) left.add('empty', unit);
    const known = new Set(found.map((each) => each.toLowerCase()));
    const lost = unread.find(([, value]) => addresses(value).some((each) => !known.has(each.toLowerCase())));
    if (lost !== undefined) this.#refuseUnread(number, lost[0]);
    const entries = found.map((text) => ({ number, text }));
    if (fields.some(([column, value]) => this.kindOf(column) === 'kind' && isElsewhere(value))) {
      pending.elsewhere(entries);
      return [];
    }
    pending.taken(entries);
    return entries;
  }

  #isLeftOut(fields: readonly Field[], left: Omissions, unit: string): boolean {
    const signIn = fields.some(([column]) => isDirectoryColumn(column));
    if (fields.some(([column, value]) => this.kindOf(column) === 'status' && isInactive(column, value, signIn))) {
      left.add('inactive', unit);
      return true;
    }
    // GAM lists a tenant's domains among its addresses.
    const isDomain = fields.some(([column, value]) => plainName(column) === 'type' && /^domain/i.test(value));
    if (isDomain && !fields.some(([, value]) => value.includes('@'))) {
      left.add('domain', unit);
      return true;
    }
    return false;
  }

  /** An address whose local part and domain are in columns of their own. */
  #inTwoParts(fields: readonly Field[]): string[] {
    const valueOf = (kind: Column) =>
      fields.find(([column, value]) => this.kindOf(column) === kind && value.trim() !== '')?.[1].trim();
    const local = valueOf('local');
    if (local === undefined || local.includes('@')) return local === undefined ? [] : [local];
    const domain = valueOf('domain') ?? this.#options.domain;
    return [domain === undefined ? local : `${local}@${domain}`];
  }

  /** @param fields of the record whose own domain counts for a name without one. */
  #addresses(number: number, column: string, value: string, kind: Column, fields?: readonly Field[]): string[] {
    const { name, unit } = this.#options;
    try {
      if (kind === 'alias') return value.includes('@') ? addressesIn(value) : this.#nickname(value);
      return addressesIn(value, this.#domainFor(number, value, fields));
    } catch (error) {
      if (!(error instanceof PartialValue)) throw error;
      throw new PublishError('SOURCE', `${name}, ${unit} ${number}: ${shownColumn(column)} ${error.message}`, error);
    }
  }

  /**
   * The domain for names without one: that of the configuration, or of the record.
   * @throws PublishError SOURCE if the two differ
   */
  #domainFor(number: number, value: string, fields: readonly Field[] = []): string | undefined {
    const { name, unit, domain } = this.#options;
    const own = value.includes('@') ? undefined : fields.find(([column]) => this.kindOf(column) === 'domain');
    // Windows has domains of another kind, without a dot.
    if (own?.[1].includes('.') !== true) return domain;
    const [column, text] = [own[0], own[1].trim()];
    if (domain === undefined || domain.toLowerCase() === text.toLowerCase()) return text;
    throw new PublishError(
      'SOURCE',
      `${name}, ${unit} ${number}: ${shownColumn(column)} says another domain than the configuration (${domain}); take one of the two out`,
    );
  }

  /**
   * Exchange's `Alias` is a name without a domain. A list of addresses that is cut off or was not joined is not a
   * name.
   */
  #nickname(value: string): string[] {
    addressesIn(value);
    return [];
  }

  #refuseUnread(number: number, column: string): never {
    const { name, unit } = this.#options;
    throw new PublishError(
      'SOURCE',
      `${name}, ${unit} ${number}: ${shownColumn(column)} is not read and holds an address; say with columns = [...] which to take`,
    );
  }
}

/** Like `addressesIn`, for a text that need not be a list of addresses. */
function addresses(value: string): string[] {
  try {
    return addressesIn(value);
  } catch {
    return [value];
  }
}

/** A column's name, unless it may be a secret in a name's place. */
export const shownColumn = (name: string): string =>
  /^[\p{L}][\p{L}\p{N} ._[\]()-]{0,39}$/u.test(name) ? `column "${name}"` : 'a column';
