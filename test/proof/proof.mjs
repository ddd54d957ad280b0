#!/usr/bin/env node
// `npm run proof`: one table of what was tried against relaymap and what it withstood. The attacks are run now;
// crash tests, fuzzing and mutation testing take hours, so their newest results are read from the summaries that
// they leave in the repository.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    attacks: { type: 'string' }, // a JSON report of vitest, in place of a run
    from: { type: 'string', default: path.join(root, 'test') }, // the folder of crash/, fuzz/ and mutation/
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write('npm run proof -- [--attacks REPORT.json] [--from FOLDER]\n');
  process.exit(0);
}

const LEAST_KILLED = 90;
const number = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const total = (list, of) => list.reduce((sum, each) => sum + (of(each) ?? 0), 0);

/** What a suite left behind; null where it has left nothing yet. */
function last(name) {
  const file = path.join(values.from, name, 'last-run.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

function attacks() {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-proof-'));
  try {
    const file = values.attacks ?? path.join(dir, 'report.json');
    if (values.attacks === undefined) {
      const run = ['vitest', 'run', '--config', 'test/vitest.config.ts', '--project', 'real', 'test/attacks/'];
      process.stderr.write('playing the attacks, which takes some minutes; the table comes then\n');
      spawnSync('npx', [...run, '--reporter=json', `--outputFile=${file}`], { cwd: root, stdio: ['ignore', 2, 2] });
    }
    // A run that could not even begin leaves none.
    const report = existsSync(file)
      ? JSON.parse(readFileSync(file, 'utf8'))
      : { startTime: Date.now(), testResults: [] };
    const files = report.testResults.filter((each) => /\/test\/attacks\//.test(each.name));
    const tests = files.flatMap((each) => each.assertionResults);
    const unloaded = files.filter((each) => each.assertionResults.length === 0);
    const refused = tests.filter((each) => each.status === 'passed').length;
    for (const each of unloaded) process.stderr.write(`could not be loaded: ${path.relative(root, each.name)}\n`);
    for (const { assertionResults, name } of files) {
      for (const { status, fullName, failureMessages } of assertionResults.filter((each) => each.status !== 'passed')) {
        process.stderr.write(`${status}: ${path.relative(root, name)}: ${fullName}\n`);
        for (const message of failureMessages ?? []) process.stderr.write(`  ${message.split('\n')[0]}\n`);
      }
    }
    return { tried: tests.length + unloaded.length, withstood: refused, date: new Date(report.startTime) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function head() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'no git'; // an unpacked archive
  }
}

function attackRow() {
  const { tried, withstood, date } = attacks();
  const words = `${number(withstood)} refused as they should be`;
  return {
    what: 'attacks',
    tried,
    words,
    date: date.toISOString().slice(0, 10),
    commit: head(),
    good: tried > 0 && withstood === tried,
  };
}

function crashRow(run) {
  const counts = Object.values(run.parts).flatMap((of) => Object.values(of));
  const [tried, survived] = [total(counts, (c) => c.tried), total(counts, (c) => c.survived)];
  const words = `${number(survived)} survived; ${Object.keys(run.parts).length} kinds`;
  const commits = new Set(counts.map((c) => c.commit ?? run.commit)); // made in pieces, of which the newest gives the date
  const pieces = commits.size > 1 ? { commit: `${commits.size} commits` } : {};
  return { what: 'injection points', tried, words, good: tried > 0 && survived === tried, ...pieces };
}

function fuzzRow(run) {
  const targets = Object.values(run.targets);
  const tried = total(targets, (t) => t.executions);
  const crashes = total(targets, (t) => (Array.isArray(t.crashes) ? t.crashes.length : t.crashes));
  const words = `${number(crashes)} crashes; ${targets.length} parsers, ${(run.seconds / 3600).toFixed(1)} h`;
  return { what: 'fuzz executions', tried, words, good: tried > 0 && crashes === 0 };
}

function mutantRow(run) {
  const files = Object.values(run.files);
  const killed = total(files, (f) => f.killed) + total(files, (f) => f.timeout);
  const tried = killed + total(files, (f) => f.survived) + total(files, (f) => f.noCoverage);
  const share = tried === 0 ? 0 : (100 * killed) / tried;
  const words = `${number(killed)} killed, ${share.toFixed(1)} %; ${files.length} files`;
  return { what: 'mutants', tried, words, good: share >= LEAST_KILLED };
}

function storedRow(name, what, row) {
  const run = last(name);
  if (run === null) return { what, tried: 0, words: 'never run', date: '-', commit: '-', good: false };
  return { date: String(run.date).slice(0, 10), commit: String(run.commit ?? '-').slice(0, 9), ...row(run) };
}

const rows = [
  attackRow(),
  storedRow('crash', 'injection points', crashRow),
  storedRow('fuzz', 'fuzz executions', fuzzRow),
  storedRow('mutation', 'mutants', mutantRow),
];
const line = (what, tried, words, date, commit) =>
  `${what.padEnd(17)}${tried.padStart(13)}  ${words.padEnd(38)}${date.padEnd(11)} ${commit}`.trimEnd();
const lines = [line('what', 'tried', 'and then', 'when', 'commit')];
for (const r of rows) lines.push(line(r.what, number(r.tried), r.words + (r.good ? '' : ' (!)'), r.date, r.commit));
process.stdout.write(`${lines.join('\n')}\n`);
process.exitCode = rows.every((r) => r.good) ? 0 : 1;
