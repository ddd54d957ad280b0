/**
 * Reports after each run of `publish` and `watch`: the status for `health`, and the textfile. A failure here does
 * not fail the publish.
 */
import { StepError } from '../../errors.ts';
import { writeFileAtomic } from '../../io/atomic-file.ts';
import { logOnce } from '../../io/log.ts';
import type { Pages } from '../../io/health/server.ts';
import { jsonLine } from '../../io/printable.ts';
import type { PublisherConfig } from '../config.ts';
import type { Ended } from '../watch/watch.ts';
import { publisherHealthJson } from './grade.ts';
import { lookAtPublisher } from './look.ts';
import { publisherMetrics } from './metrics.ts';
import { readPublishStatus, statusAfter, writePublishStatus, type PublishStatus } from './status.ts';

/** Milliseconds after which a run with the same result as the last is reported again. */
const AGAIN = 60_000;

export async function reportRun(config: PublisherConfig, ended: Ended, version: string, now: Date): Promise<void> {
  // Another publish holds the lock; it reports.
  if ('error' in ended && ended.error instanceof StepError && ended.error.code === 'BUSY') return;
  const before = readPublishStatus(config);
  const status = statusAfter(config, before, ended, now);
  const facts = (of: PublishStatus) => JSON.stringify({ ...of, endedAt: null, succeededAt: null });
  const isOld = before === null || Math.abs(now.getTime() - Date.parse(before.endedAt)) >= AGAIN;
  if (!isOld && facts(before) === facts({ ...status, outcome: settled(status.outcome, before.outcome) })) return;
  for (const wrong of [writePublishStatus(config, status), await writeTextfile(config, version, now)]) {
    if (wrong !== null) logOnce('warning', wrong);
  }
}

/** A run that changes nothing after one that published has nothing new to report. */
const settled = <T extends string>(outcome: T, before: T): T =>
  outcome === 'unchanged' && before !== 'failed' ? before : outcome;

async function writeTextfile(config: PublisherConfig, version: string, now: Date): Promise<string | null> {
  const file = config.health.textfile;
  if (file === undefined) return null;
  try {
    writeFileAtomic(file, publisherMetrics(version, config, await lookAtPublisher(config, now)), 0o644);
    return null;
  } catch (error) {
    return `the textfile ${file} cannot be written: ${(error as Error).message}; its folder must be writable for this user`;
  }
}

/** `/healthz` and `/metrics` beside `watch` or `serve`. */
export const publisherPages = (version: string, config: PublisherConfig, now: () => Date): Pages => ({
  '/healthz': async () => {
    const health = await lookAtPublisher(config, now());
    const status = health.status === 'ok' || health.status === 'warning' ? 200 : 503;
    return { status, type: 'application/json', body: `${jsonLine(publisherHealthJson(config, health))}\n` };
  },
  '/metrics': async () => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: publisherMetrics(version, config, await lookAtPublisher(config, now())),
  }),
});
