/** `relaymap-publish fleet`: reads config, published manifest and logs, prints which gateway runs which version. */
import { randomInt } from 'node:crypto';
import { HostError } from '../../../errors.ts';
import { writeFileAtomic } from '../../../io/atomic-file.ts';
import { whyUnwritten } from '../../../io/denied.ts';
import { jsonLine, printable } from '../../../io/printable.ts';
import { readPublisherConfig, type PublisherConfig } from '../../../publisher/config.ts';
import { PublishError } from '../../../publisher/errors.ts';
import { fleetJson } from '../../../publisher/fleet/fleet-json.ts';
import { fleetMetrics } from '../../../publisher/fleet/fleet-metrics.ts';
import { FORMATS, type Format } from '../../../publisher/fleet/log/format.ts';
import { fleetPage } from '../../../publisher/fleet/page/page.ts';
import { readFleet } from '../../../publisher/fleet/read-fleet.ts';
import { fleetLines, sentence } from '../../../publisher/fleet/words.ts';
import { requireState } from '../become-publisher.ts';

export interface FleetOptions {
  readonly config: string;
  readonly log: readonly string[];
  readonly format?: string;
  readonly json: boolean;
  readonly html?: string;
  readonly prom?: string;
}

/** @throws HostError CONFIG, PublishError SOURCE, STATE, OUTPUT */
export async function fleetCommand(options: FleetOptions, now: Date): Promise<void> {
  const config = readPublisherConfig(options.config);
  const format = formatGiven(options.format);
  const logs = logsOf(options, config);
  if (logs.filter((name) => name === '-').length > 1)
    throw new HostError('CONFIG', '--log - is given twice, and there is one stdin');
  requireState(config.state_dir, false);
  const seed = randomInt(2 ** 32);
  const report = await readFleet(config, logs, format, process.stdin, now, seed);
  const { fleet, someExpected } = report;
  if (options.html !== undefined) write(options.html, fleetPage(report));
  if (options.prom !== undefined) write(options.prom, fleetMetrics(fleet));
  const isQuiet = options.html !== undefined || options.prom !== undefined;
  const lines = isQuiet ? [`${fleet.bundle}: ${sentence(fleet)}`] : fleetLines(fleet, report.logs, someExpected);
  const text = options.json ? jsonLine(fleetJson(fleet, report.logs)) : lines.map(printable).join('\n');
  process.stdout.write(`${text}\n`);
}

/** The logs that are named; else that of `serve`. */
function logsOf({ log }: FleetOptions, { serve }: PublisherConfig): readonly string[] {
  if (log.length > 0) return log;
  if (serve?.access_log !== undefined) return [serve.access_log];
  throw new HostError('CONFIG', 'which log? Name it: --log FILE, or --log - for stdin; or set access_log of [serve]');
}

function formatGiven(format: string | undefined): Format | null {
  const known = FORMATS.find((each) => each === format);
  if (format !== undefined && known === undefined)
    throw new HostError('CONFIG', `--format ${format}: the formats are ${FORMATS.join(', ')}`);
  return known ?? null;
}

function write(file: string, text: string): void {
  try {
    writeFileAtomic(file, text, 0o644);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `${file} cannot be written: ${whyUnwritten(error, file)}`, error);
  }
}
