// `npm run test:mutation -- [FILES]`: changes the code that judges and keeps, one piece at a time (Stryker), and asks whether a fast test
// fails. Without FILES: all of TARGETS. It fails where less than 90 % of a file's mutants are found out, and where one survives that
// docs/mutants.md does not explain; it prints those as that page wants them, and the page's entries that survive no longer.
//
// An earlier run's results are kept in coverage/mutation: only what changed since, in the code or in the tests, is tried again
// (--force tries all; needed when only a test's support code has changed). Stryker has its own package.json and lock file here, so
// that nobody else installs it. The figures go to last-run.json.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '../..');
const out = path.join(root, 'coverage/mutation');
const figures = path.join(here, 'last-run.json');
const page = path.join(root, 'docs/mutants.md');
const LEAST = 0.9;
/** Tests that take their time over what a shorter one shows as well. */
const SLOW = new Set(['cdb-larger-than-a-buffer.test.ts']);

const folder = (name) =>
  readdirSync(path.join(root, name))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${name}/${file}`);
/** The data of Unicode is no code: every code point of it is compared with Postfix elsewhere. */
const TARGETS = [
  ...folder('src/bundle').filter((file) => !file.endsWith('-data.ts')),
  ...folder('src/map'),
  ...['install', 'state', 'copies', 'ledger'].map((name) => `src/gateway/${name}.ts`),
];

const words = process.argv.slice(2);
const named = words.filter((word) => !word.startsWith('-'));
const files = named.length === 0 ? TARGETS : named;

if (!existsSync(path.join(here, 'node_modules')))
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', here], { stdio: 'inherit' });
const { explained, judged, lacking } = await import('./survivors.mjs');

/** The tests that import this file themselves, and need nothing but Node. The others would find some mutants out too, slowly. */
function testsOf(file) {
  return ['bundle', 'map', 'gateway'].flatMap((room) =>
    readdirSync(path.join(root, 'test', room))
      .filter((name) => name.endsWith('.test.ts') && !SLOW.has(name))
      .map((name) => `test/${room}/${name}`)
      .filter((name) =>
        [...readFileSync(path.join(root, name), 'utf8').matchAll(/from '\.\.\/\.\.\/(src\/[^']+)'/g)].some(
          ([, from]) => from === file,
        ),
      ),
  );
}

/** Tries the mutants of one file; gives Stryker's report of it. */
function tried(file) {
  const folder = path.join(out, file.replaceAll('/', '-'));
  mkdirSync(folder, { recursive: true });
  const stryker = path.join(here, 'node_modules/@stryker-mutator/core/bin/stryker.js');
  const settings = ['--mutate', file, '--incrementalFile', path.join(folder, 'incremental.json')];
  if (words.includes('--force')) settings.push('--force');
  const run = spawnSync(
    'nice',
    ['-n', '19', process.execPath, stryker, 'run', path.join(here, 'stryker.config.mjs'), ...settings],
    {
      cwd: root,
      env: { ...process.env, RELAYMAP_MUTANTS: folder, RELAYMAP_MUTANTS_TESTS: testsOf(file).join(',') },
      stdio: ['ignore', words.includes('--verbose') ? 'inherit' : 'ignore', 'inherit'],
    },
  );
  if (run.status !== 0) throw new Error(`Stryker ended with ${run.status ?? run.signal}; --verbose shows what it says`);
  return JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8'));
}

const known = existsSync(page) ? explained(readFileSync(page, 'utf8')) : {};
const last = existsSync(figures) ? JSON.parse(readFileSync(figures, 'utf8')) : { files: {} };
let failed = false;
for (const file of files) {
  const { counts, survivors } = judged(tried(file))[file] ?? { counts: null, survivors: [] };
  if (counts === null) continue; // nothing in it can be changed
  last.files[file] = counts;
  write(last);
  const caught = counts.killed + counts.timeout;
  const total = caught + counts.survived + counts.noCoverage;
  const share = total === 0 ? 1 : caught / total;
  console.log(`${file}: ${caught} of ${total} found out (${(100 * share).toFixed(1)} %)`);
  const entries = known[file] ?? [];
  const open = lacking(survivors, entries, ({ line }) => line);
  for (const { line, at } of open) console.log(`  not explained, ${at}\n- ${line}: `);
  const lines = survivors.map(({ line }) => line);
  for (const line of lacking(entries, lines)) console.log(`  survives no longer\n- ${line}`);
  failed ||= share < LEAST || open.length > 0;
}
process.exitCode = failed ? 1 : 0;

/** After each file, so that a run that is broken off has not run in vain. */
function write(last) {
  const sorted = Object.fromEntries(Object.entries(last.files).sort(([a], [b]) => (a < b ? -1 : 1)));
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const text = JSON.stringify({ date: new Date().toISOString().slice(0, 10), commit, files: sorted }, null, 2);
  writeFileSync(figures, `${text}\n`);
}
