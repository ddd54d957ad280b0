/** What `check` says alike of every server but Postfix. Pure. */
import type { Asked, ListFacts, Remark, SetUp } from './advisor.ts';
import type { GatewayConfig } from '../config.ts';
import { asksNextHops, NEXT_HOPS, STALE_MAP } from '../map-files.ts';
import type { MapName, Use } from './mta.ts';

export const absentRemark = (name: string, command: string, type: readonly string[]): Remark => ({
  level: 'error',
  text: `There is no ${name} here (no ${command}): nothing uses the maps.`,
  type,
});

/** The maps that a configuration calls for, the most important first. */
export const wantedMaps = (config: GatewayConfig): MapName[] => [
  'relay_recipients',
  'relay_domains',
  ...(asksNextHops(config) ? ([NEXT_HOPS] as const) : []),
  ...(config.stale === undefined ? [] : ([STALE_MAP] as const)),
];

const EFFECTS: Readonly<Record<MapName, string>> = {
  relay_recipients: 'the list that is fetched decides nothing',
  relay_domains: 'the domains of the list are not relayed',
  transport: 'mail follows the MX, whatever the list says',
  stale_domains: 'unknown recipients are refused although their list is out of date',
};

/** The maps that its configuration does not name. */
export function unaskedRemark(
  config: GatewayConfig,
  name: string,
  uses: readonly Use[],
  { byHand, afterwards }: SetUp,
): Remark[] {
  const missing = wantedMaps(config).filter((map) => !uses.some((u) => u.map === map));
  const [first] = missing;
  if (first === undefined) return [];
  return [
    {
      level: 'error',
      text: `${name}'s configuration does not name ${missing.join(' and ')}: ${EFFECTS[first]}. (relaymap init --apply writes it, where there is a place for it.)`,
      type: [...byHand, ...afterwards],
    },
  ];
}

/** Where it was asked: whom it takes that nobody has, and whom it refuses that the list has. */
export function answerRemarks(name: string, list: ListFacts, asked: Asked | null, look: readonly string[]): Remark[] {
  if (asked === null) return [];
  const remarks: Remark[] = [];
  const taken = [...asked.nobody].filter(([, { code }]) => code < 400).map(([domain]) => domain);
  if (taken.length > 0) {
    remarks.push({
      level: 'error',
      text: `${name} was asked, and takes mail for any address of ${taken.slice(0, 3).join(', ')}: something before the list accepts it.`,
      type: look,
    });
  }
  const sure = [...list.sorts.plain.some, ...list.sorts.wildcard.some];
  const refused = sure.flatMap((row) => {
    const answer = asked.known.get(row);
    return answer === undefined || answer.code < 400 ? [] : [answer];
  });
  const [first] = refused;
  if (first !== undefined) {
    remarks.push({
      level: 'error',
      text: `${name} was asked, and refuses ${refused.length} of ${sure.length} addresses of the list: "${first.code} ${first.text}".`,
      type: look,
    });
  }
  return remarks;
}
