/**
 * What has a say in each recipient beside the list, and by rules that nobody can see from here: policy services,
 * milters, filters in front of the queue, probes of the next hop. What they do is not known, and is said to be so.
 * Pure.
 */
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { words } from '../mta/postfix/tables.ts';
import { restrictionNames, tokens } from '../mta/postfix/uses.ts';
import type { CheckFacts, PostfixFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { shell } from '../mta/postfix/shell-lines.ts';

/** In words, for a person: `the milter inet:127.0.0.1:11332 (smtpd_milters)`. Each once. */
export function besideTheList({ main, services, overrides }: PostfixConfig): string[] {
  const smtpd = services.filter(({ program }) => program === 'smtpd');
  const found = smtpd.flatMap(({ name }) => {
    const own = new Map(overrides.filter(({ service }) => service === name).map((o) => [o.parameter, o.value]));
    const at = (parameter: string) => (own.has(parameter) ? `master.cf: ${name} -o ${parameter}` : parameter);
    return ofService(new Map([...main, ...own])).map(([what, parameter]) => `${what} (${at(parameter)})`);
  });
  return [...new Set(found)];
}

/** What, and the parameter that names it. */
function ofService(main: ReadonlyMap<string, string>): [string, string][] {
  const restrictions = restrictionNames(main).flatMap((parameter) => {
    const all = tokens(main.get(parameter) ?? '');
    return all.flatMap((word, i): [string, string][] => {
      if (word === 'check_policy_service') return [[`the policy service ${all[i + 1] ?? ''}`, parameter]];
      return word === 'reject_unverified_recipient' ? [[word, parameter]] : [];
    });
  });
  const milters = words(main.get('smtpd_milters') ?? '').map((milter): [string, string] => [
    `the milter ${tokens(milter)[0] ?? milter}`,
    'smtpd_milters',
  ]);
  const filter = main.get('smtpd_proxy_filter') ?? '';
  return [
    ...restrictions,
    ...milters,
    ...(filter === '' ? [] : [[`the filter ${filter}`, 'smtpd_proxy_filter'] as [string, string]]),
  ];
}

/** A note: most gateways have one of these, and mean to. */
export function besideFindings({ config }: PostfixFacts): Finding[] {
  const all = besideTheList(config);
  if (all.length === 0) return [];
  return [
    {
      level: 'note',
      text: `Not known: whether these refuse recipients of the list, or take others: ${all.join(', ')}. Their rules cannot be seen from here. What Postfix refuses, and why, stands in the mail log:`,
      type: ["journalctl -g 'NOQUEUE: .*reject' | tail"],
      isUnknown: true,
    },
  ];
}

/** Where only parameters could be read, nothing is claimed of what Postfix answers. */
export function unaskedFinding({ domains }: CheckFacts, { asked, silent, runs, config }: PostfixFacts): Finding[] {
  if (asked !== null || !runs || domains === null) return [];
  if (silent !== null) {
    const file = config.main.get('maillog_file') ?? '';
    return [
      {
        level: 'error',
        text: `Postfix was asked, and its smtpd ${silent}: strangers fare no better, and their mail waits. Why stands in the mail log:`,
        type: [
          file.startsWith('/') ? `grep relaymap-check ${shell(file)} | tail -3` : 'journalctl -g relaymap-check -n 3',
        ],
      },
    ];
  }
  return [
    {
      level: 'note',
      text: 'Not known: what Postfix itself answers to a stranger. It could not be asked (that needs root); only its parameters and tables were read.',
      type: ['sudo relaymap check'],
      isUnknown: true,
    },
  ];
}
