/** Does Postfix refuse whom the list does not know, in each of its services, and for good? Pure. */
import { isTable, words } from '../mta/postfix/tables.ts';
import type { Override, PostfixConfig } from '../mta/postfix/main-cf.ts';
import { isOurs } from '../mta/postfix/map-references.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { open } from './asked.ts';
import { type Finding } from './finding.ts';
import { RELOAD, setting, shell } from '../mta/postfix/shell-lines.ts';

const UNCHECKED = 'no_unknown_recipient_checks';
const WEEK = 7 * 86_400_000;

export function refusingFindings(facts: CheckFacts, postfix: PostfixFacts): Finding[] {
  return [
    ...(open(postfix)?.length === 0 ? [] : unlisted(postfix.config)),
    ...postfix.config.overrides.flatMap((override) => overridden(facts, postfix.config, override)),
    ...deferring(facts, postfix.config),
    ...softBounce(postfix.config),
    ...extensions(postfix.config),
  ];
}

/**
 * The primary may take user+tag; the list holds no such addresses, and without a delimiter Postfix looks for the
 * whole one.
 */
function extensions({ main }: PostfixConfig): Finding[] {
  if ((main.get('recipient_delimiter') ?? '') !== '') return [];
  return [
    {
      level: 'note',
      text: 'recipient_delimiter is empty: mail to user+tag is refused although user is on the list. If the primary takes such addresses:',
      type: setting('recipient_delimiter', ['+']),
    },
  ];
}

const RESTRICTIONS = ['smtpd_recipient_restrictions', 'smtpd_relay_restrictions'];

function unlisted({ main, raw }: PostfixConfig): Finding[] {
  const findings: Finding[] = [];
  // Whoever names the restriction himself has it where he wants it.
  const named = RESTRICTIONS.some((name) => {
    const all = words(main.get(name) ?? '');
    return all.some((word, i) => word === 'reject_unlisted_recipient' && all[i - 1] !== 'warn_if_reject');
  });
  if (main.get('smtpd_reject_unlisted_recipient') === 'no' && !named) {
    findings.push({
      level: 'error',
      text: 'smtpd_reject_unlisted_recipient = no: Postfix takes mail for every address, listed or not.',
      type: ['postconf -X smtpd_reject_unlisted_recipient', RELOAD],
    });
  }
  if (words(main.get('receive_override_options') ?? '').includes(UNCHECKED)) {
    const kept = words(raw.get('receive_override_options') ?? '').filter((word) => word !== UNCHECKED);
    findings.push({
      level: 'error',
      text: `receive_override_options holds ${UNCHECKED}: Postfix takes mail for every address, listed or not.`,
      type: setting('receive_override_options', kept),
    });
  }
  return findings;
}

/** What an override of this parameter does to the list; null where it does nothing. */
function harm({ config }: CheckFacts, { main }: PostfixConfig, { parameter, value }: Override): string | null {
  const list = words(value);
  switch (parameter) {
    case 'relay_recipient_maps':
      if (list.some((word) => isOurs(config, 'relay_recipients', word))) return null;
      return list.length === 0 ? 'takes mail for every address' : "does not ask relaymap's list";
    case 'relay_domains':
      return list.some((word) => isOurs(config, 'relay_domains', word)) ? null : "relays other domains than the list's";
    case 'smtpd_reject_unlisted_recipient':
      return value === 'no' ? 'takes mail for every address' : null;
    case 'receive_override_options':
      return list.includes(UNCHECKED) ? 'takes mail for every address' : null;
    case 'soft_bounce':
      return value === 'yes' && main.get('soft_bounce') !== 'yes' ? 'defers what it should refuse' : null;
    case 'local_recipient_maps':
      return list.length === 0 && main.get('mydestination') !== '' ? 'takes mail for every local address' : null;
    case 'recipient_delimiter':
      return value === main.get('recipient_delimiter') ? null : 'parts addresses otherwise than main.cf says';
    default:
      return null;
  }
}

/** No mail is taken or refused wrongly by these alone. */
const MILD = new Set(['recipient_delimiter', 'soft_bounce']);

function overridden(facts: CheckFacts, postfix: PostfixConfig, override: Override): Finding[] {
  const { service, parameter, value } = override;
  const program = postfix.services.find((s) => s.name === service)?.program;
  const effect = harm(facts, postfix, override);
  if (program !== 'smtpd' || effect === null || isForOwnUsers(postfix, service)) return [];
  const back = comesBack(postfix, service);
  return [
    {
      level: back ? 'note' : MILD.has(parameter) ? 'warning' : 'error',
      text: `master.cf: ${service} has -o ${parameter}=${value} and ${effect}${back ? '; as long as only the content filter gives it mail, that is as it should be' : ''}.`,
      type: [`postconf -PX ${shell(`${service}/${parameter}`)}`, RELOAD],
    },
  ];
}

/** What lets a client in that has shown who it is, or that comes from here. */
const OWN =
  /^(permit_sasl_authenticated|permit_mynetworks|permit_tls_clientcerts|permit_tls_all_clientcerts|permit_inet_interfaces)$/;

/** Whether a service refuses every stranger, as one for submission does: whom it takes mail from is known. */
function isForOwnUsers({ main, overrides }: PostfixConfig, service: string): boolean {
  const own = new Map(overrides.filter((o) => o.service === service).map((o) => [o.parameter, o.value]));
  return ['smtpd_client_restrictions', 'smtpd_relay_restrictions', 'smtpd_recipient_restrictions'].some((name) => {
    const list = words(own.get(name) ?? main.get(name) ?? '');
    return list.at(-1) === 'reject' && list.slice(0, -1).every((word) => OWN.test(word) || word.startsWith('reject_'));
  });
}

/** Whether a service takes mail back from a content filter on this host: that has been checked once. */
function comesBack({ main, overrides }: PostfixConfig, service: string): boolean {
  const filters = ['content_filter', 'smtpd_proxy_filter'];
  const filtered =
    filters.some((name) => (main.get(name) ?? '') !== '') ||
    overrides.some(({ parameter, value }) => filters.includes(parameter) && value !== '');
  return filtered && /^(127\.|localhost:|\[?::1\]?:)/.test(service);
}

/** 450 is for the first days: a sender's mail then waits for days before he hears of his mistake. */
function deferring({ host, now }: CheckFacts, { main, set, changed }: PostfixConfig): Finding[] {
  const code = main.get('unknown_relay_recipient_reject_code') ?? '';
  if (!set.has('unknown_relay_recipient_reject_code') || !code.startsWith('4')) return [];
  const since = host.deferringSince ?? changed;
  if (since === null) return [];
  const days = Math.floor((now.getTime() - since) / 86_400_000);
  const late = now.getTime() - since >= WEEK;
  return [
    {
      level: late ? 'warning' : 'note',
      text: `unknown_relay_recipient_reject_code = ${code}${host.deferringSince === null ? '' : ' by relaymap init'}, for ${days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`}: unknown recipients are deferred, not refused. ${late ? 'When' : 'After 7 days, when'} the mail log shows nobody of yours among "User unknown in relay recipient table":`,
      type: ['postconf -X unknown_relay_recipient_reject_code', RELOAD],
    },
  ];
}

/** For tests of a configuration: every 5xx becomes a 4xx. */
function softBounce({ main, set }: PostfixConfig): Finding[] {
  if (main.get('soft_bounce') !== 'yes') return [];
  return [
    {
      level: 'warning',
      text: 'soft_bounce = yes: Postfix defers (4xx) whatever it should refuse (5xx), so senders of unknown recipients try again for days.',
      type: [set.has('soft_bounce') ? 'postconf -X soft_bounce' : 'postconf -e "soft_bounce = no"', RELOAD],
    },
  ];
}

export const tablesOf = (postfix: PostfixConfig, parameter: string): string[] =>
  words(postfix.main.get(parameter) ?? '').filter(isTable);
