/**
 * What can be judged only once a whole source was read: user names, which are addresses where no record has another one, and the
 * addresses of contacts and guests, which count in domains that others show to be ours. Pure.
 */
import type { Entry } from '../source-reader.ts';
import type { Omissions } from './omissions.ts';

export class PendingEntries {
  /** Some record had a column that holds addresses. */
  addressed = false;
  readonly #users: Entry[] = [];
  readonly #elsewhere: Entry[] = [];
  readonly #domains = new Set<string>();
  /** Records that have a user name and nothing else. */
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
