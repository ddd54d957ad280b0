/** `relaymap-publish health`: reads config, state and output, prints the grade. Needs no network and no lock. */
import { StepError } from '../../errors.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { HEALTH_EXIT, publisherHealthJson, publisherHealthText } from '../../publisher/health/grade.ts';
import { lookAtPublisher } from '../../publisher/health/look.ts';
import { requireState } from './become-publisher.ts';

export async function healthCommand(options: { config: string; json: boolean }, now: Date): Promise<number> {
  try {
    const config = readPublisherConfig(options.config);
    requireState(config.state_dir, false);
    const health = await lookAtPublisher(config, now);
    const text = publisherHealthText(config, health, now).split('\n').map(printable).join('\n');
    process.stdout.write(`${options.json ? jsonLine(publisherHealthJson(config, health)) : text}\n`);
    return HEALTH_EXIT[health.status];
  } catch (error) {
    const why =
      error instanceof StepError ? `${error.code}: ${error.message}` : `INTERNAL: ${(error as Error).message}`;
    const nothing = { status: 'unknown', reasons: [why] };
    process.stdout.write(`${options.json ? jsonLine(nothing) : `RELAYMAP-PUBLISH UNKNOWN - ${printable(why)}`}\n`);
    return HEALTH_EXIT.unknown;
  }
}
