/**
 * One run at a time: flock(2) on a descriptor that this process keeps. The kernel gives the lock back when the process ends,
 * however it ends. Node cannot call flock itself, so flock(1) takes the lock on the descriptor it inherits.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { HostError } from '../errors.ts';

const TAKEN = 75;

export interface Lock {
  release(): void;
}

/**
 * @param wait seconds to wait for another run; `onWait` is called once if there is something to wait for.
 * @param signal ends the waiting, as if its time were over.
 * @throws HostError BUSY when the other run still holds it then; INTERNAL when flock(1) is missing.
 */
export async function takeLock(file: string, wait: number, onWait?: () => void, signal?: AbortSignal): Promise<Lock> {
  const fd = openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
  try {
    const first = spawnSync('flock', ['-x', '-n', '-E', String(TAKEN), '3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
    let status = first.error ? fail(first.error) : first.status;
    if (status === TAKEN && wait > 0) {
      onWait?.();
      status = await waiting(fd, wait, signal);
    }
    if (status === TAKEN) throw new HostError('BUSY', `another run holds ${file} (waited ${wait} s)`);
    if (status !== 0) throw new HostError('INTERNAL', `flock ended with status ${status} on ${file}`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { release: () => closeSync(fd) };
}

function waiting(fd: number, seconds: number, signal: AbortSignal | undefined): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-x', '-w', String(seconds), '-E', String(TAKEN), '3'], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
    const end = () => child.kill();
    signal?.addEventListener('abort', end);
    child.on('error', reject);
    child.on('close', (status) => {
      signal?.removeEventListener('abort', end);
      resolve(signal?.aborted === true && status !== 0 ? TAKEN : status);
    });
  });
}

function fail(error: Error): never {
  throw new HostError('INTERNAL', 'flock(1) of util-linux cannot be run; it guards against two runs at once', error);
}
