/** Domains from the configuration, in every form that a row may have. Pure. */
import { domainOf } from '../bundle/address/address.ts';
import { HostError } from '../errors.ts';
import { domainMatcher } from '../map/domains.ts';
import { EntryError, rowsOf } from './entry.ts';

/**
 * The forms of a domain, or of `*.domain` for all subdomains. A U-label or an A-label stands for both forms.
 * @param key where the domain stands in the configuration, for the message.
 * @param below whether `*.domain` is allowed here.
 * @throws HostError CONFIG
 */
export function domainForms(file: string, key: string, domain: string, below = true): string[] {
  const star = below && domain.startsWith('*.') ? '*.' : '';
  try {
    return rowsOf(`@${domain.slice(star.length).replace(/^@/, '')}`).map((row) => `${star}${domainOf(row)}`);
  } catch (error) {
    if (!(error instanceof EntryError)) throw error;
    throw new HostError('CONFIG', `${file}: ${key} "${domain}" ${error.message}`, error);
  }
}

/** Whether a domain is in this list; never if there is no list. @param patterns the result of `domainForms`. */
export function isNamedBy(patterns: readonly string[] | undefined): (domain: string) => boolean {
  return patterns === undefined ? () => false : domainMatcher(patterns);
}
