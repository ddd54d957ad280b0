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

/**
 * Writes a small file as another user, in place of the one that is there. Root must not do that in a folder of that user's, where a link
 * may stand for the file.
 * @throws HostError CONFIG
 */
export function writeAs(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  file: string,
  text: string,
): void {
  const user = ['--reuid', String(uid), '--regid', String(gid), '--init-groups'];
  const script = 'umask 022; rm -f "$1.new" && cat >"$1.new" && mv -f "$1.new" "$1"';
  const { status, error } = spawnSync('setpriv', [...user, '--', 'sh', '-c', script, 'sh', file], { input: text });
  if (status !== 0)
    throw new HostError('CONFIG', `cannot write ${file} as user ${uid}: ${error?.message ?? 'refused'}`);
}
