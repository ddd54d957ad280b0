/** Does Postfix send mail where relaymap's next hops say, and nowhere else? And does it wait for their names? Pure. */
import { isIP } from 'node:net';
import { asksNextHops, NEXT_HOPS } from '../map-files.ts';
import { canWait, FILTERED, NAME_FILTER, NAMES_WAIT } from '../mta/postfix/denied-names.ts';
import { setArguments } from '../mta/postfix/edit.ts';
import { isOurs, ourTable } from '../mta/postfix/map-references.ts';
import { RELOAD, setting, shell } from '../mta/postfix/shell-lines.ts';
import { isTable, words } from '../mta/postfix/tables.ts';
import { HOP_MAPS } from '../mta/postfix/uses.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { inConfig, several, type Finding } from './finding.ts';

export function nextHopFindings(facts: CheckFacts, postfix: PostfixFacts): Finding[] {
  const isAsked = postfix.uses.some(({ map }) => map === NEXT_HOPS);
  if (!asksNextHops(facts.config)) return isAsked ? [unkept(facts, postfix)] : [];
  if (!isAsked) return [unasked(facts, postfix)];
  return [...before(postfix), ...otherwise(postfix), ...noTransport(postfix), ...parents(postfix)];
}

/** The map stays as the last configuration made it. */
function unkept({ config, file }: CheckFacts, { config: postfix }: PostfixFacts): Finding {
  const kept = words(postfix.raw.get(HOP_MAPS) ?? '').filter((word) => !isOurs(config, NEXT_HOPS, word));
  return {
    level: 'error',
    text: `${HOP_MAPS} names relaymap's map of next hops, and no bundle of ${file} has next_hops: nobody keeps that map.`,
    type: [...setting(HOP_MAPS, kept), ...inConfig(file, 'or below its [[bundle]]', 'next_hops = ["..."]')],
  };
}

function unasked({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding {
  const now = words(postfix.raw.get(HOP_MAPS) ?? '');
  return {
    level: 'error',
    text: `next_hops is set, and ${HOP_MAPS} does not name relaymap's map: mail follows the MX, whatever the list says.`,
    type: setting(HOP_MAPS, [ourTable(config, postfix.types, NEXT_HOPS), ...now]),
  };
}

/** The first table that knows a domain decides. */
function before({ config: postfix, routes }: PostfixFacts): Finding[] {
  const tables = [...new Set(routes.before.values())];
  return tables.map((table) => {
    const domains = [...routes.before].filter(([, found]) => found === table).map(([domain]) => domain);
    const value = words(postfix.raw.get(HOP_MAPS) ?? '');
    return {
      level: 'warning',
      text: `${HOP_MAPS} names ${table} before relaymap's map, and it has rows for ${several(domains)}: they count, and the list's next hops do not.`,
      type: setting(HOP_MAPS, [...value.filter((word) => word !== table), table]),
    };
  });
}

/** A domain without a next hop goes by these, and by its MX: that may be this very host. */
function otherwise({ config: { main, set }, routes }: PostfixFacts): Finding[] {
  if (routes.missing.length === 0) return [];
  const transport = main.get('relay_transport') ?? 'relay';
  const byTransport = set.has('relay_transport') && transport !== 'relay';
  const host = main.get('relayhost') ?? '';
  const way = byTransport
    ? `relay_transport = ${transport}`
    : host === ''
      ? 'the MX, which must not be this host'
      : `relayhost = ${host}`;
  return [
    {
      level: byTransport || host !== '' ? 'warning' : 'note',
      text: `The list has no next hop for ${several(routes.missing)}: their mail goes by ${way}.`,
      type: ['relaymap lookup postmaster@DOMAIN   # says where mail would go'],
    },
  ];
}

/** The rows say `relay:`. */
function noTransport({ config: { services } }: PostfixFacts): Finding[] {
  if (services.some(({ name }) => name === 'relay/unix')) return [];
  return [
    {
      level: 'error',
      text: 'master.cf has no transport "relay", which every next hop names: their mail is deferred.',
      type: ['postconf -M "relay/unix=relay unix - - n - - smtp"', RELOAD],
    },
  ];
}

function parents({ config: { main } }: PostfixFacts): Finding[] {
  const value = words(main.get('parent_domain_matches_subdomains') ?? '');
  if (!value.includes(HOP_MAPS)) return [];
  return [
    {
      level: 'warning',
      text: `parent_domain_matches_subdomains holds ${HOP_MAPS}: mail for every domain below one with a next hop goes there too.`,
      type: setting(
        'parent_domain_matches_subdomains',
        value.filter((word) => word !== HOP_MAPS),
      ),
    },
  ];
}

/** A note: a host that is no backup MX may mean to return such mail, and Postfix does so by default. */
export function deniedNameFindings({ config: postfix }: PostfixFacts): Finding[] {
  const { main, set } = postfix;
  const [, host = ''] = /^relay:\[?([^\]]+?)\]?(?::\d+)?$/.exec(main.get('relay_transport') ?? '') ?? [];
  if (host === '' || isIP(host) !== 0 || !canWait(postfix)) return [];
  if (set.has(FILTERED) && set.has(NAME_FILTER)) return [];
  const all = [...(set.has(NAME_FILTER) ? [] : [[NAME_FILTER, NAMES_WAIT]]), [FILTERED, `$${NAME_FILTER}`]];
  return [
    {
      level: 'note',
      text: `Mail for the list goes to ${host}. Should DNS deny that name one day, Postfix returns the mail at once. To have it wait:`,
      type: [
        ...all.map(([name = '', value = '']) => `postconf ${setArguments(name, value).map(shell).join(' ')}`),
        RELOAD,
      ],
    },
  ];
}

/** The tables of transport_maps that come before ours. */
export function tablesBefore({ config }: Pick<CheckFacts, 'config'>, { main }: PostfixFacts['config']): string[] {
  const tables = words(main.get(HOP_MAPS) ?? '').filter(isTable);
  const place = tables.findIndex((table) => isOurs(config, NEXT_HOPS, table));
  return tables.slice(0, Math.max(0, place));
}
