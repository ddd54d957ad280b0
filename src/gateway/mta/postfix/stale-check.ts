/**
 * Where smtpd asks `stale_domains` (docs/commands.md section 2.6), and where that has an effect. DEFER_IF_REJECT turns
 * what rejects later into a deferral, the implicit check of unlisted recipients included; what rejects earlier stays,
 * and after a permit the table is not asked. Pure.
 */
import type { GatewayConfig } from '../../config.ts';
import { STALE_MAP } from '../../map-files.ts';
import type { PostfixConfig } from './main-cf.ts';
import { isOurs } from './map-references.ts';
import { words } from './tables.ts';

export const PARAMETER = 'smtpd_recipient_restrictions';
const CHECK = 'check_recipient_access';
const UNLISTED = 'reject_unlisted_recipient';
/** Behind one of these nothing is asked any more, or all is rejected already. */
const ENDS = new Set(['permit', 'reject', 'defer', UNLISTED]);

/** The value of the parameter with the table asked last, and before what would make it useless. */
export function withStaleCheck({ raw }: Pick<PostfixConfig, 'raw'>, table: string): string {
  const value = (raw.get(PARAMETER) ?? '').trim();
  const all = words(value);
  const check = `${CHECK} ${table}`;
  let end = all.findIndex((word) => ENDS.has(word));
  if (end > 0 && all[end - 1] === 'warn_if_reject') end--;
  if (end < 0) return all.length === 0 ? check : `${value.replace(/,$/, '')}, ${check}`;
  // The text before the word stays as it is written.
  let at = 0;
  for (const word of all.slice(0, end)) at = value.indexOf(word, at) + word.length;
  const rest = value.slice(value.indexOf(all[end] ?? '', at));
  return `${value.slice(0, at).replace(/[\s,]+$/, '')}${at === 0 ? '' : ', '}${check}, ${rest}`;
}

export interface StaleCheck {
  /** `explicit` rejects unlisted recipients, and is asked before the table: 550 all the same. */
  readonly before: 'explicit' | null;
  /** Whom these let past is not asked of the table: 550 as well, from the implicit check. */
  readonly permits: readonly string[];
}

/** In the order of asking, since it holds with smtpd_delay_reject. */
const LISTS = [
  'smtpd_client_restrictions',
  'smtpd_helo_restrictions',
  'smtpd_sender_restrictions',
  'smtpd_relay_restrictions',
  'smtpd_recipient_restrictions',
];

/** Null where no list of main.cf asks the table itself. */
export function staleCheckOf(config: GatewayConfig, { main }: Pick<PostfixConfig, 'main'>): StaleCheck | null {
  let before: StaleCheck['before'] = null;
  for (const list of LISTS) {
    const permits: string[] = [];
    const all = words(main.get(list) ?? '');
    for (const [i, word] of all.entries()) {
      if (word === UNLISTED && all[i - 1] !== 'warn_if_reject') before = 'explicit';
      if (word.startsWith('permit')) permits.push(word);
      if (isOurs(config, STALE_MAP, word) && all[i - 1] === CHECK) return { before, permits };
    }
  }
  return null;
}
