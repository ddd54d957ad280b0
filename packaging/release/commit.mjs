// What a release is built from: the commit, whether the work tree is that commit, and its time.
import { spawnSync } from 'node:child_process';
import { root } from '../deb/bundled.mjs';

function git(...args) {
  const { status, stdout } = spawnSync('git', ['-C', root, '-c', `safe.directory=${root}`, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Seconds since 1970: SOURCE_DATE_EPOCH, else the commit's. */
export const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct'));
if (!Number.isSafeInteger(seconds) || seconds <= 0) {
  console.error('here is no git history to take the time from: set SOURCE_DATE_EPOCH to seconds since 1970');
  process.exit(2);
}

/** The commit, and the files that differ from it; null where there is no history. */
export function commit() {
  const id = git('rev-parse', 'HEAD');
  if (id === undefined) return null;
  const changed = (git('status', '--porcelain') ?? '').split('\n').filter((line) => line !== '');
  return { id, tree: git('rev-parse', 'HEAD^{tree}'), changed: changed.map((line) => line.slice(3)) };
}
