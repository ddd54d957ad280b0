/**
 * Starts the child that does a cycle in which something changes. Its memory is given back when it ends, and what
 * ends it does not end the daemon. The child takes its own lock. If the daemon dies, the child still holds it and
 * finishes safely.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Answers } from '../fetch/poll-answers.ts';
import type { GatewayConfig } from '../config.ts';
import type { BundleAccess } from '../keys/credentials.ts';
import type { Outcome } from '../outcome.ts';
import type { SessionContext } from '../cycle/session-context.ts';
import type { TrustedBundle } from '../keys/trusted-keys.ts';

/** All that the child needs: it may be unable to read keys and credentials. Structured clone carries it. */
export interface Task {
  /** Of relaymap. A child from the files of an upgrade does not work for a daemon that was started before it. */
  readonly version: string;
  readonly config: GatewayConfig;
  readonly bundles: readonly TrustedBundle[];
  /** By bundle. */
  readonly access: ReadonlyMap<string, BundleAccess>;
  /** By bundle that is asked in this cycle: what is known of its origins. */
  readonly asked: ReadonlyMap<string, Answers>;
  readonly hashed: boolean;
  readonly now: Date;
}

/** What the child says. The outcome comes last; it is null if a signal ended the child between two steps. */
export type Word =
  | { readonly is: 'begun' }
  | { readonly is: 'log'; readonly level: 'warning' | 'notice'; readonly message: string }
  | { readonly is: 'outcome'; readonly outcome: Outcome | null };

export type Ended =
  | { readonly is: 'done'; readonly outcome: Outcome | null }
  /** It did not begin. */
  | { readonly is: 'not started'; readonly why: string }
  /** In words. */
  | { readonly is: 'killed'; readonly by: string };

/** How much of the child's stderr is looked at, in characters. */
const MOST = 8192;

/** @param signal ends the child by SIGTERM: it completes an installation and begins nothing else. */
export function cycleProcess(
  program: string,
  task: Task,
  log: SessionContext['log'],
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = fork(program, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    // Where Node says why the child ended, one line of that is told, and no stack.
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MOST)));
    let begun = false;
    let outcome: Outcome | null | undefined;
    const end = () => void child.kill('SIGTERM');
    signal.addEventListener('abort', end);
    child.on('message', (word: Word) => {
      if (word.is === 'begun') begun = true;
      else if (word.is === 'log') log(word.level, word.message);
      else outcome = word.outcome;
    });
    const over = (ended: Ended) => {
      signal.removeEventListener('abort', end);
      resolve(ended);
    };
    child.on('error', (error) => {
      if (child.pid === undefined) over({ is: 'not started', why: error.message });
    });
    child.on('close', (status, by) =>
      over(ended(begun, outcome, `${by ?? `exit status ${status ?? 'unknown'}`}${lastWords(said)}`)),
    );
    give(child, task);
    if (signal.aborted) end();
  });
}

function ended(begun: boolean, outcome: Outcome | null | undefined, how: string): Ended {
  if (outcome !== undefined) return { is: 'done', outcome };
  return begun ? { is: 'killed', by: how } : { is: 'not started', why: how };
}

function lastWords(said: string): string {
  const line = /^(?:FATAL ERROR|[A-Za-z]*Error\b).*$/m.exec(said)?.[0];
  return line === undefined ? '' : ` (${line.slice(0, 200)})`;
}

/** If the child is gone by then, its `close` event tells. */
function give(child: ChildProcess, task: Task): void {
  if (child.pid !== undefined) child.send(task, () => undefined);
}
