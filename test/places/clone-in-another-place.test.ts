// A clone where most people do not put one: below a folder that only root may enter, in a path with a space, and of a
// plain user. In each the set-up, the build and those tests run that look at paths and at users; `npm test` runs all of
// them in its own place.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../support/finished.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const NOBODY = 65_534;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-places-'));
  chmodSync(folder, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What git knows of, as it is here, and the installed packages. */
function clone(...names: string[]): string {
  const target = path.join(folder, ...names);
  mkdirSync(target, { recursive: true });
  const git = [
    '-C',
    root,
    '-c',
    `safe.directory=${root}`,
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
  ];
  const files = execFileSync('git', git, { encoding: 'utf8' }).split('\0').filter(Boolean);
  execFileSync('tar', ['-C', root, '--ignore-failed-read', '-cf', path.join(folder, 'clone.tar'), ...files]);
  execFileSync('tar', ['-C', target, '-xf', path.join(folder, 'clone.tar')]);
  cpSync(path.join(root, 'node_modules'), path.join(target, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  return target;
}

/** Lines that a user types in the clone; each has to end well. */
async function types(where: string, lines: readonly string[], asNobody = false): Promise<string> {
  const user = asNobody ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] : [];
  const home = path.dirname(where);
  // Nothing of this process's own surroundings, which are vitest's.
  const surroundings = ['env', '-i', '-C', where, `PATH=${process.env['PATH']}`, `HOME=${home}`, 'NO_COLOR=1'];
  const { status, stdout, stderr } = await run([...surroundings, ...user, 'sh', '-ec', lines.join('\n')]);
  expect(status, `${stdout.slice(-6000)}\n${stderr.slice(-2000)}`).toBe(0);
  return stdout;
}

const vitest = (project: string, ...files: string[]) =>
  `npx vitest run --config test/vitest.config.ts --project ${project} ${files.join(' ')}`;

test('below a folder that only root may enter', async () => {
  const home = path.join(folder, 'root');
  mkdirSync(home, { mode: 0o700 });
  const files = [
    'attacks/a-disk-that-refuses',
    'commands/init',
    'commands/publish-refused',
    'commands/run-changes-apart',
  ];
  const more = ['commands/rights-too-wide', 'commands/check-of-the-host'];
  const said = await types(clone('root', 'relaymap'), [
    'bash test/setup',
    'npm run --silent build',
    vitest('real', ...[...files, ...more].map((name) => `test/${name}`)),
  ]);
  expect(said).toMatch(/Test Files {2}6 passed \(6\)/);
});

test('in a path with a space', async () => {
  const said = await types(clone('a place', 'relay map'), [
    'npm run --silent build',
    vitest(
      'real',
      'test/packaging/build-that',
      'test/packaging/package-that',
      'test/commands/help',
      'test/commands/import',
    ),
    vitest('unit', 'test/io', 'test/house'),
  ]);
  expect(said.match(/Test Files {2}\d+ passed/g)).toHaveLength(2);
});

test('of a plain user', async () => {
  const where = clone('home', 'relaymap');
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path.dirname(where)]);
  const lines = ['bash test/setup', 'npm run --silent demo', vitest('unit', 'test/io', 'test/house', 'test/gateway')];
  const said = await types(where, lines, true);
  expect(said).toMatch(/Test Files {2}\d+ passed/);
});
