/**
 * What decides on recipients beside relay_recipient_maps and was not looked at: where there is any of it, `init`
 * claims neither "nobody" nor "everybody". Pure.
 */
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isTable, words } from '../mta/postfix/tables.ts';
import { restrictionNames, tokens } from '../mta/postfix/uses.ts';

const DECIDE = new Set([
  'relay_recipient_maps',
  'relay_domains',
  'smtpd_recipient_restrictions',
  'smtpd_relay_restrictions',
  'smtpd_reject_unlisted_recipient',
  'virtual_alias_maps',
  'virtual_mailbox_maps',
  'receive_override_options',
]);

/** The access tables for recipients that a restriction reaches. */
export function accessTables({ main }: PostfixConfig): string[] {
  const found = restrictionNames(main).flatMap((name) => {
    const all = tokens(main.get(name) ?? '');
    return all.filter((word, i) => all[i - 1] === 'check_recipient_access' && isTable(word));
  });
  return [...new Set(found)];
}

/** In words, for a person. @param looked the instances of this host that are looked at */
export function unseen({ main, services, overrides }: PostfixConfig, looked: readonly string[]): string[] {
  const restrictions = restrictionNames(main).flatMap((name) => {
    const all = tokens(main.get(name) ?? '');
    return all.flatMap((word, i) => {
      if (word === 'check_policy_service') return [`the policy service ${all[i + 1] ?? ''} (${name})`];
      return word === 'reject_unverified_recipient' ? [`reject_unverified_recipient (${name})`] : [];
    });
  });
  const smtpd = new Set(services.filter(({ program }) => program === 'smtpd').map(({ name }) => name));
  const own = overrides
    .filter(({ service, parameter }) => smtpd.has(service) && DECIDE.has(parameter))
    .map(({ service, parameter, value }) => `master.cf: ${service} -o ${parameter}=${value}`);
  const others = words(main.get('multi_instance_directories') ?? '')
    .filter((folder) => !looked.includes(folder))
    .map((folder) => `the instance ${folder}`);
  return [...new Set([...restrictions, ...own, ...others])];
}
