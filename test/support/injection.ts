// strace's fault injection: which calls a command makes below some folders, and how to run it so that one of them
// fails, or is the last thing that its process is about to do.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Calls by what becomes of a file: strace's names on 64-bit Linux, and the older ones that other architectures
 * lack.
 */
const CHANGES = ['mkdir', 'rmdir', 'unlink', 'unlinkat', 'rename', 'link', 'symlink', 'write', 'pwrite64', 'ftruncate'];
const RIGHTS = ['fchmod', 'fchown', 'chmod', 'chown'];
const LOOKS = ['statx', 'newfstatat', 'access', 'readlink', 'read', 'pread64', 'getdents64'];
/** What a file command can do to a disk; `close` is left to Node where a descriptor is shared with a child. */
export const CALLS: readonly string[] = ['openat', 'fsync', 'fdatasync', 'close', ...CHANGES, ...RIGHTS, ...LOOKS];

/**
 * One call that a command made, and how strace finds it again: `when` counts a thread's calls of this name on this
 * path.
 */
export interface Call {
  readonly name: string;
  readonly path: string;
  readonly when: number;
  /** Whether it did what it was asked; a look for something that is not there did not. */
  readonly worked: boolean;
  /** For openat: whether it opened for writing, and whether it made the file. */
  readonly writes: boolean;
  readonly creates: boolean;
}

export type Fault = 'KILL' | 'ENOSPC' | 'EIO' | 'EACCES' | 'EROFS' | 'EINTR';

/**
 * Whether this call changes what a next run finds: a process killed before any other call leaves what the next
 * change finds.
 */
export const changes = (call: Call): boolean =>
  call.worked && (call.creates || CHANGES.includes(call.name) || RIGHTS.includes(call.name) || call.name === 'fsync');

/**
 * Only a file that was written to has something left to do when it is closed; where a read file's close fails Node
 * aborts.
 */
const written = (call: Call): boolean => call.path.endsWith('.new');

const CAN: Record<Exclude<Fault, 'KILL'>, (call: Call) => boolean> = {
  ENOSPC: (c) => c.worked && (c.creates || /^(mkdir|write|pwrite64|fsync|rename|link|symlink)$/.test(c.name)),
  EIO: (c) => !/^(access|readlink)$/.test(c.name) && (c.name !== 'close' || written(c)),
  EACCES: (c) => /^(openat|mkdir|rmdir|unlink|unlinkat|rename|statx|access)$/.test(c.name),
  EROFS: (c) => c.worked && (c.writes || RIGHTS.includes(c.name) || /^(mkdir|rmdir|unlink|rename)$/.test(c.name)),
  EINTR: (c) => /^(openat|read|pread64|write|pwrite64|fsync)$/.test(c.name) || (c.name === 'close' && written(c)),
};

/** Whether the kernel can answer this call so. */
export const canFail = (call: Call, fault: Fault): boolean => fault === 'KILL' || CAN[fault](call);

/** The command that runs a command and writes to `log` every call that it makes on a file. */
export const recording = (log: string): readonly string[] => [
  ...'strace -f -qq -y -s 0 -e signal=none'.split(' '),
  '-o',
  log,
  '-e',
  `trace=${CALLS.join(',')},execve`,
];

/**
 * The command that runs a command and has one call fail, or its process killed before it; `log` tells whether it
 * came to that. Without a path the calls of that name are counted whatever they are made on.
 */
export function injecting(
  call: Pick<Call, 'name' | 'when'> & { readonly path?: string },
  fault: Fault,
  log: string,
): readonly string[] {
  // With seccomp strace stops at fewer calls, but then no signal is delivered.
  const how = fault === 'KILL' ? [] : ['--seccomp-bpf'];
  const what = fault === 'KILL' ? 'signal=KILL' : `error=${fault}`;
  const on = call.path === undefined ? [] : ['-P', call.path];
  const inject = [...on, '-e', `trace=${call.name}`, '-e', `inject=${call.name}:${what}:when=${call.when}`];
  return ['strace', '-f', '-qq', ...how, '-o', log, ...inject];
}

/** Whether the log of an injecting run says that it came to the fault. */
export const injected = (log: string): boolean => /\(INJECTED\)|killed by SIGKILL/.test(readFileSync(log, 'utf8'));

/** libuv reads streams in a pool of threads: with one, a thread's calls have one order. */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: '1' } as const;

/**
 * The calls that the recorded command itself, not a child of it, made at or below these folders, in their order.
 * strace counts in each process anew: a call that a child makes before, by the same name on the same file for as
 * many times, is not told, it would be the one to fail.
 */
export function recorded(log: string, folders: readonly string[]): Call[] {
  const below = (file: string) => folders.some((folder) => file === folder || file.startsWith(`${folder}/`));
  const lines = readFileSync(log, 'utf8').split('\n');
  const children = new Set(lines.slice(1).flatMap((line) => /^(\d+) +execve\(/.exec(line)?.[1] ?? []));
  const counts = new Map<string, number>();
  const before = new Set<string>();
  return lines.flatMap((line) => {
    const [, thread, name, rest] = /^(\d+) +([a-z0-9_]+)\((.*)$/.exec(line) ?? [];
    if (thread === undefined || name === undefined || rest === undefined) return [];
    const file = /^\d+<(\/[^>]*)>/.exec(rest)?.[1] ?? /"([^"]*)"/.exec(rest)?.[1];
    if (file === undefined || !path.isAbsolute(file) || !below(file) || !CALLS.includes(name)) return [];
    const key = `${thread} ${name} ${file}`;
    const when = (counts.get(key) ?? 0) + 1;
    counts.set(key, when);
    if (children.has(thread)) before.add(`${name} ${when} ${file}`);
    if (children.has(thread) || before.has(`${name} ${when} ${file}`)) return [];
    const worked = !/ = -1 E/.test(rest);
    const writes = name === 'openat' && /O_RDWR|O_WRONLY/.test(rest);
    return [{ name, path: file, when, worked, writes, creates: writes && rest.includes('O_CREAT') }];
  });
}
