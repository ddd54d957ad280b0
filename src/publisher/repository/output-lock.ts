/**
 * The lock that publishers of one folder share (docs/commands.md section 3.1). It lies in the parent of `output`, which
 * holds published files and nothing else.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { HostError } from '../../errors.ts';
import { makeFolder } from '../../io/atomic-file.ts';
import { accountName } from '../../io/accounts.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { takeLock, type Lock } from '../../io/lock.ts';
import { log } from '../../io/log.ts';
import { PublishError } from '../errors.ts';

const FOLDER = 0o750;

/** @param wait seconds. @throws HostError BUSY; PublishError OUTPUT */
export async function lockOutput(output: string, wait: number): Promise<Lock> {
  const folder = path.dirname(path.resolve(output));
  const file = path.join(folder, `.${path.basename(output)}.lock`);
  try {
    makeFolder(folder, FOLDER);
    requireOneFileSystem(output, folder);
    return await takeLock(file, wait, (holder) =>
      log('info', `another publisher writes ${output}; waiting for it: ${holder}`),
    );
  } catch (error) {
    if (error instanceof HostError || error instanceof PublishError) throw error;
    const why = whyUnwritten(error, file);
    const line = `install -o ${accountName(process.geteuid?.() ?? 0)} -m 0600 /dev/null ${file}`;
    const goOn = `publishers of one folder share this lock. To make it once, as root: ${line}`;
    throw new PublishError('OUTPUT', `cannot write ${file}: ${why}; ${goOn}`, error);
  }
}

/** Where `output` is mounted by itself, its parent is this host's own, and so would be the lock. */
function requireOneFileSystem(output: string, folder: string): void {
  if (!existsSync(output) || statSync(output).dev === statSync(folder).dev) return;
  throw new PublishError(
    'OUTPUT',
    `${output} is a file system of its own, so publishers on other hosts do not share a lock in ${folder}; ` +
      'mount the folder above it, and let output be a folder in that',
  );
}
