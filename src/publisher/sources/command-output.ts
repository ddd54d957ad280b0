/**
 * Runs a program and reads its output as a source: no shell, no input, a small fixed environment, and an exit
 * status that counts. timeout(1) runs the program and ends everything that it started.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { log } from '../../io/log.ts';
import { PublishError } from '../errors.ts';

export interface Run {
  /** The name that messages use. */
  readonly name: string;
  readonly argv: readonly string[];
  /** Milliseconds from start to end. */
  readonly timeout: number;
  /** Added to the few variables that every program gets. */
  readonly env?: Readonly<Record<string, string>>;
}

/** More than this is no list. */
const MAX_BYTES = 2 ** 31;
/** The most lines of stderr that are logged. */
const MAX_LOGGED = 50;
const GRACE = '5';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The program's stdout; its stderr goes to the log. Ends only when the program has ended with status 0.
 * @throws PublishError SOURCE if it cannot start, fails or takes too long, even if all its output came.
 */
export async function* outputOf(run: Run): AsyncGenerator<Uint8Array> {
  const failed = (why: string) => new PublishError('SOURCE', `${run.name} ${why}`);
  const child = spawn('timeout', ['-k', GRACE, '0', ...run.argv], {
    cwd: '/',
    env: { PATH, LC_ALL: 'C.UTF-8', ...kept('HOME', 'TZ'), ...run.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = endOf(child);
  logged(child, run.name);
  let late: PublishError | undefined;
  const timer = setTimeout(() => {
    late = failed(`did not end within ${run.timeout / 1000} s; its output is not used`);
    stop(child, late);
  }, run.timeout);
  try {
    let size = 0;
    for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw failed(`gave more than ${MAX_BYTES} bytes`);
      yield chunk;
    }
    const { status, signal, error } = await end;
    if (late !== undefined) throw late;
    if (error !== null) throw failed(`cannot be run: ${error.message}`);
    if (status !== 0) throw failed(`${ended(status, signal)}; its output is not used`);
  } finally {
    clearTimeout(timer);
    stop(child);
  }
}

interface End {
  readonly status: number | null;
  readonly signal: string | null;
  readonly error: Error | null;
}

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: null, signal: null, error }));
    child.on('exit', (status, signal) => resolve({ status, signal, error: null }));
  });
}

/**
 * timeout(1) passes on a status, turns a signal into 128 plus its number, and reports a program that it could not
 * start as 126 or 127.
 */
function ended(status: number | null, signal: string | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  if (status === 127) return 'ended with status 127: no such program?';
  if (status === 126) return 'ended with status 126: no program that may be run?';
  if (status !== null && status > 128) return `ended with status ${status} (signal ${status - 128}?)`;
  return `ended with status ${status}`;
}

/** Ends the program and everything it started, and stops reading: a grandchild may hold the pipe open. */
function stop(child: ChildProcess, why?: Error): void {
  if (child.exitCode === null && child.signalCode === null) child.kill();
  child.stdout?.destroy(why);
  child.stderr?.destroy();
}

function logged(child: ChildProcess, name: string): void {
  let [rest, lines] = ['', 0];
  const say = (line: string) => {
    if (line.trim() === '' || ++lines > MAX_LOGGED) return;
    log('warning', lines === MAX_LOGGED ? `${name}: ... (and more)` : `${name}: ${line.slice(0, 500)}`);
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const found = (rest + text).split('\n');
    rest = (found.pop() ?? '').slice(0, 2000);
    for (const line of found) say(line);
  });
  child.stderr?.on('close', () => say(rest));
}

function kept(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
