/** Opens the published folder and its state for a change: nobody else may write them, and no other run is at it. */
import { HostError } from '../../errors.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { takeLock, type Lock } from '../../io/lock.ts';
import { log } from '../../io/log.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { Repository } from './repository.ts';

/** Seconds. */
const LOCK_WAIT = 30;

type Place = Pick<PublisherConfig, 'output' | 'state_dir'>;

/** For a look: takes no lock. @throws HostError CONFIG where others may write it */
export function openRepository({ output, state_dir: stateDir }: Place): Repository {
  requireUnwritable('output', output);
  requireUnwritable('state_dir', stateDir);
  return new Repository(output, stateDir);
}

/** @throws HostError CONFIG, BUSY; PublishError OUTPUT; what `work` throws */
export async function withRepository<T>(place: Place, work: (repository: Repository) => T | Promise<T>): Promise<T> {
  const repository = openRepository(place);
  repository.makeStateFolder();
  const lock = await locked(repository.lockFile);
  try {
    return await work(repository);
  } finally {
    lock.release();
  }
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
