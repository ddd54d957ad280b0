/**
 * `relaymap check`: examines this host and its Postfix, and prints each finding with the command that mends it.
 * Exits 1 if any finding is more than a note.
 */
import { gather } from '../../gateway/check/look/gather.ts';
import { findingLines, type Finding, type Level } from '../../gateway/check/finding.ts';
import { findings } from '../../gateway/check/judge.ts';
import { readGatewayConfig, type GatewayConfig } from '../../gateway/config.ts';
import { KINDS } from '../../gateway/mta-kinds.ts';
import { requireCron } from '../../gateway/daemon/schedule.ts';
import { HostError } from '../../errors.ts';
import { printable } from '../../io/printable.ts';

export async function checkCommand(options: { readonly config: string }, now: Date): Promise<number> {
  const config = readGatewayConfig(options.config);
  const found = findings(await gather(options.config, config, now, cronFault(options.config, config)));
  for (const finding of found) {
    process.stdout.write(`${findingLines(finding).map(printable).join('\n')}\n\n`);
  }
  const faults = found.filter(({ level }) => level !== 'note');
  process.stdout.write(`${faults.length === 0 ? ok(KINDS[config.mta.kind].name, found) : summary(found)}\n`);
  return faults.length === 0 ? 0 : 1;
}

function ok(server: string, found: readonly Finding[]): string {
  return found.some(({ isUnknown }) => isUnknown === true)
    ? `ok: ${server} uses the maps, and nothing that could be looked at is in their way; what is not known stands above`
    : `ok: ${server} uses the maps, and nothing is in their way`;
}

function summary(found: readonly Finding[]): string {
  const count = (level: Level, word: string) => {
    const n = found.filter((f) => f.level === level).length;
    return n === 0 ? [] : [`${n} ${word}${n === 1 ? '' : 's'}`];
  };
  return [...count('error', 'error'), ...count('warning', 'warning'), ...count('note', 'note')].join(', ');
}

/** Why the daemon would refuse to start with this schedule; null if it would start. */
function cronFault(file: string, { schedule }: GatewayConfig): string | null {
  try {
    requireCron(file, schedule.cron);
    return null;
  } catch (error) {
    if (error instanceof HostError) return error.message;
    throw error;
  }
}
