/**
 * Reads what `health` grades: the last run's report, the files in `output`, and the certificate of `serve`. Writes
 * nothing.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { whyUnread } from '../../io/denied.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { publicKeyIn } from '../keys/publisher-keys.ts';
import type { TrustedKey } from '../keys/signer.ts';
import { mayHaveOthers } from '../repository/other-publisher.ts';
import { lookAt } from '../repository/with-repository.ts';
import { gradePublisher, type Facts, type PublisherHealth } from './grade.ts';
import { readPublishStatus } from './status.ts';

export async function lookAtPublisher(config: PublisherConfig, now: Date): Promise<PublisherHealth> {
  const status = readPublishStatus(config);
  const foreign = status === null ? null : await foreignOutput(config);
  const facts = { status, foreign, certificate: certificateOf(config) };
  return gradePublisher(config, facts, now);
}

/** Why `output` is not what was signed here last; null if it is. */
async function foreignOutput(config: PublisherConfig): Promise<string | null> {
  try {
    const isForeign = await lookAt(config, async (repository) => {
      if (repository.kept.record() === null || (await repository.publishedHere()) !== null) return false;
      return !mayHaveOthers(config) || !(await repository.isPublishedBy(othersOf(config)));
    });
    if (!isForeign) return null;
    return `${config.output} does not hold what was signed here last: relaymap-publish publish says how to go on`;
  } catch (error) {
    if (error instanceof PublishError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

/** The keys of other publishers. One that cannot be read counts as none. */
function othersOf({ keys }: PublisherConfig): TrustedKey[] {
  return keys.flatMap((key) => {
    if (key.public === undefined || (key.agent ?? key.command) !== undefined) return [];
    try {
      return [publicKeyIn(key.public)];
    } catch (error) {
      if (error instanceof PublishError) return [];
      throw error;
    }
  });
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
