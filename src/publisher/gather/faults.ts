/**
 * What is wrong with entries: those that are no addresses, and rows that Postfix refuses to strangers. The first of
 * each are named, all are counted.
 */
import { log } from '../../io/log.ts';
import { EntryError } from '../entry.ts';
import { PublishError } from '../errors.ts';
import { shownAddress } from '../shown-address.ts';
import type { SourceConfig } from '../source-config.ts';
import { FORMATS, type TextOptions } from '../sources/text/text-options.ts';
import { placeOf, type Place } from './place.ts';

/** The most faults reported before giving up. Whoever corrects a list wants to see more than the first. */
const NAMED = 20;
const HYPHEN = 0x2d;
/** The most characters of a row shown in a warning. */
const SHOWN = 80;

/**
 * What to try if not one entry of a source is an address: it may be in another format than its first lines say. Null
 * if the configuration names the format.
 */
export function formatHint(source: SourceConfig): string | null {
  if (!['file', 'http', 'command'].includes(source.type) || source.table === 'transport') return null;
  if ((source as TextOptions).format !== undefined) return null;
  const domain = (source as TextOptions).domain === undefined ? ', and with domain where names without one belong' : '';
  return `${source.name}: not one entry is an address; say with format what it is (${FORMATS.join(', ')})${domain}`;
}

export class Faults {
  /** What is said beside the faults of the source that is being read. */
  hint: () => string | null = () => null;
  /** Entries that are no addresses: source, line and reason. */
  readonly named: string[] = [];
  readonly #skips: boolean;
  readonly #told: ((entry: string, message: string) => void) | undefined;
  #refused = 0;

  /** @param skips such entries are left out (`skip_invalid`). @param told called with each, and what is said of it. */
  constructor(skips: boolean, told: ((entry: string, message: string) => void) | undefined) {
    this.#skips = skips;
    this.#told = told;
  }

  /** @throws PublishError INVALID_ENTRY once enough are named; `cause` if it is no fault of the entry */
  add(entry: string, place: Place, cause: unknown): void {
    if (!(cause instanceof EntryError)) throw cause;
    const what = `${placeOf(place)}: ${shownAddress(entry.trimStart())} ${cause.message}`;
    this.#told?.(entry, what);
    this.named.push(what);
    if (!this.#skips && this.named.length === NAMED) this.refuse(cause);
  }

  /** @throws PublishError INVALID_ENTRY if there is one, and none is to be skipped */
  refuse(cause?: EntryError): void {
    if (this.#skips || this.named.length === 0) return;
    const hint = this.hint();
    throw new PublishError('INVALID_ENTRY', hint === null ? this.named : [...this.named, hint], cause);
  }

  /**
   * Warns about a row that Postfix by default refuses from strangers. The row stays in the list: a gateway may be
   * configured to accept it.
   */
  noteStrangers(row: string, place: Place): void {
    this.#refused++;
    if (this.#refused > NAMED) return;
    const why =
      row.charCodeAt(0) === HYPHEN
        ? 'begins with a hyphen (allow_min_user)'
        : 'holds @, ! or %, a route (allow_untrusted_routing)';
    const what = JSON.stringify(row.slice(0, SHOWN));
    log('warning', `${placeOf(place)}: ${what} is refused to strangers by Postfix: its local part ${why}`);
  }

  /** Says how many of those there were that are not named. */
  end(): void {
    const more = this.#refused - NAMED;
    if (more > 0) log('warning', `${more} more addresses are refused to strangers by Postfix`);
  }
}
