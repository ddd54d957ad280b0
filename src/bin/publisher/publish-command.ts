/** `relaymap-publish publish`: reads config and keys, publishes once, prints the outcome. */
import path from 'node:path';
import '../seed-hashes.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';
import { HostError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { publish, type PublishResult } from '../../publisher/publish.ts';
import { leftOutLines } from '../../publisher/gather/left-out-lines.ts';
import { reportRun } from '../../publisher/health/report.ts';
import type { WaitingRow } from '../../publisher/removals/removals.ts';
import { manifestIn } from '../../publisher/keys/candidate-folder.ts';
import { openKeys } from '../../publisher/keys/publisher-keys.ts';
import { VERSION } from '../program.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { nothingPublishesNext } from './next-publish.ts';

export interface PublishCommandOptions {
  readonly config: string;
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion?: string;
  readonly unsigned?: string;
  readonly acceptClock: boolean;
  readonly json: boolean;
}

export async function publishCommand(options: PublishCommandOptions, now: Date): Promise<void> {
  const config = readPublisherConfig(options.config);
  const owner = stateOwner(config.state_dir);
  const keys = openKeys(config, owner);
  const nextVersion = versionOf(options.nextVersion);
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, !options.dryRun);
  let result: PublishResult;
  try {
    result = await publish(
      config,
      keys,
      {
        dryRun: options.dryRun,
        allowShrink: options.allowShrink,
        nextVersion,
        chance: Math.random,
        acceptClock: options.acceptClock,
        ...(options.unsigned === undefined ? {} : { unsigned: path.resolve(options.unsigned) }),
      },
      now,
    );
    if (!options.dryRun) await reportRun(config, { result }, VERSION, now);
  } catch (error) {
    if (!options.dryRun) await reportRun(config, { error }, VERSION, now);
    throw error;
  }
  for (const line of result.skipped) log('warning', `left out: ${line}`);
  const { length } = result.skipped;
  if (length > 0) log('warning', `${length} ${length === 1 ? 'entry' : 'entries'} left out, as skip_invalid says`);
  for (const line of leftOutLines(result.leftOut)) log('notice', line);
  const { waiting, nextRemoval } = result;
  if (nextRemoval !== null && waiting > 0 && !options.dryRun) {
    const rows = waiting === 1 ? '1 row that no source has' : `${waiting} rows that no source has`;
    log('notice', `${rows} any more: in the list until remove_after has passed, first at ${isoTime(nextRemoval)}`);
  }
  if (options.unsigned !== undefined) log('notice', `its digest is ${(await manifestIn(options.unsigned)).digest}`);
  const warning = options.dryRun ? null : nothingPublishesNext(process.env);
  if (warning !== null) log('notice', warning);
  process.stdout.write(
    options.json ? `${jsonLine(result)}\n` : `${words(config.name, result).map(printable).join('\n')}\n`,
  );
}

function versionOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const version = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || !Number.isSafeInteger(version))
    throw new HostError('CONFIG', `--next-version ${text} is not the number of a version, a whole one from 1 up`);
  return version;
}

/** Names at most this many waiting rows, and domains that come or go, and counts the rest. */
const NAMED = 20;

function domainLines(domains: readonly string[], line: (domain: string) => string, what: string): string[] {
  const more = domains.length - NAMED;
  return [...domains.slice(0, NAMED).map(line), ...(more > 0 ? [`... and ${more} more ${what}`] : [])];
}

function waitingLines(rows: readonly WaitingRow[], count: number): string[] {
  const named = rows.slice(0, NAMED).map(({ row, source, until }) => {
    const who = source === null ? '' : `, gone from ${source}`;
    return `=${row}  (stays until ${isoTime(until)}${who})`;
  });
  const more = count - named.length;
  return more > 0 ? [...named, `... and ${more} more that stay for remove_after`] : named;
}

const from = (sources: readonly string[]): string => (sources.length === 0 ? '' : `  (${sources.join(', ')})`);

/** `+example.org -> [mx1.example.org]:2525` */
const hopLine = (change: string): string => change.replace('\t', ' -> ');

function words(name: string, r: PublishResult): string[] {
  const hops = r.nextHops === null ? '' : `, ${r.nextHops.rows} next ${r.nextHops.rows === 1 ? 'hop' : 'hops'}`;
  const size = `${r.rows} rows in ${r.domains} ${r.domains === 1 ? 'domain' : 'domains'}${hops}`;
  if (r.outcome === 'unchanged') return [`${name}: unchanged, version ${r.version} is current (${size})`];
  if (r.outcome === 'renewed') return [`${name}: renewed as version ${r.version} (${size}, the same list)`];
  if (r.outcome === 'unsigned')
    return [`${name}: version ${r.version} waits to be signed (${size}); nothing is out yet`];
  if (r.outcome === 'published')
    return [`${name}: published version ${r.version} (${size}, ${r.deltas === 1 ? '1 delta' : `${r.deltas} deltas`})`];
  const d = r.difference;
  if (d === null) return [];
  const rest = d.added + d.removed - d.rows.length;
  return [
    ...d.rows.map((row, i) => `${row}${from(d.from[i] ?? [])}`),
    ...(rest > 0 ? [`... and ${rest} more`] : []),
    ...domainLines(r.nextHops?.changes ?? [], hopLine, 'next hops would change'),
    ...waitingLines(d.waiting, r.waiting),
    ...domainLines(d.domainsRemoved, (domain) => `the whole domain ${domain} would go`, 'whole domains would go'),
    ...domainLines(d.domainsAdded, (domain) => `the domain ${domain} would come`, 'domains would come'),
    `${name}: ${d.added} would come, ${d.removed} would go, ${size} then; nothing written`,
    ...(d.refusal === null ? [] : [`${name}: the guard would refuse it: ${d.refusal}`]),
  ];
}
