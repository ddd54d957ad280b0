/**
 * Entries that can be judged only after the whole source is read. User names count as addresses if no record has
 * another address. Addresses of contacts and guests count in domains that other records show to be ours. Pure.
 */
import type { Entry } from '../source-reader.ts';
import type { Omissions } from './omissions.ts';

export class PendingEntries {
  /** Some record had a column with addresses. */
  addressed = false;
  readonly #users: Entry[] = [];
  readonly #elsewhere: Entry[] = [];
  readonly #domains = new Set<string>();
  /** Records that have only a user name. */
  #nameless = 0;

  users(entries: readonly Entry[], isAll: boolean): void {
    this.#users.push(...entries);
    if (isAll) this.#nameless++;
  }

  elsewhere(entries: readonly Entry[]): void {
    this.#elsewhere.push(...entries);
  }

  taken(entries: readonly Entry[]): void {
    for (const { text } of entries) this.#domains.add(domainOf(text));
  }

  end(left: Omissions): Entry[] {
    const users = this.addressed ? [] : this.#users;
    if (this.addressed) left.add('empty', 'entry', this.#nameless);
    this.taken(users);
    const ours = this.#elsewhere.filter(({ text }) => this.#domains.has(domainOf(text)));
    left.add('elsewhere', 'address', this.#elsewhere.length - ours.length);
    return [...users, ...ours];
  }
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase();
