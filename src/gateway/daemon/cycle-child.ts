/**
 * A cycle that changes something, in a process of its own: its memory is given back, and what ends it does not end the daemon. That process
 * takes the lock itself, so that it is never without, whatever becomes of us. Starts it, and nothing else.
 */
import { fork, type ChildProcess } from 'node:child_process';
import type { Answers } from '../fetch/poll-answers.ts';
import type { GatewayConfig } from '../config.ts';
import type { BundleAccess } from '../keys/credentials.ts';
import type { Outcome } from '../outcome.ts';
import type { SessionContext } from '../cycle/session-context.ts';
import type { TrustedBundle } from '../keys/trusted-keys.ts';

/** All that a process needs that may read neither keys nor credentials. Structured clone carries it. */
export interface Task {
  /** Of relaymap: files that an upgrade has put in place meanwhile do not work for a daemon of before. */
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

/** What it says; the outcome is its last word, null if it was ended between two steps. */
export type Word =
  | { readonly is: 'begun' }
  | { readonly is: 'log'; readonly level: 'warning' | 'notice'; readonly message: string }
  | { readonly is: 'outcome'; readonly outcome: Outcome | null };

export type Ended =
  | { readonly is: 'done'; readonly outcome: Outcome | null }
  /** It came to nothing before it began. */
  | { readonly is: 'not started'; readonly why: string }
  /** In words. */
  | { readonly is: 'killed'; readonly by: string };

/** Characters of stderr that are looked at. */
const MOST = 8192;

/** @param signal ends it as SIGTERM does us: an installation is completed, nothing else is begun. */
export function cycleProcess(
  program: string,
  task: Task,
  log: SessionContext['log'],
  signal: AbortSignal,
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = fork(program, [], { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    // What Node itself has to say of its end: one line of it is told, the stack is not.
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

/** One that is gone by then is told by its end. */
function give(child: ChildProcess, task: Task): void {
  if (child.pid !== undefined) child.send(task, () => undefined);
}
