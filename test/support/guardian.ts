// A shell in its own session that outlives us: when the pipe from this process closes, be it by dismiss() or by our
// death, it ends what it guards and removes the folder.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const REMOVE = `for i in $(seq 150); do rm -rf -- "$dir" && exit 0; sleep 0.2; done
  exit 1`;

/**
 * @param script shell; its first argument is in `$dir`, the others are `$@`; `cat` waits for the end. The folder is
 * removed behind it.
 */
export function guard(script: string, dir: string, args: readonly string[] = []): ChildProcess {
  const guardian = spawn('sh', ['-c', `dir=$1; shift\n${script}\n${REMOVE}`, 'guardian', dir, ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: serverEnv(),
  });
  guardian.unref();
  return guardian;
}

/** Runs a server in the foreground, its output in `log` in the folder, and ends it with a signal. */
export function guardServer(dir: string, signal: 'INT' | 'TERM', argv: readonly string[]): ChildProcess {
  const script = `signal=$1; shift
    "$@" </dev/null >"$dir/log" 2>&1 &
    cat
    kill -"$signal" $!
    wait $!`;
  return guard(script, dir, [signal, ...argv]);
}

/** @param what for the error when it was not stopped cleanly. */
export async function dismiss(guardian: ChildProcess, what: string): Promise<void> {
  if (guardian.exitCode !== null) return;
  guardian.ref();
  guardian.stdin?.end();
  const [status] = (await once(guardian, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`${what} was not stopped cleanly: status ${status}`);
}

/** Servers' commands live in sbin, which is not on every PATH; a MAIL_CONFIG from outside must not leak in. */
export function serverEnv(): NodeJS.ProcessEnv {
  return { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin`, LC_ALL: 'C.UTF-8' };
}
