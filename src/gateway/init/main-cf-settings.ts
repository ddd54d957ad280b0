/** What `init` has main.cf say, and saying it. Keeps what serves domains that the list does not have. */
import { existsSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import type { Comparison } from './compare.ts';
import type { GatewayConfig } from '../config.ts';
import { postfixCommand, reasonOf } from '../mta/postfix/commands.ts';
import { calls, setArguments } from '../mta/postfix/edit.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { PARAMETER, withStaleCheck } from '../mta/postfix/stale-check.ts';
import { asksNextHops, ENDINGS, NEXT_HOPS, STALE_MAP } from '../map-files.ts';
import { HOP_MAPS } from '../mta/postfix/uses.ts';
import { nameOf, typeOf, words } from '../mta/postfix/tables.ts';
import type { Today } from './current-recipients.ts';
import { coversSubdomains, isOurs, ourTable, without } from '../mta/postfix/map-references.ts';

export interface Setting {
  readonly name: string;
  readonly value: string;
}

export const REJECT_CODE = 'unknown_relay_recipient_reject_code';

/** @param domains of the installed list */
export function settings(
  config: GatewayConfig,
  before: Today,
  found: Comparison,
  domains: readonly string[],
): Setting[] {
  const { postfix, uses } = before;
  const places = uses.filter(({ map }) => map === 'relay_recipients').map(({ where }) => where);
  // Asked in another way, as virtual mailboxes or in an access check: these lines would only be in its way.
  if (places.length > 0 && !places.includes('relay_recipient_maps'))
    return [...routing(config, before), ...deferring(config, before)];
  if (places.length > 0)
    return [...completed(config, before), ...routing(config, before), ...deferring(config, before)];
  const kept = new Set(found.kept.map(({ table }) => table));
  const recipients = words(postfix.main.get('relay_recipient_maps') ?? '').filter((word) => kept.has(word));
  const relayed = keptDomains(config, before, domains);
  const list = (name: string, all: readonly string[]): Setting => ({ name, value: all.join(', ') });
  const subdomains = words(postfix.main.get('parent_domain_matches_subdomains') ?? '');
  return [
    list('relay_recipient_maps', [ourTable(config, postfix.types, 'relay_recipients'), ...recipients]),
    list('relay_domains', [ourTable(config, postfix.types, 'relay_domains'), ...relayed]),
    // Each domain of the list is named by itself; nothing else here needs the domains below those that are named.
    ...(coversSubdomains(postfix) && relayed.length === 0
      ? [
          list(
            'parent_domain_matches_subdomains',
            subdomains.filter((word) => word !== 'relay_domains'),
          ),
        ]
      : []),
    ...routing(config, before),
    ...deferring(config, before),
    { name: REJECT_CODE, value: '450' },
  ];
}

/** With `next_hops`: our map first, and what is there already after it. */
function routing(config: GatewayConfig, { postfix, uses }: Today): Setting[] {
  if (!asksNextHops(config) || uses.some(({ map }) => map === NEXT_HOPS)) return [];
  const table = ourTable(config, postfix.types, NEXT_HOPS);
  if (!isThere(table)) return [];
  return [{ name: HOP_MAPS, value: [table, ...words(postfix.raw.get(HOP_MAPS) ?? '')].join(', ') }];
}

/** Without its file all mail would be deferred. */
function isThere(table: string): boolean {
  const ending = Object.entries(ENDINGS).find(([type]) => type === typeOf(table))?.[1] ?? '';
  return existsSync(nameOf(table) + ending);
}

/** With `[stale]`: the table of what is out of date, once it is there. Without its file all mail would be deferred. */
function deferring(config: GatewayConfig, { postfix, uses }: Today): Setting[] {
  if (config.stale === undefined || uses.some(({ map }) => map === STALE_MAP)) return [];
  const table = ourTable(config, postfix.types, STALE_MAP);
  if (!isThere(table)) return [];
  return [{ name: PARAMETER, value: withStaleCheck(postfix, table) }];
}

/**
 * Where Postfix asks the recipients already nothing is taken out, and what it answers to strangers is left as it
 * was set since.
 */
function completed(config: GatewayConfig, { postfix, uses }: Today): Setting[] {
  if (uses.some(({ map }) => map === 'relay_domains')) return [];
  const now = postfix.set.has('relay_domains') ? words(postfix.raw.get('relay_domains') ?? '') : [];
  return [{ name: 'relay_domains', value: [ourTable(config, postfix.types, 'relay_domains'), ...now].join(', ') }];
}

/** The words of relay_domains that name something that the list does not. */
function keptDomains(
  config: GatewayConfig,
  { postfix, domains: today, unlistable }: Today,
  ours: readonly string[],
): string[] {
  if (!postfix.set.has('relay_domains')) return [];
  const own = new Set(ours);
  const tables = new Set([...today].flatMap(([domain, table]) => (table === null || own.has(domain) ? [] : [table])));
  return without(postfix, 'relay_domains', own).filter((word) => {
    if (isOurs(config, 'relay_domains', word)) return false;
    const isPlainTable = /^[a-z][a-z0-9_-]*:/.test(word);
    return !isPlainTable || tables.has(word) || unlistable.includes(word);
  });
}

/** Those that change something. */
export const changes = ({ raw, main }: PostfixConfig, all: readonly Setting[]): Setting[] =>
  all.filter(({ name, value }) => raw.get(name) !== value && main.get(name) !== value);

/** @throws HostError CONFIG: a map type that this Postfix does not have would defer all mail. */
export function requireType(config: GatewayConfig, { types }: PostfixConfig): void {
  const type = typeOf(ourTable(config, types, 'relay_recipients'));
  if (types.has(type)) return;
  throw new HostError(
    'CONFIG',
    `this Postfix has no map type ${type} (postconf -m), and would defer all mail: apt-get install postfix-${type}`,
  );
}

/** Settings of master.cf come first. @throws HostError CONFIG */
export function applySettings({ directory }: PostfixConfig, all: readonly Setting[]): void {
  for (const [done, args] of calls(all.map(({ name, value }) => setArguments(name, value))).entries()) {
    const { status, stderr } = postfixCommand('postconf', args, directory);
    if (status === 0) continue;
    const changed = done === 0 ? '' : ', but master.cf beside it has been changed (relaymap init --take-back)';
    const why = `postconf ${args[0] ?? ''} failed, ${directory}/main.cf is as it was${changed}`;
    throw new HostError('CONFIG', `${why}: ${reasonOf(stderr)}`);
  }
}
