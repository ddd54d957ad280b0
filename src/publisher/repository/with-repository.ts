/** Opens the published folder and its state for a change: nobody else may write them, and no other run is at it. */
import { hostname } from 'node:os';
import { HostError } from '../../errors.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { takeLock, type Lock } from '../../io/lock.ts';
import { log } from '../../io/log.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { mayHaveOthers } from './other-publisher.ts';
import { openStore } from './open-store.ts';
import { lockOutput } from './output-lock.ts';
import { Repository } from './repository.ts';
import type { Timing } from './s3/client.ts';
import { isS3 } from './s3/location.ts';
import { StateFolder } from './state-folder.ts';

/** Seconds. */
const LOCK_WAIT = 30;

type Place = Pick<PublisherConfig, 'output' | 'state_dir' | 's3'> &
  Partial<Pick<PublisherConfig, 'keys' | 'threshold'>>;

/** Whoever opens it closes its store. @throws HostError CONFIG */
export function repositoryOf({ output, state_dir: stateDir, s3 }: Place, timing?: Timing): Repository {
  const owner = `${hostname()} ${stateDir}`;
  return new Repository(openStore(output, s3, { env: process.env, owner, timing }), new StateFolder(stateDir));
}

/** For a look that changes nothing: takes no lock. @throws HostError CONFIG; what `work` throws */
export async function lookAt<T>(
  place: Place,
  work: (repository: Repository) => Promise<T>,
  timing?: Timing,
): Promise<T> {
  const repository = repositoryOf(place, timing);
  try {
    return await work(repository);
  } finally {
    await repository.store.close();
  }
}

/** The same for a publish that writes nothing. @throws HostError CONFIG also where others may write it */
export async function dryRun<T>(place: Place, work: (repository: Repository) => Promise<T>): Promise<T> {
  requireOwn(place);
  return await lookAt(place, work);
}

function requireOwn({ output, state_dir: stateDir }: Place): void {
  if (!isS3(output)) requireUnwritable('output', output);
  requireUnwritable('state_dir', stateDir);
}

/** @throws HostError CONFIG, BUSY; PublishError OUTPUT; what `work` throws */
export async function withRepository<T>(place: Place, work: (repository: Repository) => T | Promise<T>): Promise<T> {
  requireOwn(place);
  return await lookAt(place, async (repository) => {
    repository.kept.make();
    const lock = await locked(repository.kept.lockFile);
    try {
      // Publishers of one bucket share no lock: each write depends on what is there.
      const isFolder = mayHaveOthers(place) && !isS3(place.output);
      const shared = isFolder ? await lockOutput(place.output, LOCK_WAIT) : null;
      try {
        return await work(repository);
      } finally {
        shared?.release();
      }
    } finally {
      lock.release();
    }
  });
}

async function locked(file: string): Promise<Lock> {
  try {
    return await takeLock(file, LOCK_WAIT, (holder) =>
      log('info', `another publish is under way; waiting for it: ${holder}`),
    );
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${file}: ${whyUnwritten(error, file)}`, error);
  }
}
