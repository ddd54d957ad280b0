/**
 * Where a Postfix names relaymap's maps, in whatever way it asks them: as relay recipients, as virtual mailboxes,
 * in an access check, in main.cf or for one service of master.cf. Pure.
 */
import type { GatewayConfig } from '../../config.ts';
import { ASKED_MAPS, NEXT_HOPS } from '../../map-files.ts';
import type { Use } from '../mta.ts';
import type { PostfixServing } from './main-cf.ts';
import { isOurs } from './map-references.ts';

/** Parameters whose tables say whether an address is known. */
export const RECIPIENT_MAPS = ['relay_recipient_maps', 'virtual_mailbox_maps', 'local_recipient_maps'] as const;
/** Whose tables say where mail for a domain goes. */
export const HOP_MAPS = 'transport_maps';
const DOMAIN_LISTS = ['relay_domains', 'virtual_mailbox_domains', 'virtual_alias_domains', 'mydestination'];
/** In the order in which smtpd asks them. */
export const RESTRICTIONS = [
  'smtpd_client_restrictions',
  'smtpd_helo_restrictions',
  'smtpd_sender_restrictions',
  'smtpd_relay_restrictions',
  'smtpd_recipient_restrictions',
  'smtpd_data_restrictions',
  'smtpd_end_of_data_restrictions',
];

/** All places that name one of our maps. A service that has a parameter of its own counts by that one. */
export function usesOf(config: GatewayConfig, postfix: PostfixServing): Use[] {
  const found = new Map<string, Use>();
  for (const main of effective(postfix)) {
    for (const use of namesOf(config, main)) found.set(`${use.map} ${use.where}`, use);
  }
  for (const use of routesOf(config, postfix)) found.set(`${use.map} ${use.where}`, use);
  return [...found.values()];
}

/** Where mail goes, trivial-rewrite says, whatever service has taken it. */
function routesOf(config: GatewayConfig, { main, services, overrides }: PostfixServing): Use[] {
  const rewriting = services.filter(({ program }) => program === 'trivial-rewrite').map(({ name }) => name);
  const own = overrides.filter(({ service, parameter }) => rewriting.includes(service) && parameter === HOP_MAPS);
  const tables = tokens(own.at(-1)?.value ?? main.get(HOP_MAPS) ?? '');
  return tables.some((word) => isOurs(config, NEXT_HOPS, word)) ? [{ map: NEXT_HOPS, where: HOP_MAPS }] : [];
}

/** What each service that takes mail from the network goes by: main.cf with its own options over it. */
function effective({ main, services, overrides }: PostfixServing): ReadonlyMap<string, string>[] {
  const smtpd = services.filter(({ program }) => program === 'smtpd');
  return smtpd.map(({ name }) => {
    const own = overrides.filter(({ service }) => service === name);
    return new Map([...main, ...own.map(({ parameter, value }) => [parameter, value] as const)]);
  });
}

function namesOf(config: GatewayConfig, main: ReadonlyMap<string, string>): Use[] {
  const reached = restrictionNames(main);
  const places = [...RECIPIENT_MAPS, ...DOMAIN_LISTS, ...reached];
  return places.flatMap((where) => {
    const tables = tokens(main.get(where) ?? '');
    return ASKED_MAPS.filter((map) => tables.some((word) => isOurs(config, map, word))).map((map) => ({ map, where }));
  });
}

/**
 * The lists of restrictions, and the classes that one of them reaches: a class that nobody names is never asked. The
 * rows of an access table may name any class, so where there is such a table all of them count.
 */
export function restrictionNames(main: ReadonlyMap<string, string>): string[] {
  const classes = new Set(tokens(main.get('smtpd_restriction_classes') ?? ''));
  const reached: string[] = [];
  const queue = [...RESTRICTIONS];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (reached.includes(name)) continue;
    reached.push(name);
    const all = tokens(main.get(name) ?? '');
    const hasTable = all.some((word) => /^check_\w+_access$/.test(word));
    queue.push(...(hasTable ? classes : all.filter((word) => classes.has(word))));
  }
  return reached;
}

/** The words of a list, those in braces too. */
export const tokens = (value: string): string[] => value.split(/[\s,{}]+/).filter((word) => word !== '');
