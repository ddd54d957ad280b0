/**
 * Deferring while a list is out of date (docs/commands.md section 2.6), by filters of OpenSMTPD's own: the first lets
 * the recipients of the list past, the second defers whoever is left of a domain in `stale_domains`. A filter decides
 * before the rules of `match` do. Both are needed: the second alone would defer known recipients as well. Pure.
 */
import type { GatewayConfig } from '../../config.ts';
import type { Remark } from '../advisor.ts';
import { STALE_MAP } from '../../map-files.ts';
import { defersBy, letsPast, listeners, ourTables } from './smtpd-conf.ts';

const RESTART = 'systemctl restart opensmtpd';

/** @param recipients the table of recipients that is there already; null for the one of the other lines. */
export const staleLines = ({ map_dir: folder }: GatewayConfig, file: string, recipients: string | null): string[] => [
  `# in ${file}, before the lines of "listen", and below the table of recipients:`,
  `table relaymap_stale file:${folder}/${STALE_MAP}`,
  `filter "relaymap_known" phase rcpt-to match rcpt-to <${recipients ?? 'relaymap_recipients'}> bypass`,
  'filter "relaymap_late" phase rcpt-to match rcpt-to <relaymap_stale> reject "450 4.3.0 recipient list out of date"',
  'filter "relaymap" chain { "relaymap_known", "relaymap_late" }',
  '# at the end of each line of "listen" for mail from outside; behind other filters of it, filter { "OTHER", "relaymap" }:',
  '#   filter "relaymap"',
];

/** Filters that would defer known recipients, and listeners that have none. */
export function staleRemarks({ map_dir: mapDir, stale }: GatewayConfig, lines: readonly string[]): Remark[] {
  const tables = ourTables(mapDir, lines);
  const [known, late] = (['relay_recipients', STALE_MAP] as const).map((map) => tables.filter((t) => t.map === map));
  const asks = (filter: string) => late?.some(({ name }) => defersBy(lines, filter, name)) === true;
  const passes = (filter: string) => known?.some(({ name }) => letsPast(lines, filter, name)) === true;
  const all = listeners(lines).filter(({ line }) => !/^listen\s+on\s+socket\b/.test(line));
  const deferring = all.filter(({ filters }) => filters.some(asks));
  const unsafe = deferring.filter(({ filters }) => !filters.slice(0, filters.findIndex(asks)).some(passes));
  const bare = stale === undefined || deferring.length === 0 ? [] : all.filter((l) => !deferring.includes(l));
  return [
    ...unsafe.map(({ line }) => ({
      level: 'error' as const,
      text: `"${line}" has the filter that defers, and none before it that lets the recipients of the list past: while the list is out of date known recipients are deferred too.`,
      type: [`# put the filter "relaymap_known" before it: relaymap init --mta opensmtpd`, RESTART],
    })),
    ...bare.map(({ line }) => ({
      level: 'warning' as const,
      text: `"${line}" has no filter that defers: there unknown recipients are refused although their list is out of date.`,
      type: ['# add at its end: filter "relaymap"', RESTART],
    })),
  ];
}
