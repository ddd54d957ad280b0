/** Does Postfix ask `stale_domains` where that has an effect, and does somebody keep the map true? Pure. */
import { STALE_MAP } from '../map-files.ts';
import { isOurs, ourTable } from '../mta/postfix/map-references.ts';
import { RELOAD, shell } from '../mta/postfix/shell-lines.ts';
import { PARAMETER, staleCheckOf, withStaleCheck } from '../mta/postfix/stale-check.ts';
import { tokens } from '../mta/postfix/uses.ts';
import { ENDINGS } from '../map-files.ts';
import { nameOf, typeOf } from '../mta/postfix/tables.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import type { Finding } from './finding.ts';

export function staleFindings(facts: CheckFacts, postfix: PostfixFacts): Finding[] {
  const isAsked = postfix.uses.some(({ map }) => map === STALE_MAP);
  if (isAsked) return [...unwritten(facts, postfix), ...missing(facts), ...useless(facts, postfix)];
  if (facts.config.stale === undefined || !postfix.uses.some(({ map }) => map === 'relay_recipients')) return [];
  return [
    {
      level: 'warning',
      text: `[stale] is set, and Postfix does not ask ${STALE_MAP}: unknown recipients are rejected although their list is out of date.`,
      type: naming(facts, postfix),
    },
  ];
}

function naming({ config }: CheckFacts, { config: postfix }: PostfixFacts): string[] {
  const value = withStaleCheck(postfix, ourTable(config, postfix.types, STALE_MAP));
  return ['relaymap stale', `postconf -e ${shell(`${PARAMETER} = ${value}`)}`, RELOAD];
}

/** Without its file smtpd defers all mail, known recipients too. */
function missing({ stalePresent, config }: CheckFacts): Finding[] {
  if (stalePresent.length > 0) return [];
  const text = `Postfix asks ${STALE_MAP}, and there is none in ${config.map_dir}: all mail is deferred, known recipients too.`;
  return [{ level: 'error', text, type: ['relaymap stale', RELOAD] }];
}

function unwritten({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  const named = new Set([...postfix.main.values()].flatMap(tokens).filter((word) => isOurs(config, STALE_MAP, word)));
  return [...named].flatMap((word): Finding[] => {
    if (config.maps.types.some((type) => type === typeOf(word))) return [];
    const ending = Object.entries(ENDINGS).find(([type]) => type === typeOf(word))?.[1] ?? '';
    const ours = ourTable(config, postfix.types, STALE_MAP);
    return [
      {
        level: 'error',
        text: `Postfix asks ${word}, and relaymap writes ${config.maps.types.join(', ')}: nobody keeps ${nameOf(word)}${ending}.`,
        type: [`postconf -n | grep -n ${STALE_MAP}   # name ${ours} there`, RELOAD],
      },
    ];
  });
}

/** Asked, and too late for some or for all. */
function useless({ config }: CheckFacts, { config: postfix }: PostfixFacts): Finding[] {
  const check = staleCheckOf(config, postfix);
  if (check === null) return [];
  if (check.before === 'explicit') {
    return [
      {
        level: 'warning',
        text: `reject_unlisted_recipient is asked before ${STALE_MAP}: unknown recipients are rejected although their list is out of date.`,
        type: [`postconf -n | grep restrictions   # put ${STALE_MAP} before reject_unlisted_recipient`, RELOAD],
      },
    ];
  }
  if (check.permits.includes('permit')) {
    return [
      {
        level: 'warning',
        text: `permit stands before ${STALE_MAP}, which is never asked: unknown recipients are rejected although their list is out of date.`,
        type: [`postconf -n | grep restrictions   # put ${STALE_MAP} before permit`, RELOAD],
      },
    ];
  }
  if (config.stale === undefined || check.permits.length === 0) return [];
  return [
    {
      level: 'note',
      text: `Clients that ${check.permits.join(', ')} lets past are not asked of ${STALE_MAP}: to them unknown recipients are rejected although their list is out of date.`,
      type: [
        `postconf -n | grep restrictions   # put ${STALE_MAP} before ${check.permits[0] ?? ''}, if they are to get 450`,
      ],
    },
  ];
}

/** A daemon that is dead does not say so. */
export function staleTimer({ config, host }: CheckFacts): Finding[] {
  if (config.stale === undefined || host.service === null || host.service.hasStaleTimer) return [];
  return [
    {
      level: 'warning',
      text: 'relaymap-stale.timer is not enabled: when relaymap.service is dead, nobody defers what is out of date.',
      type: ['systemctl enable --now relaymap-stale.timer'],
    },
  ];
}
