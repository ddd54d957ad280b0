/** Does what keeps the maps up to date run: the service, Postfix, the schedule, the cycles? Pure. */
import type { CheckFacts, PostfixFacts } from './facts.ts';
import { inConfig, type Finding } from './finding.ts';

export const runningFindings = (facts: CheckFacts): Finding[] => [
  ...service(facts),
  ...schedule(facts),
  ...health(facts),
];

function service({ host }: CheckFacts): Finding[] {
  if (host.service === null) return [];
  const { isActive, isEnabled } = host.service;
  if (!isActive) {
    return [
      {
        level: 'error',
        text: 'relaymap.service does not run: nobody keeps the list up to date.',
        type: ['systemctl enable --now relaymap'],
      },
    ];
  }
  if (isEnabled) return [];
  return [
    {
      level: 'warning',
      text: 'relaymap.service runs, and will not after the next boot.',
      type: ['systemctl enable relaymap'],
    },
  ];
}

function schedule({ file, cronFault }: CheckFacts): Finding[] {
  if (cronFault === null) return [];
  return [
    {
      level: 'error',
      text: `${cronFault}. The daemon does not start with it.`,
      type: inConfig(file, 'below [schedule]', 'cron = "* * * * *"'),
    },
  ];
}

/** What check finds by its own looks. */
const OWN = new Set(['map_damaged', 'reload_pending', 'not_asked']);

function health({ health: found, domains }: CheckFacts): Finding[] {
  if (found.unknown !== null) {
    return [{ level: 'error', text: `Health is UNKNOWN: ${found.unknown}.`, type: ['relaymap fetch'] }];
  }
  const told = new Set<string>();
  return found.health.bundles.flatMap(({ name, reasons }) =>
    reasons.flatMap(({ grade, condition, text }): Finding[] => {
      // Where there is no map at all, that is said already.
      if (OWN.has(condition) || (condition === 'not_installed' && domains === null) || told.has(text)) return [];
      told.add(text);
      const level = grade === 'critical' ? 'error' : 'warning';
      const type = condition === 'held' ? ['relaymap resume'] : ['relaymap fetch'];
      return [{ level, text: `Health is ${grade.toUpperCase()}: ${name}: ${text}`, type }];
    }),
  );
}

export function postfixDown({ runs, config }: PostfixFacts): Finding[] {
  if (runs) return [];
  return [
    {
      level: 'error',
      text: `Postfix (${config.directory}) does not run: no mail is taken here.`,
      type: ['postfix start'],
    },
  ];
}
