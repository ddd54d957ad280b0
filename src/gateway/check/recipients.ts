/** Does Postfix ask relaymap's list of recipients, and can it? Pure. */
import { isTable, nameOf, typeOf, withoutProxy, words } from '../mta/postfix/tables.ts';
import { changedWords, isMisspelt, isOurs, ourTable } from '../mta/postfix/map-references.ts';
import { open } from './asked.ts';
import { namesOurDomains } from './domains.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { inConfig, type Finding } from './finding.ts';
import { ENDINGS, mapsOf } from '../map-files.ts';
import { KINDS, type Kind } from '../mta-kinds.ts';
import { reloadLineOf } from '../mta/reload-line.ts';
import { setting } from '../mta/postfix/shell-lines.ts';

const PARAMETERS = [
  ['relay_recipient_maps', 'relay_recipients'],
  ['transport_maps', 'transport'],
  ['relay_domains', 'relay_domains'],
] as const;

/** Those of the maps that this configuration calls for. */
const parametersOf = (config: CheckFacts['config']) => {
  const wanted = mapsOf(config);
  return PARAMETERS.filter(([, map]) => wanted.includes(map));
};

const OTHER_CLASSES = ['mydestination', 'virtual_alias_domains', 'virtual_mailbox_domains'];

export function recipientFindings(facts: CheckFacts, postfix: PostfixFacts): Finding[] {
  return [
    ...named(facts, postfix),
    ...misspelt(facts, postfix),
    ...types(facts, postfix),
    ...proxied(facts, postfix),
    ...unwritten(facts, postfix),
  ];
}

/** Our map is meant, and Postfix reads something else. */
function misspelt({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  return parametersOf(config).flatMap(([parameter, map]) => {
    const wrong = words(postfix.main.get(parameter) ?? '').filter((word) => isMisspelt(config, map, word));
    const [first] = wrong;
    if (first === undefined) return [];
    const ours = ourTable(config, postfix.types, map);
    const isTyped = words(postfix.main.get(parameter) ?? '').some((word) => isOurs(config, map, word));
    const right = (word: string) => (wrong.includes(word) ? (isTyped ? '' : ours) : /^[a-z]+:$/.test(word) ? '' : word);
    return [
      {
        level: 'error' as const,
        text: `${parameter} names ${wrong.join(', ')}, and that is not how Postfix reads relaymap's map: ${misreading(parameter, first)}.`,
        type: setting(parameter, changedWords(postfix, parameter, right)),
      },
    ];
  });
}

/** What Postfix makes of a word that means one of our maps. */
function misreading(parameter: string, word: string): string {
  if (!isTable(word)) {
    return parameter === 'relay_domains'
      ? 'without a type it is a list of words, read once when a process starts'
      : 'without a type (cdb:) no process that asks for it starts, and no mail is taken';
  }
  if (typeOf(word) in ENDINGS) return `Postfix adds the ending itself, and looks for ${nameOf(word)}.${typeOf(word)}`;
  return `relaymap keeps no table of the type ${typeOf(word)}, and what that type reads is read once when a process starts`;
}

function named({ config }: CheckFacts, facts: PostfixFacts): Finding[] {
  const { config: postfix, uses } = facts;
  const value = words(postfix.main.get('relay_recipient_maps') ?? '');
  const ours = ourTable(config, postfix.types, 'relay_recipients');
  const isAsked = uses.some(({ map }) => map === 'relay_recipients');
  if (!isAsked && value.some((word) => isOurs(config, 'relay_recipients', word))) return noService(postfix);
  // The domains of the list are of another class: domains.ts says which parameter has to name it.
  if (!isAsked && value.some((word) => isMisspelt(config, 'relay_recipients', word))) return [];
  if (!isAsked && value.length === 0 && OTHER_CLASSES.some((name) => namesOurDomains(name, facts))) return [];
  if (!isAsked) return [unasked(facts, value, ours)];
  return value
    .filter((word) => withoutProxy(word).startsWith('static:'))
    .map((word) => ({
      level: 'error' as const,
      text: `relay_recipient_maps holds ${word}, which knows every address: no recipient is refused.`,
      type: setting(
        'relay_recipient_maps',
        changedWords(postfix, 'relay_recipient_maps', (w) => (w === word ? '' : w)),
      ),
    }));
}

/**
 * main.cf names our list, and no service that takes mail goes by it; one with a parameter of its own is told by that.
 */
function noService({ services, overrides }: PostfixConfig): Finding[] {
  const smtpd = services.filter(({ program }) => program === 'smtpd').map(({ name }) => name);
  if (overrides.some((o) => o.parameter === 'relay_recipient_maps' && smtpd.includes(o.service))) return [];
  return [
    {
      level: 'error',
      text: "main.cf names relaymap's map, but no service of master.cf takes mail by smtpd: nobody asks it.",
      type: ['postconf -M   # smtp/inet, or smtpd/pass behind postscreen, has to run smtpd'],
    },
  ];
}

/** Nothing names our list: what that means depends on what else decides. */
function unasked(facts: PostfixFacts, value: readonly string[], ours: string): Finding {
  const { config: postfix } = facts;
  const taken = open(facts);
  const added = [ours, ...words(postfix.raw.get('relay_recipient_maps') ?? '')];
  if (value.length > 0) {
    return {
      level: 'error',
      text: `relay_recipient_maps names ${value.join(', ')}, and not relaymap's map: the list that is fetched decides nothing. (relaymap init compares the two.)`,
      type: setting('relay_recipient_maps', added),
    };
  }
  const effect =
    taken === null || taken.length > 0
      ? 'Postfix takes mail for every address of its relay domains, and has to bounce what nobody has'
      : "something else refuses unknown recipients, and relaymap's list decides nothing";
  const doubt = taken === null ? ' unless an access check refuses it' : '';
  return {
    level: 'error',
    text: `relay_recipient_maps is empty: ${effect}${doubt}.`,
    type: setting('relay_recipient_maps', [ours]),
  };
}

const PACKAGES = new Set(['cdb', 'ldap', 'lmdb', 'mongodb', 'mysql', 'pcre', 'pgsql', 'sqlite']);

function types({ config, file }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  const wanted = new Map<string, string>();
  for (const [parameter] of parametersOf(config)) {
    for (const word of words(postfix.main.get(parameter) ?? '').filter(isTable)) wanted.set(typeOf(word), parameter);
  }
  for (const type of config.maps.types) if (!wanted.has(type)) wanted.set(type, `maps.types of ${file}`);
  return [...wanted].flatMap(([type, by]) => {
    if (postfix.types.has(type)) return [];
    const how = PACKAGES.has(type)
      ? [`apt-get install postfix-${type}`]
      : inConfig(file, 'below [maps]', 'types = ["cdb"]');
    return [
      {
        level: 'error' as const,
        text: `This Postfix has no map type ${type} (postconf -m), and ${by} names it: mail would wait for it (4xx).`,
        type: how,
      },
    ];
  });
}

function proxied({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  return parametersOf(config).flatMap(([parameter, map]) => {
    const value = words(postfix.main.get(parameter) ?? '');
    const wrapped = value.filter((word) => word.startsWith('proxy:') && isOurs(config, map, word));
    if (wrapped.length === 0) return [];
    return [
      {
        level: 'warning' as const,
        text: `${parameter} names ${wrapped.join(', ')}: the proxy keeps the table open and sees a new one late. The table is a file that each process reads by itself.`,
        type: setting(
          parameter,
          changedWords(postfix, parameter, (word) => (wrapped.includes(word) ? withoutProxy(word) : word)),
        ),
      },
    ];
  });
}

/**
 * main.cf names a type of map that relaymap does not write: the file is missing, or is an old one that nobody
 * renews.
 */
function unwritten({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  return parametersOf(config).flatMap(([parameter, map]) => {
    const value = words(postfix.main.get(parameter) ?? '');
    const wrong = value.filter(
      (word) => isOurs(config, map, word) && !config.maps.types.some((type) => type === typeOf(word)),
    );
    const [first] = wrong;
    if (first === undefined) return [];
    const ending = Object.entries(ENDINGS).find(([type]) => type === typeOf(first))?.[1] ?? '';
    return [
      {
        level: 'error' as const,
        text: `${parameter} names ${first}, and relaymap writes ${config.maps.types.join(', ')}: nobody keeps ${nameOf(first)}${ending}.`,
        type: setting(
          parameter,
          changedWords(postfix, parameter, (word) =>
            wrong.includes(word) ? ourTable(config, postfix.types, map) : word,
          ),
        ),
      },
    ];
  });
}

const reloadText = (kind: Kind): string =>
  KINDS[kind].reloadAfter === 'change'
    ? `A map has changed, and ${KINDS[kind].name} has not been told yet.`
    : `A map has appeared where there was none, and ${KINDS[kind].name} has not seen it yet.`;

/** The maps themselves: there, whole, and seen by Postfix. */
export function mapFindings({ config, host, present }: CheckFacts): Finding[] {
  const findings: Finding[] = [];
  const missing = parametersOf(config).flatMap(([, map]) => (present[map].length === 0 ? [map] : []));
  if (missing.length > 0) {
    findings.push({
      level: 'error',
      text: `There is no ${missing.join(' and no ')} in ${config.map_dir}; as long as ${KINDS[config.mta.kind].name} is to ask for it, mail waits.`,
      type: ['relaymap fetch'],
    });
  } else if (host.damage !== null) {
    findings.push({ level: 'error', text: `A map is damaged: ${host.damage}.`, type: ['relaymap fetch'] });
  }
  if (host.reloadPending) {
    findings.push({
      level: 'error',
      text: reloadText(config.mta.kind),
      type: [reloadLineOf(config), 'relaymap fetch'],
    });
  }
  return findings;
}
