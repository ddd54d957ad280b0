/** The fleet in words, for a terminal and for the page. Pure. */
import type { Claim, Fleet, Stranger } from './judge.ts';
import type { GatewayRow, State } from './row.ts';

/** `40 s`, `12 min`, `3 h`, `4 d`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s} s`;
  if (s < 100 * 60) return `${Math.round(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** `2026-11-26 22:12:02 UTC` */
export const moment = (seconds: number): string =>
  new Date(seconds * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');

const many = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

/** `57 of 60 current, 2 behind, 1 silent for 3 h` */
export function sentence(fleet: Fleet): string {
  const { rows, counts, strangers, now } = fleet;
  if (rows.length === 0) {
    const { requests, refused, failed } = fleet.tally;
    const why =
      requests > 0
        ? 'no gateway gives a name'
        : refused + failed > 0
          ? 'nobody was given this list'
          : 'no gateway has asked for this list';
    return [why, ...strangerWords(strangers)].join('; ');
  }
  const longest = rows.reduce((most, { state, lastPoll }) => {
    return state === 'silent' ? Math.max(most, now - (lastPoll ?? now)) : most;
  }, 0);
  const inOrder = rows.filter(({ state, code }) => state === 'current' && code !== null && code !== 'OK');
  const held = inOrder.filter((row) => row.held).length;
  const refusing = inOrder.length - held;
  const parts = [
    `${counts.current} of ${rows.length} current`,
    ...(counts.behind > 0 ? [`${counts.behind} behind`] : []),
    ...(counts.silent > 0 ? [`${counts.silent} silent for ${counts.silent > 1 ? 'up to ' : ''}${span(longest)}`] : []),
    ...(counts.never > 0 ? [`${counts.never} never seen`] : []),
    ...(counts.ahead > 0 ? [`${counts.ahead} with a version that is not out`] : []),
    ...(counts.unknown > 0 ? [`${counts.unknown} without a word of the version`] : []),
    ...(held > 0 ? [`${held} held`] : []),
    ...(refusing > 0 ? [`${refusing} whose last cycle did not end well`] : []),
  ];
  const { beyondClaims, beyondNamed } = fleet.tally;
  const isMore = beyondNamed + (fleet.isByClaim ? beyondClaims : 0) > 0;
  const more = isMore ? ['there are more, which are not looked at'] : [];
  return [parts.join(', '), ...more, ...strangerWords(strangers)].join('; ');
}

const strangerWords = (strangers: readonly Stranger[]): string[] =>
  strangers.length === 0
    ? []
    : [`${strangers.some(isNobody) ? 'at least ' : ''}${many(strangers.length, 'stranger')} took a whole table`];

/** Of a log without addresses: all who give no name are one. */
export const isNobody = ({ by, address }: Stranger): boolean => by === 'address' && address === null;

export const STATE_WORDS: Readonly<Record<State, string>> = {
  never: 'never seen',
  silent: 'silent',
  behind: 'behind',
  ahead: 'not out',
  unknown: 'says nothing',
  current: 'current',
};

/** How a gateway is known, as a word after its name. */
export const BY_WORDS = { certificate: 'certificate', token: 'token', claim: 'own word', address: 'address' } as const;

/** What else there is to say of a gateway. */
export function remarks(row: GatewayRow, someExpected: boolean): string[] {
  const { says, claimed, refused, failed, lastFailure, held, by, expected, state, behindFor } = row;
  return [
    ...(behindFor === null ? [] : [`behind for ${span(behindFor)}`]),
    ...(held ? ['held'] : []),
    ...(by !== null && someExpected && !expected ? ['not expected'] : []),
    ...(says === null ? [] : [`calls itself ${says}`]),
    ...(claimed > 0 ? [`${many(claimed, 'request')} of others by its name`] : []),
    ...(refused > 0 && state !== 'current' ? [`${many(refused, 'request')} by this name refused`] : []),
    ...(failed > 0 && state !== 'current'
      ? [`${many(failed, 'request')} by this name failed, the last with ${lastFailure}`]
      : []),
  ];
}

/** How long it took to spread. */
export function spreadWords({ spread, version, publishedAt }: Fleet): string | null {
  if (spread === null || version === null || publishedAt === null || spread.of === 0) return null;
  const reach = (share: string, after: number | null) =>
    after === null ? `${share} not yet` : `${share} after ${span(after)}`;
  return `version ${version}, published ${moment(publishedAt)}: ${reach('50 %', spread.half)}, ${reach('95 %', spread.most)}`;
}

/** What must be known of the logs before the figures are believed. */
export function logWords(fleet: Fleet, logs: LogFacts): string[] {
  const { tally, now, silentAfter } = fleet;
  return [
    ...(fleet.isVersionKnown
      ? []
      : ['what is published is not known here: the newest version that a gateway says counts']),
    ...(fleet.isByClaim && fleet.rows.length > 0
      ? [
          'nobody is expected ([fleet] expect), and no gateway has a certificate or token of its own: all is by their own word',
        ]
      : []),
    ...(tally.requests + tally.refused + tally.failed + tally.otherBundles + tally.future > 0
      ? []
      : [
          logs.lines === 0
            ? 'there is no line in the logs'
            : `no line of ${logs.lines} asks for a file of a list: is this the right log?`,
        ]),
    ...(tally.requests > 0 && now - tally.last > silentAfter
      ? [`the newest line is ${span(now - tally.last)} old: is this log still written?`]
      : []),
    ...(logs.unread > 0 ? [`${many(logs.unread, 'line')} could not be read, the first is ${logs.firstUnread}`] : []),
    ...(logs.tooLong > 0 ? [`${many(logs.tooLong, 'line')} longer than 64 KiB passed over`] : []),
    ...(logs.unfinished > 0 ? [`${many(logs.unfinished, 'last line')} without a line feed passed over`] : []),
    ...(tally.future > 0 ? [`${many(tally.future, 'line')} from the future passed over: is a clock wrong?`] : []),
    ...(tally.beyondClaims > 0
      ? [`${many(tally.beyondClaims, 'request')} by further claimed names not looked at`]
      : []),
    ...(tally.beyondAddresses > 0
      ? [`${many(tally.beyondAddresses, 'request')} from further addresses not looked at`]
      : []),
    ...(tally.beyondNamed > 0 ? [`${many(tally.beyondNamed, 'request')} by further certificates not looked at`] : []),
    ...(tally.refused > 0 ? [`${many(tally.refused, 'request')} refused with 401 or 403`] : []),
    ...(tally.failed > 0
      ? [`${many(tally.failed, 'request')} for the manifest failed, the last with ${fleet.lastFailure}`]
      : []),
  ];
}

export interface LogFacts {
  readonly lines: number;
  readonly unread: number;
  /** `FILE, line N`; empty if all were read. */
  readonly firstUnread: string;
  readonly tooLong: number;
  /** Last lines that are not whole. */
  readonly unfinished: number;
}

/** So many rows a terminal and the page are given. */
export const MOST_ROWS = 1000;
const MOST_SHOWN = 40;

/** Lines for a terminal; each is escaped by whoever prints it. */
export function fleetLines(fleet: Fleet, logs: LogFacts, someExpected: boolean): string[] {
  const spread = spreadWords(fleet);
  const shown = fleet.rows.slice(0, MOST_SHOWN);
  const cells = shown.map((row) => [
    row.name,
    STATE_WORDS[row.state],
    row.version === null ? '-' : String(row.version),
    row.versionAt === null ? '-' : span(fleet.now - row.versionAt),
    row.lastPoll === null ? '-' : `${span(fleet.now - row.lastPoll)} ago`,
    row.code ?? '-',
    row.software ?? '-',
    row.by === null ? '-' : BY_WORDS[row.by],
    remarks(row, someExpected).join('; '),
  ]);
  const left = fleet.rows.length - shown.length;
  return [
    `${fleet.bundle}: ${sentence(fleet)}`,
    ...(spread === null ? [] : [spread]),
    ...(cells.length === 0
      ? []
      : [
          '',
          ...columns([
            ['gateway', 'state', 'version', 'age', 'last poll', 'code', 'software', 'known by', ''],
            ...cells,
          ]),
        ]),
    ...(left > 0 ? [`and ${left} more, none of them worse; --html or --json has them`] : []),
    ...section(
      'strangers that took a whole table',
      fleet.strangers.slice(0, MOST_SHOWN).map((each) => strangerLine(each, fleet.now)),
    ),
    ...section(
      `claimed names that count for nobody: ${fleet.claims.length}`,
      fleet.claims.slice(0, MOST_SHOWN).map((each) => claimLine(each, fleet.now)),
    ),
    ...section('of the log', logWords(fleet, logs)),
  ];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];

export const strangerLine = (each: Stranger, now: number): string =>
  [
    `${each.name} (${strangerBy(each)})`,
    ...(each.address === null || each.address === each.name ? [] : [`from ${each.address}`]),
    `${many(each.tables, 'table')}, last ${span(now - each.last)} ago`,
    ...(each.software === null ? [] : [each.software]),
  ].join(', ');

/** How a stranger is known, and as whom. */
export const strangerBy = (each: Stranger): string =>
  each.posesAs !== null
    ? "a gateway's name without its certificate or token"
    : isNobody(each)
      ? 'the log has no addresses'
      : BY_WORDS[each.by];

/** What a claim lacks. */
export const TAKEN = 'a gateway has this name, and this came without its certificate or token';

export const claimLine = (each: Claim, now: number): string =>
  [
    `${each.name}${each.isTaken ? ` (${TAKEN})` : ''}`,
    ...(each.version === null ? [] : [`version ${each.version}`]),
    ...(each.address === null ? [] : [`from ${each.address}`]),
    `${many(each.requests, 'request')}, last ${span(now - each.last)} ago`,
  ].join(', ');

const width = (cell: string): number => Array.from(cell).length;

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, width(cell));
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd(),
  );
}
