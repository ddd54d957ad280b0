/** Domains as the configuration names them, in every form in which a row may hold them. Pure. */
import { domainOf } from '../bundle/address/address.ts';
import { HostError } from '../errors.ts';
import { domainMatcher } from '../map/domains.ts';
import { EntryError, rowsOf } from './entry.ts';

/**
 * The forms of a domain, or of `*.domain` for all that is below it: either of U-labels and A-labels stands for both.
 * @param key where it stands in the configuration, for the message.
 * @param below whether `*.domain` means anything here.
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

/** Whether a domain is one of these; never for no list at all. @param patterns what `domainForms` gave. */
export function isNamedBy(patterns: readonly string[] | undefined): (domain: string) => boolean {
  return patterns === undefined ? () => false : domainMatcher(patterns);
}
