/** Are the domains of the list this host's relay domains, all of them and no others? Pure. */
import { words } from '../mta/postfix/tables.ts';
import {
  changedWords,
  coversSubdomains,
  isMisspelt,
  isOurs,
  ourTable,
  without,
} from '../mta/postfix/map-references.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { several, type Finding } from './finding.ts';
import { setting } from '../mta/postfix/shell-lines.ts';

export function domainFindings(facts: CheckFacts, postfix: PostfixFacts): Finding[] {
  const { main } = postfix.config;
  // recipients.ts says what is wrong with it; what Postfix reads there instead are no domains.
  const isMisread = words(main.get('relay_domains') ?? '').some((w) => isMisspelt(facts.config, 'relay_domains', w));
  return [
    ...(isMisread ? [] : [...notCovered(facts, postfix), ...strangers(facts, postfix)]),
    ...everyDomain(postfix),
    ...noPattern(postfix),
    ...otherClasses(facts, postfix),
    ...subdomains(postfix),
  ];
}

const CLASSES = [
  ['mydestination', 'local', 'local_recipient_maps'],
  ['virtual_alias_domains', 'virtual alias', 'virtual_alias_maps'],
  ['virtual_mailbox_domains', 'virtual mailbox', 'virtual_mailbox_maps'],
] as const;

/**
 * Whether the addresses of this class are asked of our list: by its own parameter, or by an access check that
 * concerns all.
 */
const asksList = (parameter: (typeof CLASSES)[number][0], { uses }: PostfixFacts): boolean =>
  uses.some(
    ({ map, where }) =>
      map === 'relay_recipients' &&
      (where === CLASSES.find(([name]) => name === parameter)?.[2] || !/_(recipient|mailbox)_maps$/.test(where)),
  );

/** Whether the domains of this class are those of our map. */
export const namesOurDomains = (where: string, { uses }: PostfixFacts): boolean =>
  uses.some((use) => use.map === 'relay_domains' && use.where === where);

const many = (domains: readonly string[]): string => (domains.length === 1 ? 'domain' : `${domains.length} domains`);

function notCovered({ config, domains }: CheckFacts, facts: PostfixFacts): Finding[] {
  const { config: postfix, lists, uses } = facts;
  if (uses.some(({ map }) => map === 'relay_domains')) return [];
  // A domain of another class whose addresses are asked of our list is as good as one of the relay class.
  const other = CLASSES.flatMap(([parameter]) => (asksList(parameter, facts) ? [...lists[parameter]] : []));
  const lost = (domains ?? []).filter((domain) => !lists.relay_domains.has(domain) && !other.includes(domain));
  const kept = postfix.set.has('relay_domains') ? without(postfix, 'relay_domains', new Set(domains ?? [])) : [];
  const type = setting('relay_domains', [ourTable(config, postfix.types, 'relay_domains'), ...kept]);
  if (lost.length > 0) {
    const text = `relay_domains does not cover ${several(lost)} of relaymap's list: Postfix refuses mail for the ${many(lost)}, "Relay access denied".`;
    return [{ level: 'error', text, type }];
  }
  if (other.length > 0) return [];
  const text = `relay_domains does not name relaymap's map: a domain that is new in the list would not be relayed.`;
  return [{ level: 'warning', text, type }];
}

/** Domains that are relayed, and of which the list knows nobody. */
function strangers({ config }: CheckFacts, { config: postfix, strangers: all, elsewhere }: PostfixFacts): Finding[] {
  const recipients = words(postfix.main.get('relay_recipient_maps') ?? '');
  if (!recipients.some((word) => isOurs(config, 'relay_recipients', word)) || elsewhere === null) return [];
  const lost = [...all.keys()].filter((domain) => !elsewhere.has(domain));
  if (lost.length === 0) return [];
  const tables = new Set(lost.flatMap((domain) => all.get(domain) ?? []));
  const kept = without(postfix, 'relay_domains', new Set([...lost, ...tables]));
  const ours = ourTable(config, postfix.types, 'relay_domains');
  // A table that serves other domains as well must stay.
  const others = new Set([...all].flatMap(([domain, table]) => (lost.includes(domain) ? [] : [table])));
  const shared = [...tables]
    .filter((table) => others.has(table))
    .map((table) => `# take them out of ${table}, and have it made anew`);
  return [
    {
      level: 'error',
      text: `relay_domains names ${several(lost)}, and no map has a recipient there: all mail for the ${many(lost)} is rejected. Have them published, name their recipients' map in relay_recipient_maps too, or take them out:`,
      type: shared.length > 0 ? shared : setting('relay_domains', kept.length === 0 ? [ours] : kept),
    },
  ];
}

/** A table that knows each domain: then mail of the own users to anywhere is asked of the list. */
function everyDomain({ config: postfix, coversAll }: PostfixFacts): Finding[] {
  return coversAll.map((table) => ({
    level: 'error',
    text: `relay_domains names ${table}, which matches any domain: every domain is a relay domain, and mail of your own users to whoever is not on the list is refused.`,
    type: setting(
      'relay_domains',
      changedWords(postfix, 'relay_domains', (word) => (word === table ? '' : word)),
    ),
  }));
}

/** Postfix knows no `*` in a list of domains. */
function noPattern({ config: postfix }: PostfixFacts): Finding[] {
  const stars = words(postfix.main.get('relay_domains') ?? '').filter((word) => word.startsWith('*'));
  if (stars.length === 0) return [];
  return [
    {
      level: 'warning',
      text: `relay_domains names ${stars.join(', ')}: for Postfix that is the name of a domain and no pattern, so it covers nothing.`,
      type: setting(
        'relay_domains',
        changedWords(postfix, 'relay_domains', (word) => (stars.includes(word) ? '' : word)),
      ),
    },
  ];
}

/** A domain is of one class only, and the relay class comes last: our map is then never asked. */
function otherClasses({ config, domains }: CheckFacts, facts: PostfixFacts): Finding[] {
  const { config: postfix, lists } = facts;
  return CLASSES.flatMap(([parameter, name, maps]) => {
    if (asksList(parameter, facts)) return [];
    const taken = (domains ?? []).filter((domain) => lists[parameter].has(domain));
    if (taken.length === 0) return [];
    if (namesOurDomains(parameter, facts)) {
      const ours = ourTable(config, postfix.types, 'relay_recipients');
      return [
        {
          level: 'error' as const,
          text: `${parameter} names relaymap's domains, and ${maps} does not name its recipients: the list decides nothing.`,
          type: setting(maps, [ours, ...words(postfix.raw.get(maps) ?? '')]),
        },
      ];
    }
    const kept = without(postfix, parameter, new Set(taken));
    const changed = kept.length !== words(postfix.raw.get(parameter) ?? '').length;
    return [
      {
        level: 'error' as const,
        text: `${parameter} covers ${several(taken)}: for Postfix that is ${name} mail, and it never asks relaymap's map.`,
        type: changed
          ? setting(parameter, kept)
          : [`postconf ${parameter}   # take the ${many(taken)} out of its table`],
      },
    ];
  });
}

function subdomains({ config: postfix, strangers: all }: PostfixFacts): Finding[] {
  if (!coversSubdomains(postfix)) return [];
  const value = words(postfix.main.get('parent_domain_matches_subdomains') ?? '');
  const type = setting(
    'parent_domain_matches_subdomains',
    value.filter((word) => word !== 'relay_domains'),
  );
  const top = [...all.keys()].filter((domain) => !domain.includes('.'));
  if (top.length > 0) {
    const text = `relay_domains holds ${several(top)}, and parent_domain_matches_subdomains makes every domain below it a relay domain: mail of your own users to any address there is refused.`;
    return [{ level: 'error', text, type }];
  }
  return [
    {
      level: 'warning',
      text: 'parent_domain_matches_subdomains holds relay_domains (the default): each domain below one of the list is a relay domain too, and mail of your own users to one that the list does not know is refused.',
      type,
    },
  ];
}
