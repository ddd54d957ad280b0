/**
 * What DNS says of where mail goes: the MX of a domain, the addresses of a name, the name of an address. Each answer
 * tells nothing from not known.
 */
import { Resolver } from 'node:dns/promises';

/** Null: no nameserver could say. */
export type Told<T> = readonly T[] | null;

export interface Exchange {
  readonly host: string;
  readonly preference: number;
}

/** Milliseconds; a person waits. */
const PATIENCE = { timeout: 2_000, tries: 1 };
/** Names that are asked for, no more. */
const NOTHING = new Set(['ENODATA', 'ENOTFOUND']);

export class MailNames {
  readonly #resolver = new Resolver(PATIENCE);

  /** In lower case, the first that a sender would try first. */
  async exchanges(domain: string): Promise<Told<Exchange>> {
    const found = await this.#ask(() => this.#resolver.resolveMx(domain));
    return (
      found
        ?.map(({ exchange, priority }) => ({ host: bare(exchange), preference: priority }))
        .sort((a, b) => a.preference - b.preference) ?? null
    );
  }

  async addresses(host: string): Promise<Told<string>> {
    const both = await Promise.all([
      this.#ask(() => this.#resolver.resolve4(host)),
      this.#ask(() => this.#resolver.resolve6(host)),
    ]);
    const known = both.flatMap((each) => each ?? []);
    return known.length === 0 && both.includes(null) ? null : known;
  }

  async names(address: string): Promise<Told<string>> {
    return (await this.#ask(() => this.#resolver.reverse(address)))?.map(bare) ?? null;
  }

  async #ask<T>(ask: () => Promise<readonly T[]>): Promise<Told<T>> {
    try {
      return await ask();
    } catch (error) {
      return error instanceof Error && 'code' in error && NOTHING.has(String(error.code)) ? [] : null;
    }
  }
}

const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
