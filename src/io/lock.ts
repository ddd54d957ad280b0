/**
 * Allows one run at a time, by flock(2) on an open descriptor. The kernel releases the lock when the process ends,
 * however it ends. Node cannot call flock, so flock(1) takes the lock on a descriptor that it inherits.
 * A command starts flock(1) once per lock and closes the descriptor to release it. The daemon takes the lock every
 * minute, so it keeps one shell that starts flock(1): forking Node itself costs four times as much.
 * The file holds the process number of the holder and is empty while nobody holds the lock; lock-held.ts reads it.
 */
import { spawn, spawnSync, type ChildProcessByStdio, type SpawnOptionsWithStdioTuple } from 'node:child_process';
import { closeSync, constants, fstatSync, ftruncateSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { HostError } from '../errors.ts';

const TAKEN = 75;

/** See `takeLock`. */
export type TakeLock = (file: string, wait: number, onWait?: OnWait, signal?: AbortSignal) => Promise<Lock>;

/** Gets a description of the holder. */
export type OnWait = (holder: string) => void;

export interface Lock {
  release(): void;
}

/**
 * @param wait seconds to wait for another run. `onWait` is called once if it has to wait.
 * @param signal stops waiting, as if the time were up.
 * @throws HostError BUSY if the other run still holds the lock then; INTERNAL if flock(1) is missing.
 */
export async function takeLock(file: string, wait: number, onWait?: OnWait, signal?: AbortSignal): Promise<Lock> {
  const fd = openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
  try {
    const once = () =>
      spawnSync('flock', ['-x', '-n', '-E', String(TAKEN), '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    let first = once();
    while (isForUs(first.signal)) first = once();
    let status = first.error ? fail(first.error) : first.status;
    if (status === TAKEN && wait > 0) {
      onWait?.(holder(fd).words);
      status = await waiting(fd, wait, signal);
    }
    if (status === TAKEN) throw busy(file, fd, wait);
    if (status !== 0) throw new HostError('INTERNAL', `flock ended with status ${status} on ${file}`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  signHolder(fd);
  return {
    release: () => {
      unsign(fd);
      closeSync(fd);
    },
  };
}

/** Signals that only the daemon handles. Service managers send them to every process of a unit. */
const FOR_US = ['USR1', 'USR2', 'HUP'];
const isForUs = (signal: string | null): boolean => FOR_US.some((name) => signal === `SIG${name}`);
/** Runs the command with these signals ignored. Children of a shell ignore what the shell ignores. */
const DEAF = `trap '' ${FOR_US.join(' ')}; exec "$@"`;

/** Clears the file: nobody holds the lock now. */
function unsign(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } catch {
    // The lock is released anyway.
  }
}

/** Writes the holder's process number, for the messages of those who wait. The file's mtime says since when. */
function signHolder(fd: number): void {
  try {
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // The disk may be full. We hold the lock anyway; others just cannot say who holds it.
  }
}

/** Reads what `signHolder` wrote. If it is damaged, only the message says less. */
function holder(fd: number): { readonly words: string; readonly pid: string | null } {
  const bytes = Buffer.alloc(16);
  const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
  const pid = /^([1-9][0-9]{0,9})\n$/.exec(text)?.[1] ?? null;
  if (pid === null) return { words: 'a process that did not write down its number', pid };
  return { words: `process ${pid}, since ${fstatSync(fd).mtime.toISOString().slice(0, 19)}Z`, pid };
}

function busy(file: string, fd: number, waited: number): HostError {
  const { words, pid } = holder(fd);
  const look = pid === null ? `fuser -v ${file}` : `ps -fp ${pid}`;
  return new HostError('BUSY', `another run holds ${file}: ${words} (waited ${waited} s); see what it does: ${look}`);
}

async function waiting(fd: number, seconds: number, signal: AbortSignal | undefined): Promise<number | null> {
  const end = await flockFor(fd, seconds, signal);
  // The shell is not deaf from its first moment on; what hits it does so at once, so that no time is lost.
  return isForUs(end.signal) ? await waiting(fd, seconds, signal) : end.status;
}

interface FlockEnd {
  readonly status: number | null;
  readonly signal: string | null;
}

/** The caller no longer waits. */
const ENDED: FlockEnd = { status: TAKEN, signal: null };

function flockFor(fd: number, seconds: number, signal: AbortSignal | undefined): Promise<FlockEnd> {
  return new Promise((resolve, reject) => {
    const flock = ['flock', '-x', '-w', String(seconds), '-E', String(TAKEN), '3'];
    const child = spawn('sh', ['-c', DEAF, 'sh', ...flock], {
      stdio: ['ignore', 'ignore', 'ignore', fd],
    });
    const end = () => void child.kill();
    signal?.addEventListener('abort', end);
    child.on('error', reject);
    child.on('close', (status, killedBy) => {
      signal?.removeEventListener('abort', end);
      resolve(signal?.aborted === true && status !== 0 ? ENDED : { status, signal: killedBy });
    });
  });
}

function fail(error: Error): never {
  throw new HostError('INTERNAL', 'flock(1) of util-linux cannot be run; it guards against two runs at once', error);
}

/** Milliseconds between two attempts while another run holds the lock. */
const AGAIN = 200;

/**
 * For each line it reads, runs flock(1) with these words on the inherited descriptor and prints the exit status.
 * Ends when its input ends. It ignores signals: systemd and terminals send them to all processes at once.
 */
const KEEPER = "trap '' TERM INT HUP USR1 USR2; while read -r words; do flock $words 3; echo $?; done";

/**
 * The same lock, for a process that takes it repeatedly. The shell shares our open file. If the shell is killed, we
 * keep the lock. If we are killed, the shell ends and the lock is released.
 */
export class StandingLock {
  #fd = -1;
  #keeper: Keeper | null = null;

  /** Like the function `takeLock`, with the same errors. */
  async take(file: string, wait: number, onWait?: OnWait, signal?: AbortSignal): Promise<Lock> {
    let keeper = this.#open(file);
    let status = await keeper.flock(`-x -n -E ${TAKEN}`);
    while (status === null && keeper.wasForUs) {
      keeper = this.#open(file);
      status = await keeper.flock(`-x -n -E ${TAKEN}`);
    }
    if (status === TAKEN && wait > 0) onWait?.(holder(this.#fd).words);
    const ends = () => signal?.aborted === true;
    for (let left = (wait * 1000) / AGAIN; status === TAKEN && left > 0 && !ends(); left--) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      status = await keeper.flock(`-x -n -E ${TAKEN}`);
    }
    if (status === TAKEN) throw busy(file, this.#fd, wait);
    if (status !== 0) {
      this.close();
      throw new HostError('INTERNAL', `flock(1) by sh(1) ended with ${status ?? 'no status'} on ${file}`);
    }
    signHolder(this.#fd);
    return { release: () => void this.#release(keeper) };
  }

  /** Releases everything. The next `take` starts over. */
  close(): void {
    this.#keeper?.end();
    this.#keeper = null;
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }

  /** Opens the file again if its name now leads to another file: a lock on the old one would guard nothing. */
  #open(file: string): Keeper {
    const named = lstatSync(file, { throwIfNoEntry: false });
    const ours = this.#fd < 0 ? undefined : fstatSync(this.#fd);
    const same = named !== undefined && named.ino === ours?.ino && named.dev === ours.dev;
    if (this.#keeper?.alive === true && same) return this.#keeper;
    this.close();
    this.#fd = openSync(file, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600);
    this.#keeper = new Keeper(this.#fd);
    return this.#keeper;
  }

  async #release(keeper: Keeper): Promise<void> {
    if (this.#fd >= 0) unsign(this.#fd);
    if ((await keeper.flock('-u')) !== 0 && this.#keeper === keeper) this.close();
  }
}

/** The shell, with the open file as its descriptor 3. */
class Keeper {
  /** Has no pipes if the shell could not be started for lack of descriptors. */
  readonly #child: Omit<ChildProcessByStdio<Writable, Readable, null>, 'stdin' | 'stdout'> & {
    readonly stdin: Writable | undefined;
    readonly stdout: Readable | undefined;
  };
  readonly #answers: ((status: number | null) => void)[] = [];
  alive = true;
  /** Whether a signal for us ended it, which it ignores as soon as it runs. */
  wasForUs = false;

  constructor(fd: number) {
    const pipes = { stdio: ['pipe', 'pipe', 'ignore', fd] } as const;
    this.#child = spawn('sh', ['-c', KEEPER], pipes as unknown as SpawnOptionsWithStdioTuple<'pipe', 'pipe', 'ignore'>);
    const gone = (_: unknown, signal?: NodeJS.Signals | null) => {
      this.alive = false;
      this.wasForUs = isForUs(signal ?? null);
      for (const answer of this.#answers.splice(0)) answer(null);
    };
    this.#child.on('error', gone);
    this.#child.on('close', gone);
    const { stdin, stdout } = this.#child;
    if (stdin === undefined || stdout === undefined) {
      this.alive = false;
      return;
    }
    stdin.on('error', () => undefined); // `close` reports the end
    stdout.setEncoding('latin1').on('data', (lines: string) => {
      for (const line of lines.trim().split('\n')) this.#answers.shift()?.(Number(line));
    });
  }

  /** The exit status of flock(1); null if the shell is gone. */
  flock(words: string): Promise<number | null> {
    if (!this.alive) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.#child.stdin?.write(`${words}\n`);
    });
  }

  end(): void {
    this.#child.stdin?.end();
  }
}
