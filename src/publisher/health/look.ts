/**
 * Reads what `health` grades: the last run's report, the files in `output`, and the certificate of `serve`. Writes
 * nothing.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { whyUnread } from '../../io/denied.ts';
import type { PublisherConfig } from '../config.ts';
import { isUnreachable, PublishError } from '../errors.ts';
import { othersOf } from '../repository/other-publisher.ts';
import { isS3 } from '../repository/s3/location.ts';
import { lookAt } from '../repository/with-repository.ts';
import { gradePublisher, type Facts, type PublisherHealth } from './grade.ts';
import { readPublishStatus } from './status.ts';

export async function lookAtPublisher(config: PublisherConfig, now: Date): Promise<PublisherHealth> {
  const status = readPublishStatus(config);
  // Where a publish into a bucket failed, what was signed last may well not be out; the failure itself is told.
  const isKnown = status === null || (isS3(config.output) && status.outcome === 'failed');
  const output = isKnown ? NOTHING_WRONG : await lookAtOutput(config);
  const facts = { status, ...output, certificate: certificateOf(config) };
  return gradePublisher(config, facts, now);
}

type Output = Pick<Facts, 'foreign' | 'unseen'>;
const NOTHING_WRONG: Output = { foreign: null, unseen: null };
/** Milliseconds for a bucket: monitoring does not wait for long. */
const QUICK = { idle: 4000, total: 4000, pauses: [] };

async function lookAtOutput(config: PublisherConfig): Promise<Output> {
  try {
    const isForeign = await lookAt(
      config,
      async (repository) =>
        repository.kept.record() !== null && (await repository.publishedHere(othersOf(config))) === null,
      QUICK,
    );
    if (!isForeign) return NOTHING_WRONG;
    const goOn = 'relaymap-publish publish says how to go on';
    return { foreign: `${config.output} does not hold what was signed here last: ${goOn}`, unseen: null };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    const said = `${error.code}: ${error.message}`;
    const isAway = isUnreachable(error);
    return { foreign: isAway ? null : said, unseen: isAway ? `${config.output} cannot be looked at: ${said}` : null };
  }
}

function certificateOf(config: PublisherConfig): Facts['certificate'] {
  const file = config.serve?.cert;
  if (file === undefined) return null;
  try {
    return { expires: new Date(new X509Certificate(readFileSync(file)).validTo) };
  } catch (error) {
    return { unread: whyUnread(error, file) };
  }
}
