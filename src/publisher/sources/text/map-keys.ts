/**
 * Interprets the keys of a map by their values: who is a recipient, who is refused, which domain stands for
 * another. A list cannot express a catch-all with exceptions, so that is refused (docs/commands.md section 3).
 * Remembers what it needs at the end.
 */
import { PublishError } from '../../errors.ts';
import type { Entry } from '../source-reader.ts';
import type { Omissions } from './omissions.ts';
import { refusesMail } from './map-refusal.ts';

export interface MapKeysOptions {
  readonly name: string;
  readonly unit: string;
  readonly domain?: string | undefined;
  readonly left: Omissions;
}

/** `if /pattern/`, which begins a part of a regexp: or pcre: map. */
const isCondition = (key: string, value: string): boolean => key === 'if' && /^!?\/.+\/[a-z]*$/i.test(value);

export class MapKeys {
  readonly #options: MapKeysOptions;
  /** By domain: the number of the first address that the map refuses. */
  readonly #refused = new Map<string, number>();
  /** Given out last, when their exceptions are known. */
  readonly #wildcards: Entry[] = [];

  constructor(options: MapKeysOptions) {
    this.#options = options;
  }

  /** @param key quoted if needed. @param value what the map has beside it. */
  take(number: number, key: string, value: string): Entry[] {
    const { left, unit } = this.#options;
    // A regular expression is no address, and is refused as what it is.
    if (/^!?\/.+\/[a-z]*$/i.test(key) || isCondition(key, value)) return [{ number, text: key === 'if' ? value : key }];
    const text = this.#address(key);
    if (text === null) {
      left.add('bare', unit);
      return [];
    }
    const domain = text.startsWith('@') || text.startsWith('*') ? /^\*?@(.+)$/.exec(text)?.[1] : undefined;
    if (refusesMail(value)) {
      left.add('refusing', unit);
      if (domain === undefined) this.refuse(number, text);
      return [];
    }
    if (domain === undefined) return [{ number, text }];
    const targets = targetsOf(value);
    if (targets === null || targets.some((target) => target.toLowerCase() === `@${domain.toLowerCase()}`)) {
      this.#wildcards.push({ number, text });
      return [];
    }
    return targets.map((target) => ({ number, text: `@${domain}`, target }));
  }

  /** Remembers that an address takes no mail, even if a catch-all accepts it. */
  refuse(number: number, address: string): void {
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
    if (!this.#refused.has(domain)) this.#refused.set(domain, number);
  }

  /** @throws PublishError WILDCARD */
  end(): Entry[] {
    const { name, unit } = this.#options;
    for (const { number, text } of this.#wildcards) {
      const domain = text.slice(text.lastIndexOf('@') + 1);
      const exception = this.#refused.get(domain.toLowerCase());
      if (exception === undefined) continue;
      throw new PublishError(
        'WILDCARD',
        `${name}, ${unit} ${number}: @${domain} accepts every address of its domain but one that ${unit} ${exception} refuses, and ` +
          `a list cannot say "all but": list the addresses of ${domain} instead, or leave it out with skip_domains`,
      );
    }
    return this.#wildcards;
  }

  /** The key as an address; null if it is something else: a domain, a local user, a client. */
  #address(key: string): string | null {
    // Sendmail's access map also has keys for senders and clients.
    if (!key.includes(':')) return key.includes('@') ? key : this.#withDomain(key);
    const [, tag, rest = key] = /^(To|From|Connect|Spam|Spam friend):(.*)$/is.exec(key) ?? [];
    if (tag !== undefined && tag.toLowerCase() !== 'to') return null;
    return rest.includes('@') ? rest : this.#withDomain(rest);
  }

  #withDomain(local: string): string | null {
    const { domain } = this.#options;
    return domain === undefined || local === '' ? null : `${local}@${domain}`;
  }
}

/** The domains that a domain alias stands for: `@target`, or Sendmail's `%1@target`; null for other values. */
function targetsOf(value: string): string[] | null {
  const targets = value.split(/[\s,]+/).filter((each) => each !== '');
  const domains = targets.map((each) => /^(?:%1)?(@[^@\s]+)$/.exec(each)?.[1] ?? null);
  return domains.length > 0 && domains.every((each) => each !== null) ? domains : null;
}
