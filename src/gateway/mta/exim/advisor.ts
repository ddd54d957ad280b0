/** What `init`, `check` and `lookup` say of Exim. Asks Exim, reads its files; only `apply` changes anything. */
import { HostError } from '../../../errors.ts';
import { makeFolder, removeDurable, writeFileAtomic } from '../../../io/atomic-file.ts';
import path from 'node:path';
import type { GatewayConfig } from '../../config.ts';
import type { Advisor, Remark, SetUp } from '../advisor.ts';
import { asksNextHops, NEXT_HOPS } from '../../map-files.ts';
import type { Use } from '../mta.ts';
import { answerRemarks, absentRemark, unaskedRemark } from '../remarks.ts';
import { runTool } from '../tool.ts';
import { askExim } from './ask-exim.ts';
import { eximProgram, readEximConfig } from './config-text.ts';
import { debianPlaces, textOf, type Places } from './debian.ts';
import { eximInstances, eximPid } from './exim.ts';
import { aclStatements, domainList, macros, router, ROUTER } from './snippet.ts';
import { eximUses } from './uses.ts';

const UPDATE = 'update-exim4.conf';
const RELOAD = 'systemctl reload exim4';

export function eximAdvisor(config: GatewayConfig): Advisor {
  const [file = ''] = eximInstances(config);
  const program = eximProgram();
  const uses = () => {
    const here = readEximConfig(file);
    return here.is === 'here' ? eximUses(config.map_dir, here.lines) : [];
  };
  let utf8 = false;
  return {
    habits: { ...HABITS, delimiter: delimiterOf(file) },
    sees: () => true,
    isHere: () => program !== null,
    ask(addresses) {
      const dialogue = program === null ? null : askExim(program, file, addresses);
      utf8 = dialogue?.utf8 ?? false;
      return dialogue?.answers ?? null;
    },
    setUp: (fresh) => setUp(config, uses(), fresh),
    apply,
    examine(list, asked) {
      if (program === null) return [absentRemark('Exim', 'exim4', ['apt-get install exim4-daemon-light'])];
      const here = readEximConfig(file);
      if (here.is !== 'here') {
        const why = here.is === 'absent' ? `there is no ${file}` : here.why;
        return [{ level: 'error', text: `Exim's configuration cannot be read (${why}).`, type: [`${program} -bV`] }];
      }
      const named = eximUses(config.map_dir, here.lines);
      return [
        ...down(),
        ...unaskedRemark(config, 'Exim', named, setUp(config, named, true)),
        ...earlierRouters(here.lines),
        ...unread(here.lines),
        ...answerRemarks('Exim', list, asked, [`${program} -bh 192.0.2.1   # and type RCPT TO:<...>`]),
        ...beyondAscii(list.sorts.unicode.count, asked !== null && !utf8),
        ...special(asked, list.sorts.special.some),
      ];
    },
    deferring() {
      const here = readEximConfig(file);
      if (here.is !== 'here' || !here.lines.some((line) => /^RELAYMAP_DEFER\s*=/.test(line))) return null;
      return endDeferring(debianPlaces()?.macros ?? file);
    },
  };
}

/** No subdomains, no routes in a local part, and only the delimiter that its configuration names. */
const HABITS = { subdomains: false, untrustedRouting: true, leadingHyphen: true, ownerRequestSpecial: false };

function delimiterOf(file: string): string {
  const here = readEximConfig(file);
  const line = here.is === 'here' ? here.lines.find((each) => each.startsWith('RELAYMAP_DELIMITER')) : undefined;
  return /^RELAYMAP_DELIMITER\s*==?\s*(\S+)/.exec(line ?? '')?.[1] ?? '';
}

const down = (): Remark[] =>
  eximPid() === null
    ? [{ level: 'error', text: 'Exim does not run: no mail is taken here.', type: ['systemctl start exim4'] }]
    : [];

/** A configuration that was written and not yet made Exim's own. */
function unread(lines: readonly string[]): Remark[] {
  const places = debianPlaces();
  if (places === null || textOf(places.macros)?.includes('RELAYMAP_DIR') !== true) return [];
  if (lines.some((line) => line.startsWith('RELAYMAP_DIR'))) return [];
  const text = `${places.macros} is there, and Exim's configuration has not been made anew since.`;
  return [{ level: 'error', text, type: [UPDATE, RELOAD] }];
}

function beyondAscii(count: number, isDeaf: boolean): Remark[] {
  if (count === 0 || !isDeaf) return [];
  return [
    {
      level: 'warning',
      text: `${count === 1 ? '1 row has' : `${count} rows have`} characters beyond ASCII, and Exim does not offer SMTPUTF8: nobody can send mail there.`,
      type: [
        `# in ${debianPlaces()?.macros ?? "Exim's configuration, above all sections"}:`,
        debianPlaces() === null ? 'smtputf8_advertise_hosts = *' : 'MAIN_SMTPUTF8_ADVERTISE_HOSTS = *',
        UPDATE,
        RELOAD,
      ],
    },
  ];
}

/** Debian's Exim refuses characters that a mailbox may have. */
function special(asked: Parameters<Advisor['examine']>[1], rows: readonly string[]): Remark[] {
  const refused = rows.filter((row) => (asked?.known.get(row)?.code ?? 0) >= 500);
  if (refused.length === 0) return [];
  return [
    {
      level: 'error',
      text: `Exim refuses recipients of the list for a character in them: "${asked?.known.get(refused[0] ?? '')?.text ?? ''}". Debian's macro CHECK_RCPT_REMOTE_LOCALPARTS says which.`,
      type: [
        `# in ${debianPlaces()?.macros ?? "Exim's configuration"}, with a list that leaves yours out:`,
        String.raw`CHECK_RCPT_REMOTE_LOCALPARTS = ^[./|] : ^.*[@%!] : ^.*/\\.\\./`,
        UPDATE,
        RELOAD,
      ],
    },
  ];
}

const endDeferring = (macroFile: string): string[] => [`sed -i 's/^RELAYMAP_DEFER/# &/' ${macroFile}`, UPDATE, RELOAD];

/** Routers that send mail away before ours is asked. */
function earlierRouters(lines: readonly string[]): Remark[] {
  const from = lines.findIndex((line) => /^begin\s+routers\b/.test(line));
  const own = lines.findIndex((line) => line.startsWith(`${ROUTER}:`));
  const before = lines.slice(from + 1, Math.max(own, from + 1));
  const sending = before.flatMap((line, i) => {
    if (!/^driver\s*=\s*(dnslookup|manualroute)\b/.test(line)) return [];
    const label = before
      .slice(0, i)
      .filter((each) => /^\w+\s*:$/.test(each))
      .at(-1);
    return label === undefined ? [] : [label.replace(/\s*:$/, '')];
  });
  if (from < 0 || own < 0 || sending.length === 0) return [];
  const text = `The router ${sending.join(', ')} stands before ${ROUTER}, and may send mail elsewhere than the list says.`;
  return [{ level: 'warning', text, type: [`# put ${ROUTER} first among the routers`, UPDATE, RELOAD] }];
}

function setUp(config: GatewayConfig, uses: readonly Use[], defer: boolean): SetUp {
  const places = debianPlaces();
  const asksLists = uses.some(({ map }) => map === 'relay_recipients');
  const lacksRouter = asksNextHops(config) && !uses.some(({ map }) => map === NEXT_HOPS);
  const whole = listSetUp(config, places, defer);
  if (asksLists && !lacksRouter) return { ...whole, asked: uses.map(({ where }) => where) };
  if (!lacksRouter) return whole;
  const byHand = ['# in the configuration, first behind "begin routers":', ...withoutComments(router())];
  const file = places?.router ?? null;
  const isFree = whole.obstacle === null && file !== null;
  const snippets = isFree ? [...(asksLists ? [] : whole.snippets), { file, text: router() }] : [];
  return {
    asked: [],
    snippets,
    obstacle: whole.obstacle ?? (file === null ? ONE_FILE : null),
    byHand: asksLists ? byHand : [...whole.byHand, ...byHand],
    afterwards: whole.afterwards,
    back: [`rm ${snippets.map((each) => each.file).join(' ')}`, UPDATE, RELOAD],
    deferring: asksLists ? [] : whole.deferring,
  };
}

const ONE_FILE = "a router has its place in Debian's split configuration alone, and this one is a single file";

const withoutComments = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !/^\s*#/.test(line));

/** What has it ask the lists of recipients and domains. */
function listSetUp(config: GatewayConfig, places: Places | null, defer: boolean): SetUp {
  const acl = places?.acl ?? '/etc/exim/relaymap_acl';
  const options = { mapDir: config.map_dir, acl, others: places?.others ?? '', defer };
  const snippets =
    places === null || places.obstacle !== null
      ? []
      : [
          { file: places.acl, text: aclStatements() },
          { file: places.macros, text: macros(options) },
        ];
  return {
    asked: [],
    snippets,
    obstacle: places === null ? "this Exim's configuration is not made by Debian's update-exim4.conf" : places.obstacle,
    byHand: [
      '# in the configuration, before the first section:',
      `RELAYMAP_DIR = ${config.map_dir}`,
      ...(defer ? ['RELAYMAP_DEFER = yes'] : []),
      `domainlist relay_to_domains = ${domainList('')}`,
      '# in the ACL of RCPT, before the statement that accepts +relay_to_domains:',
      ...withoutComments(aclStatements()),
    ],
    afterwards: places === null ? ['exim -bV', 'kill -HUP $(cat /run/exim.pid)'] : [UPDATE, RELOAD],
    back: [`rm ${snippets.map(({ file }) => file).join(' ')}`, UPDATE, RELOAD],
    deferring: defer && snippets.length > 0 ? endDeferring(places?.macros ?? '') : [],
  };
}

/** @throws HostError CONFIG; what was there before is there again then. */
function apply({ snippets }: SetUp): void {
  const before = snippets.map(({ file }) => textOf(file));
  const put = (texts: readonly (string | null)[]) => {
    for (const [i, { file }] of snippets.entries()) {
      const text = texts[i] ?? null;
      makeFolder(path.dirname(file), 0o755);
      if (text === null) removeDurable(file);
      else writeFileAtomic(file, text, 0o644);
    }
  };
  put(snippets.map(({ text }) => text));
  const made = runTool(UPDATE, []);
  const read = made.status === 0 ? runTool(eximProgram() ?? 'exim4', ['-bP', 'acl_smtp_rcpt']) : made;
  if (read.status !== 0) {
    put(before);
    runTool(UPDATE, []);
    const why = (read.stderr || read.stdout).split('\n').at(-1) ?? '';
    throw new HostError('CONFIG', `Exim refuses the snippets (${why}); they are gone again, and nothing is changed`);
  }
  const pid = eximPid();
  if (pid !== null) runTool('kill', ['-HUP', String(pid)]);
}
