// A clone where most people do not put one: below a folder that only root may enter, in a path with a space, and of a
// plain user. In each the set-up, the build and those tests run that look at paths and at users; `npm test` runs all of
// them in its own place.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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

/** A clone with what is not committed yet, and the installed packages. */
function clone(...names: string[]): string {
  const target = path.join(folder, ...names);
  const git = (...args: string[]) => execFileSync('git', ['-c', 'safe.directory=*', ...args], { encoding: 'utf8' });
  git('clone', '--quiet', '--no-hardlinks', root, target);
  const listed = git('-C', root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  const here = listed.split('\0').filter((name) => name !== '' && existsSync(path.join(root, name)));
  for (const name of here) cpSync(path.join(root, name), path.join(target, name));
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

/** Tests whose commands run as others, or are asked by Postfix' own users. */
const AS_OTHERS = [
  'map_dir belongs to someone else',
  'started as root, everything becomes',
  'changes Postfix after a good list',
  'below state_dir belongs to its owner',
  'what cannot be written the',
  'rights no more',
  'can be written by everybody',
  'what only looks still looks',
];

test('below a folder that only root may enter', async () => {
  mkdirSync(path.join(folder, 'root'), { mode: 0o700 });
  const said = await types(clone('root', 'relaymap'), [
    'bash test/setup',
    'npm run --silent build',
    vitest(
      'real',
      `-t '${AS_OTHERS.join('|')}'`,
      'test/attacks/a-disk-that-refuses',
      'test/commands/init.test',
      'test/commands/publish-refused',
      'test/commands/run-changes-apart',
      'test/commands/rights-too-wide',
    ),
  ]);
  expect(said).toMatch(/Test Files {2}5 passed \(5\)/);
  expect(Number(/Tests {2}(\d+) passed/.exec(said)?.[1])).toBeGreaterThanOrEqual(AS_OTHERS.length);
});

test('in a path with a space', async () => {
  const said = await types(clone('a place', 'relay map'), [
    'npm run --silent build',
    vitest('real', 'test/packaging/build-that', 'test/packaging/package-that', 'test/commands/import'),
    vitest('unit', 'test/io', 'test/house'),
  ]);
  expect(said.match(/Test Files {2}\d+ passed/g)).toHaveLength(2);
});

test('of a plain user', async () => {
  const where = clone('home', 'relaymap');
  execFileSync('chown', ['-R', `${NOBODY}:${NOBODY}`, path.dirname(where)]);
  const lines = ['bash test/setup', 'npm run --silent demo', vitest('unit', 'test/house', 'test/map')];
  const said = await types(where, [...lines, vitest('real', 'test/commands/help')], true);
  expect(said.match(/Test Files {2}\d+ passed/g)).toHaveLength(2);
});
