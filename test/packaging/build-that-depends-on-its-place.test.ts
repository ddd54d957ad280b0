// What a package is made of comes from the repository and the lock file alone: `npm ci` without any script, in a
// folder of another name, with files of another age and under another umask and zone, gives the same bytes.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, lutimesSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { sha256 } from '../support/forger.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of all that git keeps or would keep, each file `age` seconds old. */
function copied(to: string, age: number): void {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const names = execFileSync('git', ['-C', root, ...list], { encoding: 'utf8' })
    .split('\0')
    .filter(Boolean);
  const time = Date.now() / 1000 - age;
  for (const name of names) {
    if (!existsSync(path.join(root, name))) continue; // deleted, not yet committed
    mkdirSync(path.dirname(path.join(to, name)), { recursive: true });
    cpSync(path.join(root, name), path.join(to, name));
    lutimesSync(path.join(to, name), time, time);
  }
}

const sums = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [path.relative(folder, file), sha256(readFileSync(file))]),
  );

test('npm ci --ignore-scripts, then the same programs and packages, wherever and whenever it is done', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap builds-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [one, other] = [path.join(dir, 'one'), path.join(dir, 'an other', 'place')];
  copied(one, 10);
  copied(other, 40_000_000);
  await run('npm', ['ci', '--ignore-scripts', '--prefer-offline'], { cwd: one });
  execFileSync('cp', ['-al', path.join(one, 'node_modules'), path.join(other, 'node_modules')]);
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1790000000' };
  const line = 'npm run --silent build && node packaging/package.mjs --version 1.2.3 --out out';
  await run('sh', ['-c', line], { cwd: one, env });
  await run('sh', ['-c', `umask 077; ${line}`], { cwd: other, env: { ...env, TZ: 'Asia/Tokyo', LC_ALL: 'C' } });
  expect(sums(path.join(other, 'dist'))).toEqual(sums(path.join(one, 'dist')));
  const packages = Object.entries(sums(path.join(one, 'out'))).filter(([name]) => name.endsWith('.deb'));
  expect(packages).toHaveLength(2);
  expect(Object.entries(sums(path.join(other, 'out'))).filter(([name]) => name.endsWith('.deb'))).toEqual(packages);
}, 400_000);
