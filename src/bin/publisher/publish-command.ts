/** `relaymap-publish publish`: config and keys, one publish, its answer. */
import { statSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { publish, type PublishResult } from '../../publisher/publish.ts';
import { leftOutLines } from '../../publisher/gather/left-out-lines.ts';
import { readKey } from '../../publisher/repository/signing-key.ts';
import { becomeOwner } from '../become-owner.ts';

export interface PublishCommandOptions {
  readonly config: string;
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion?: string;
  readonly acceptClock: boolean;
  readonly json: boolean;
}

export async function publishCommand(options: PublishCommandOptions, now: Date): Promise<void> {
  const config = readPublisherConfig(options.config);
  const owner = ownerOf(config.state_dir);
  const keys = config.keys.map((file) => readKey(file, owner));
  const nextVersion = versionOf(options.nextVersion);
  // By root beside the service: what is written stays the service's.
  await becomeOwner(config.state_dir);
  const result = await publish(
    config,
    keys,
    { dryRun: options.dryRun, allowShrink: options.allowShrink, nextVersion, acceptClock: options.acceptClock },
    now,
  );
  for (const line of result.skipped) log('warning', `left out: ${line}`);
  const { length } = result.skipped;
  if (length > 0) log('warning', `${length} ${length === 1 ? 'entry' : 'entries'} left out, as skip_invalid says`);
  for (const line of leftOutLines(result.leftOut)) log('notice', line);
  process.stdout.write(
    options.json ? `${jsonLine(result)}\n` : `${words(config.name, result).map(printable).join('\n')}\n`,
  );
}

/** As whom root goes on; null where there is no state yet. */
function ownerOf(stateDir: string): number | null {
  try {
    return statSync(stateDir).uid;
  } catch {
    return null; // whoever makes the state says what is wrong with its place
  }
}

function versionOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const version = Number(text);
  if (!/^[1-9][0-9]*$/.test(text) || !Number.isSafeInteger(version))
    throw new HostError('CONFIG', `--next-version ${text} is no version`);
  return version;
}

const from = (sources: readonly string[]): string => (sources.length === 0 ? '' : `  (${sources.join(', ')})`);

function words(name: string, r: PublishResult): string[] {
  const size = `${r.rows} rows in ${r.domains} ${r.domains === 1 ? 'domain' : 'domains'}`;
  if (r.outcome === 'unchanged') return [`${name}: unchanged, version ${r.version} is current (${size})`];
  if (r.outcome === 'renewed') return [`${name}: renewed as version ${r.version} (${size}, the same list)`];
  if (r.outcome === 'published')
    return [`${name}: published version ${r.version} (${size}, ${r.deltas === 1 ? '1 delta' : `${r.deltas} deltas`})`];
  const d = r.difference;
  if (d === null) return [];
  const rest = d.added + d.removed - d.rows.length;
  return [
    ...d.rows.map((row, i) => `${row}${from(d.from[i] ?? [])}`),
    ...(rest > 0 ? [`... and ${rest} more`] : []),
    ...d.domainsRemoved.map((domain) => `the whole domain ${domain} would go`),
    ...d.domainsAdded.map((domain) => `the domain ${domain} would come`),
    `${name}: ${d.added} would come, ${d.removed} would go, ${size} then; nothing written`,
    ...(d.refusal === null ? [] : [`${name}: the guard would refuse it: ${d.refusal}`]),
  ];
}
