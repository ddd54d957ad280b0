/** The same command line, or another one, as another user. Apart, since the health check loads no more than it needs. */
import { spawnSync } from 'node:child_process';
import { HostError } from '../errors.ts';

/**
 * @returns the exit status of that run; standard input, output and error are shared with it.
 * @throws HostError CONFIG
 */
export function startAgain(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  line: readonly string[] = process.argv.slice(2),
): number {
  const command = [process.execPath, ...process.execArgv, process.argv[1] ?? '', ...line];
  const user = ['--reuid', String(uid), '--regid', String(gid), '--init-groups'];
  const { status, error } = spawnSync('setpriv', [...user, '--', ...command], { stdio: 'inherit' });
  if (error !== undefined) throw new HostError('CONFIG', `cannot become user ${uid}: ${error.message}`, error);
  return status ?? 2;
}
