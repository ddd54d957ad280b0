/** Counts, by reason, what a source contains but the list does not get, and logs it after the source is read. */
import { logOnce } from '../../../io/log.ts';

const REASONS = {
  empty: ['notice', 'without an address'],
  inactive: ['notice', 'not active'],
  bare: ['notice', 'without @ (domains, local users)'],
  refusing: ['notice', 'refusing mail (REJECT, DISCARD, 4xx, 5xx, error:)'],
  broken: ['warning', 'without a value, or with an odd quote, which Postfix ignores as well,'],
  domain: ['notice', 'for domains, not addresses,'],
  other: ['notice', 'of other types than SMTP'],
  system: ['notice', 'for system accounts (uid below 1000, or of NIS)'],
  elsewhere: ['notice', 'of contacts and guests in domains without a mailbox here'],
  file: ['notice', 'whose name is no domain'],
} as const;

export type Reason = keyof typeof REASONS;

export class Omissions {
  readonly #name: string;
  readonly #counts = new Map<Reason, { unit: string; count: number }>();

  /** @param name the source's. */
  constructor(name: string) {
    this.#name = name;
  }

  /** @param unit what is counted, in the singular. */
  add(reason: Reason, unit: string, more = 1): void {
    if (more === 0) return;
    const count = (this.#counts.get(reason)?.count ?? 0) + more;
    this.#counts.set(reason, { unit, count });
  }

  tell(): void {
    for (const [reason, { unit, count }] of this.#counts) {
      const [level, why] = REASONS[reason];
      logOnce(level, `${this.#name}: ${count} ${count === 1 ? unit : pluralOf(unit)} ${why} left out`);
    }
  }
}

const pluralOf = (unit: string): string => (unit.endsWith('y') ? `${unit.slice(0, -1)}ies` : `${unit}s`);
