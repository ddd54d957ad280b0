// `npm run test:mutation -- [FILES]`: changes the code that judges and keeps, one piece at a time, and asks whether
// a fast test fails. Without FILES: all of TARGETS. It fails where less than 90 % of a file's mutants are found
// out, and where one survives that docs/mutants.md does not explain; it prints those as that page wants them, and
// the page's entries that survive no longer.
//
// Stryker's instrumenter makes the mutants and switches them; the tests run in a thread of our own (mutated.mjs),
// since a run of vitest for each of some three thousand mutants takes hours. The instrumenter has its own
// package.json and lock file here, so that nobody else installs it. The figures go to last-run.json.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '../..');
const out = path.join(root, 'coverage/mutation', String(process.pid));
const figures = path.join(here, 'last-run.json');
const page = path.join(root, 'docs/mutants.md');
const LEAST = 0.9;

/** The source files below a folder, at any depth. */
const folder = (name) =>
  readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${name}/${file.split(path.sep).join('/')}`)
    .sort();
/** The data of Unicode is no code: every code point of it is compared with Postfix elsewhere. */
const TARGETS = [
  ...folder('src/bundle').filter((file) => !file.endsWith('-data.ts')),
  ...folder('src/map'),
  ...['maps/install', 'maps/early-maps', 'maps/read-back'].map((name) => `src/gateway/${name}.ts`),
  ...['state', 'copies', 'envelopes', 'version-history'].map((name) => `src/gateway/record/${name}.ts`),
];

const named = process.argv.slice(2);
const files = named.length === 0 ? TARGETS : named;

if (!existsSync(path.join(here, 'node_modules')))
  execFileSync('npm', ['ci', '--ignore-scripts', '--prefix', here], { stdio: 'inherit' });
const { tryMutants } = await import('./mutated.mjs');
const { explained, judged, lacking } = await import('./survivors.mjs');

os.setPriority(19);
// What a mutant leaves behind is not left in the host's folder.
mkdirSync(path.join(out, 'tmp'), { recursive: true });
process.env.TMPDIR = path.join(out, 'tmp');

const known = existsSync(page) ? explained(readFileSync(page, 'utf8')) : {};
let failed = false;
for (const file of files) {
  const { counts, survivors } = judged(file, await tryMutants(root, file, out));
  write(file, counts);
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
rmSync(out, { recursive: true });
process.exitCode = failed ? 1 : 0;

/** After each file, so that a run that is broken off has not run in vain. */
function write(file, counts) {
  const before = existsSync(figures) ? JSON.parse(readFileSync(figures, 'utf8')).files : {};
  const files = Object.entries({ ...before, [file]: counts }).sort(([a], [b]) => (a < b ? -1 : 1));
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  const run = { date: new Date().toISOString().slice(0, 10), commit, files: Object.fromEntries(files) };
  writeFileSync(figures, `${JSON.stringify(run, null, 2)}\n`);
}
