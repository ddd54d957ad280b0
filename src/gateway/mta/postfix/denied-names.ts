/**
 * What becomes of mail whose next hop has a name that DNS denies. Postfix returns it at once (5.4.4). On a backup MX
 * that loses mail: its sender has been told that it was taken, and a name that is gone is mostly a fault that its owner
 * mends. A filter of smtp(8) has such mail wait. It is set for the service `relay` alone: what this host itself sends
 * to a domain that is no domain goes back as before. Pure.
 */
import type { PostfixConfig } from './main-cf.ts';

/** A parameter of our own: `postconf -P` takes no value with a space in it. */
export const NAME_FILTER = 'relay_delivery_status_filter';

/** As `postconf -P` names it. */
export const FILTERED = 'relay/unix/smtp_delivery_status_filter';

/**
 * The texts are smtp(8)'s own: what another server says begins with "host NAME said", and is left as it is. 5.4.4: no
 * such name, or it has no address; 5.4.3: the nameserver cannot answer, and will not later either.
 */
export const NAMES_WAIT = String.raw`regexp:{{/^5(\.4\.[34] (Host or domain name not found|unable to look up host).*)/ 4$$1}}`;

/** Whether `relay` can be told so, and nobody has set such a filter: theirs is left. */
export function canWait({ main, raw, services, types, set }: PostfixConfig): boolean {
  const [major = 0, minor = 0] = (main.get('mail_version') ?? '').split('.').map(Number);
  // Expressions within main.cf; before that they need a file.
  const hasInline = types.has('regexp') && (major > 3 || (major === 3 && minor >= 7));
  const isTheirs = set.has(FILTERED) && raw.get(FILTERED) !== `$${NAME_FILTER}`;
  const isFiltered = (main.get('smtp_delivery_status_filter') ?? '') !== '';
  const isThere = services.some(({ name, program }) => name === 'relay/unix' && program === 'smtp');
  return hasInline && isThere && !isTheirs && !isFiltered;
}
