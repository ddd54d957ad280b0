/** What Postfix itself says to a stranger, where it could be asked, against what the list says. Pure. */
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { several, type Finding } from './finding.ts';
import { setting } from '../mta/postfix/shell-lines.ts';
import { words } from '../mta/postfix/tables.ts';

/** Nobody has it: what takes it takes every address of the domain. */
export const NOBODY = 'relaymap-check-of-an-address-that-nobody-has';

/** The domains whose unknown recipients Postfix takes all the same; null where it could not be asked. */
export const open = ({ asked }: Pick<PostfixFacts, 'asked'>): readonly string[] | null =>
  asked === null ? null : asked.nobody.filter(({ code }) => code < 400).map(({ domain }) => domain);

/** A parameter says it, and has a finding of its own. */
const isSaid = ({ config: { main } }: PostfixFacts): boolean =>
  main.get('soft_bounce') === 'yes' || (main.get('unknown_relay_recipient_reject_code') ?? '').startsWith('4');

const ENDS = ['reject_unauth_destination', 'defer_unauth_destination', 'reject', 'defer'];

/** Whoever relays for everybody is soon refused everywhere, and with it the mail of the list. */
export function openRelay({ asked, config: { main, raw } }: PostfixFacts): Finding[] {
  const foreign = asked?.foreign;
  if (foreign == null || foreign.code >= 400) return [];
  const list = 'smtpd_relay_restrictions';
  const isEnded = words(main.get(list) ?? '').some((word) => ENDS.includes(word));
  return [
    {
      level: 'error',
      text: `Postfix was asked, and takes mail of a stranger (192.0.2.1) for ${foreign.domain}, which is no domain of this host: it is an open relay.`,
      type: isEnded
        ? [`postconf mynetworks ${list} smtpd_recipient_restrictions   # look for what lets the stranger in`]
        : setting(list, [...words(raw.get(list) ?? ''), 'reject_unauth_destination']),
    },
  ];
}

/** Only where no other finding has told of it: then what is wrong is something that no parameter shows. */
export function askedFindings({ file }: CheckFacts, facts: PostfixFacts, others: readonly Finding[]): Finding[] {
  const { asked } = facts;
  if (asked === null || others.some(({ level }) => level === 'error')) return [];
  const taken = open(facts) ?? [];
  const findings: Finding[] = [];
  if (taken.length > 0) {
    findings.push({
      level: 'error',
      text: `Postfix was asked, and takes mail for any address of ${several(taken)}: something before the list accepts it.`,
      type: [
        'postconf -n | grep -E "restrictions|_maps|_classes"   # look for what accepts',
        `relaymap check --config ${file}`,
      ],
    });
  }
  const deferred = asked.nobody.find(({ code }) => code >= 400 && code < 500);
  if (deferred !== undefined && !isSaid(facts)) {
    findings.push({
      level: 'warning',
      text: `Postfix was asked, and defers unknown recipients of ${deferred.domain} instead of refusing them: "${deferred.code} ${deferred.text}".`,
      type: ['postconf -n | grep -E "_code|restrictions|_maps"   # look for what defers'],
    });
  }
  const refused = asked.known.filter(({ code }) => code >= 400);
  const [first] = refused;
  if (first !== undefined) {
    const domains = [...new Set(refused.map(({ domain }) => domain))];
    findings.push({
      level: 'error',
      text: `Postfix was asked, and refuses ${refused.length} of ${asked.known.length} addresses of the list (${several(domains)}): "${first.code} ${first.text}".`,
      type: ['postconf -n | grep -E "restrictions|_maps|_classes"   # look for what refuses'],
    });
  }
  return findings;
}
