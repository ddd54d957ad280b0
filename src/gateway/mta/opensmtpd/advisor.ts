/**
 * What `init`, `check` and `lookup` say of OpenSMTPD. Its configuration has no place for snippets, and a stranger's
 * dialogue cannot be tried with it: what it says to its own host is not what it says to others. Reads only.
 */
import { HostError } from '../../../errors.ts';
import { isListable } from '../../../map/list-text.ts';
import type { GatewayConfig } from '../../config.ts';
import type { Advisor, ListFacts, Remark, SetUp } from '../advisor.ts';
import { absentRemark, unaskedRemark } from '../remarks.ts';
import { runTool } from '../tool.ts';
import { smtpdInstances, smtpdRuns } from './opensmtpd.ts';
import { readSmtpdConf, smtpdUses } from './smtpd-conf.ts';

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
    setUp: () =>
      setUp(
        config,
        file,
        uses().map(({ where }) => where),
      ),
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
      return [
        ...down(),
        ...unaskedRemark('OpenSMTPD', smtpdUses(config.map_dir, here.lines), setUp(config, file, [])),
        ...before(config, here.lines),
        ...limits(list),
      ];
    },
  };
}

const NO_PLACE = 'smtpd.conf has no place for snippets';

function setUp({ map_dir: folder }: GatewayConfig, file: string, asked: readonly string[]): SetUp {
  return {
    asked,
    snippets: [],
    obstacle: NO_PLACE,
    byHand: [
      `# in ${file}, before the rules of "match" that are there:`,
      `table relaymap_recipients file:${folder}/relay_recipients`,
      `table relaymap_domains file:${folder}/relay_domains`,
      '# where the mail goes: relay follows the MX records; relay host smtp://HOST goes to that host',
      'action "relaymap" relay',
      'match from any for domain <relaymap_domains> rcpt-to <relaymap_recipients> action "relaymap"',
    ],
    afterwards: ['smtpd -n', 'systemctl restart opensmtpd'],
    back: [`# take these lines out of ${file}`, 'systemctl restart opensmtpd'],
    deferring: [],
  };
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
