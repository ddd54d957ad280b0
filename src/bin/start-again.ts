/**
 * Runs this command line, or another one, as another user. A file of its own, so that the health check need not
 * load it.
 */
import { spawnSync } from 'node:child_process';
import { HostError } from '../errors.ts';

/**
 * @returns the exit status of that run, which shares standard input, output and error.
 * @throws HostError CONFIG
 */
export function startAgain(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  line: readonly string[] = process.argv.slice(2),
): number {
  const command = [process.execPath, ...process.execArgv, process.argv[1] ?? '', ...line];
  const user = ['--reuid', String(uid), '--regid', String(gid), '--init-groups'];
  const { status, error } = spawnSync('setpriv', [...user, '--', ...command], { stdio: 'inherit' });
  if (error !== undefined)
    throw new HostError(
      'CONFIG',
      `cannot become user ${uid}, the owner of the records: ${error.message}. Type it as that user`,
      error,
    );
  return status ?? 2;
}

/**
 * Replaces a small file as another user. In a folder of that user root must not write itself: the file may be a
 * link.
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
