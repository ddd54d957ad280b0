/** Opens the published folder and its state for a change: nobody else may write them, and no other run is at it. */
import { HostError } from '../../errors.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { takeLock, type Lock } from '../../io/lock.ts';
import { log } from '../../io/log.ts';
import { requireUnwritable } from '../../io/rights.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { FolderStore } from './folder-store.ts';
import { mayHaveOthers } from './other-publisher.ts';
import { lockOutput } from './output-lock.ts';
import { Repository } from './repository.ts';
import { StateFolder } from './state-folder.ts';

/** Seconds. */
const LOCK_WAIT = 30;

type Place = Pick<PublisherConfig, 'output' | 'state_dir'> & Partial<Pick<PublisherConfig, 'keys' | 'threshold'>>;

/** As it is: for a look that changes nothing. */
export const repositoryOf = ({ output, state_dir: stateDir }: Place): Repository =>
  new Repository(new FolderStore(output), new StateFolder(stateDir));

/** For a publish that writes nothing: takes no lock. @throws HostError CONFIG where others may write it */
export function openRepository(place: Place): Repository {
  requireUnwritable('output', place.output);
  requireUnwritable('state_dir', place.state_dir);
  return repositoryOf(place);
}

/** @throws HostError CONFIG, BUSY; PublishError OUTPUT; what `work` throws */
export async function withRepository<T>(place: Place, work: (repository: Repository) => T | Promise<T>): Promise<T> {
  const repository = openRepository(place);
  repository.kept.make();
  const lock = await locked(repository.kept.lockFile);
  try {
    const shared = mayHaveOthers(place) ? await lockOutput(place.output, LOCK_WAIT) : null;
    try {
      return await work(repository);
    } finally {
      shared?.release();
    }
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
