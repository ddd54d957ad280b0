/**
 * What `init`, `check` and `lookup` say of OpenSMTPD. Its configuration has no place for snippets, and a stranger's
 * dialogue cannot be tried with it: what it says to its own host is not what it says to others. Reads only.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../../errors.ts';
import { isListable } from '../../../map/list-text.ts';
import type { GatewayConfig } from '../../config.ts';
import type { Advisor, ListFacts, Remark, SetUp } from '../advisor.ts';
import { asksNextHops, NEXT_HOPS, ROUTED_DOMAINS, STALE_MAP } from '../../map-files.ts';
import type { Use } from '../mta.ts';
import { absentRemark, unaskedRemark } from '../remarks.ts';
import { runTool } from '../tool.ts';
import { MX_SCHEME } from './route.ts';
import { smtpdInstances, smtpdRuns } from './opensmtpd.ts';
import { ourTables, readSmtpdConf, smtpdUses } from './smtpd-conf.ts';
import { staleLines, staleRemarks } from './stale-filters.ts';

/** It looks through a table row by row: a row that is not there costs 20 ms at so many (docs/mtas.md). */
const MANY = 100_000;

export function opensmtpdAdvisor(config: GatewayConfig): Advisor {
  const [file = ''] = smtpdInstances(config);
  const isHere = () => runTool('smtpctl', ['-h']).status !== null;
  const uses = () => {
    const here = readSmtpdConf(file);
    return here.is === 'here' ? smtpdUses(config.map_dir, here.lines) : [];
  };
  return {
    habits: { delimiter: '+', utf8: false, subdomains: false, untrustedRouting: true, leadingHyphen: true },
    sees: (row) => isListable(Buffer.from(row), 0, Buffer.byteLength(row)) && !/[^\u0000-\u007f]/.test(row),
    isHere,
    ask: () => null,
    setUp: () => setUp(config, file, uses()),
    apply() {
      throw new HostError('CONFIG', `--apply: ${NO_PLACE}`);
    },
    deferring: () => null,
    examine(list) {
      if (!isHere()) return [absentRemark('OpenSMTPD', 'smtpctl', ['apt-get install opensmtpd'])];
      const here = readSmtpdConf(file);
      if (here.is !== 'here') {
        const why = here.is === 'absent' ? `there is no ${file}` : here.why;
        return [{ level: 'error', text: `OpenSMTPD's configuration cannot be read (${why}).`, type: ['smtpd -n'] }];
      }
      const named = smtpdUses(config.map_dir, here.lines);
      return [
        ...down(),
        ...unaskedRemark(config, 'OpenSMTPD', named, setUp(config, file, named)),
        ...before(config, here.lines),
        ...routedLate(config, here.lines),
        ...staleRemarks(config, here.lines),
        ...limits(list),
        ...byMx(config),
      ];
    },
  };
}

const NO_PLACE = 'smtpd.conf has no place for snippets';

function setUp(config: GatewayConfig, file: string, uses: readonly Use[]): SetUp {
  const { map_dir: folder } = config;
  const asksLists = uses.some(({ map }) => map === 'relay_recipients');
  const lacksHops = asksNextHops(config) && !uses.some(({ map }) => map === NEXT_HOPS);
  const lacksStale = config.stale !== undefined && !uses.some(({ map }) => map === STALE_MAP);
  const hops = [
    `table relaymap_transport file:${folder}/${NEXT_HOPS}`,
    `table relaymap_routed file:${folder}/${ROUTED_DOMAINS}`,
    'action "relaymap_hops" relay domain <relaymap_transport>',
    'match from any for domain <relaymap_routed> rcpt-to <relaymap_recipients> action "relaymap_hops"',
  ];
  return {
    asked: asksLists && !lacksHops && !lacksStale ? uses.map(({ where }) => where) : [],
    snippets: [],
    obstacle: NO_PLACE,
    byHand: asksLists
      ? [
          ...(lacksHops ? [`# in ${file}, before the "match" of relaymap that is there:`, ...hops] : []),
          ...(lacksStale ? staleLines(config, file, recipientsTable(config, file)) : []),
        ]
      : [
          `# in ${file}, before the rules of "match" that are there:`,
          `table relaymap_recipients file:${folder}/relay_recipients`,
          `table relaymap_domains file:${folder}/relay_domains`,
          '# where the mail goes: relay follows the MX records; relay host smtp://HOST goes to that host',
          'action "relaymap" relay',
          ...(lacksHops ? hops : []),
          'match from any for domain <relaymap_domains> rcpt-to <relaymap_recipients> action "relaymap"',
          ...(lacksStale ? staleLines(config, file, null) : []),
        ],
    afterwards: ['smtpd -n', 'systemctl restart opensmtpd'],
    back: [`# take these lines out of ${file}`, 'systemctl restart opensmtpd'],
    deferring: [],
  };
}

/** What the table of recipients is called there. */
function recipientsTable({ map_dir: mapDir }: GatewayConfig, file: string): string | null {
  const here = readSmtpdConf(file);
  if (here.is !== 'here') return null;
  return ourTables(mapDir, here.lines).find(({ map }) => map === 'relay_recipients')?.name ?? null;
}

const down = (): Remark[] =>
  process.geteuid?.() !== 0 || smtpdRuns()
    ? []
    : [{ level: 'error', text: 'OpenSMTPD does not run: no mail is taken here.', type: ['systemctl start opensmtpd'] }];

/** A rule before ours that takes every recipient of our domains. */
function before({ map_dir: mapDir }: GatewayConfig, lines: readonly string[]): Remark[] {
  const [ours] = smtpdUses(mapDir, lines);
  if (ours === undefined) return [];
  const name = /<[^>]+>/.exec(ours.where)?.[0] ?? '';
  const rules = lines.filter((line) => line.startsWith('match'));
  const end = rules.findIndex((rule) => rule.includes(name));
  const open = rules
    .slice(0, end)
    .filter(
      (rule) => /\bfrom\s+any\b/.test(rule) && /\bfor\s+any\b/.test(rule) && !/\b(auth|rcpt-to|reject)\b/.test(rule),
    );
  return open.map((rule) => ({
    level: 'error' as const,
    text: `The rule "${rule}" stands before the one that asks the list, and takes mail for everybody.`,
    type: ['# put the rule of relaymap before it', 'systemctl restart opensmtpd'],
  }));
}

/** The rule for domains with a next hop behind the one for all domains of the list, which takes their mail. */
function routedLate({ map_dir: mapDir }: GatewayConfig, lines: readonly string[]): Remark[] {
  const tables = ourTables(mapDir, lines);
  const ruleOf = (map: (typeof tables)[number]['map']) => {
    const name = tables.find((table) => table.map === map)?.name;
    return lines.findIndex((line) => line.startsWith('match') && line.includes(`domain <${name}>`));
  };
  const [all, routed] = [ruleOf('relay_domains'), ruleOf(ROUTED_DOMAINS)];
  if (all < 0 || routed < all) return [];
  const text = `The rule "${lines[routed]}" stands behind "${lines[all]}", which takes the mail: no next hop is used.`;
  return [{ level: 'error', text, type: ['# put it before that rule', 'systemctl restart opensmtpd'] }];
}

/** Next hops that are to go by their MX records, which OpenSMTPD cannot do. */
function byMx(config: GatewayConfig): Remark[] {
  if (!asksNextHops(config)) return [];
  let rows: string[];
  try {
    rows = readFileSync(path.join(config.map_dir, NEXT_HOPS), 'utf8').split('\n');
  } catch {
    return []; // check says of a map that is not there elsewhere
  }
  const waiting = rows.flatMap((row) => (row.includes(`\t${MX_SCHEME}`) ? [row.split('\t')[0] ?? ''] : []));
  if (waiting.length === 0) return [];
  const some = waiting.slice(0, 3).join(', ') + (waiting.length > 3 ? ` and ${waiting.length - 3} more` : '');
  const text = `The next hops of ${some} are to go by MX records, and OpenSMTPD's table of hosts cannot: their mail waits in the queue.`;
  return [{ level: 'error', text, type: ['# publish these next hops as [HOST]: the host itself'] }];
}

function limits({ rows, sorts }: ListFacts): Remark[] {
  const remarks: Remark[] = [];
  const count = (n: number) => (n === 1 ? '1 row' : `${n} rows`);
  if (rows >= MANY) {
    const cost = Math.round((rows / MANY) * 20);
    remarks.push({
      level: 'warning',
      text: `The list has ${rows} rows, and OpenSMTPD looks through all of them: a recipient that is not there costs about ${cost} ms.`,
      type: ['# another mail server takes a list of this size: docs/mtas.md'],
    });
  }
  if (sorts.unicode.count > 0) {
    remarks.push({
      level: 'warning',
      text: `${count(sorts.unicode.count)} beyond ASCII: OpenSMTPD takes no such address. A domain of that kind is taken by its A-label.`,
      type: ['# publish each domain by its A-label as well'],
    });
  }
  if (sorts.unlistable.count > 0) {
    remarks.push({
      level: 'error',
      text: `${count(sorts.unlistable.count)} with white space, a colon or a leading #: OpenSMTPD's lists cannot hold them, and it refuses mail for them.`,
      type: ['# give these mailboxes another address, or use another mail server: docs/mtas.md'],
    });
  }
  return remarks;
}
