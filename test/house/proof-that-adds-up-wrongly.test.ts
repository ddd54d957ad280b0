// `npm run proof` adds up what other suites left behind: what is missing or bad there is said, and is its exit status.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, onTestFinished, test } from 'vitest';

const proof = fileURLToPath(new URL('../proof/proof.mjs', import.meta.url));
let dir: string;

const attack = (status: string, file = 'a.test.ts') => ({
  name: `/x/test/attacks/${file}`,
  assertionResults: [
    { status: 'passed', fullName: 'one that is refused' },
    { status, fullName: 'another one', failureMessages: status === 'failed' ? ['expected it so\n at a line'] : [] },
  ],
});
const REPORT = { startTime: Date.UTC(2026, 0, 2), testResults: [attack('passed')] };
const CRASH = { date: '2026-01-03', commit: 'abc', parts: { KILL: { a: { tried: 7, survived: 7 } } } };
const FUZZ = { date: '2026-01-04', seconds: 3600, targets: { cdb: { executions: 1_234_567, crashes: 0 } } };
const MUTANTS = {
  date: '2026-01-05',
  commit: 'def',
  files: { a: { killed: 9, survived: 1, timeout: 0, noCoverage: 0 } },
};

const put = (name: string, what: object): void => {
  mkdirSync(path.join(dir, name), { recursive: true });
  writeFileSync(path.join(dir, name, 'last-run.json'), JSON.stringify(what));
};

function table(report: object = REPORT): { status: number | null; text: string; named: string } {
  writeFileSync(path.join(dir, 'report.json'), JSON.stringify(report));
  const args = [proof, '--attacks', path.join(dir, 'report.json'), '--from', dir];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, text: stdout, named: stderr };
}

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-proof-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  put('crash', CRASH);
  put('fuzz', FUZZ);
  put('mutation', MUTANTS);
});

test('all withstood: four rows, with date and commit, within 100 columns, exit 0', () => {
  const { status, text, named } = table();
  expect(named).toBe('');
  expect(text).toMatch(/^attacks +2 +2 refused as they should be +2026-01-02 +\S+/m);
  expect(text).toMatch(/^injection points +7 +7 survived; 1 kinds +2026-01-03 +abc$/m);
  expect(text).toMatch(/^fuzz executions +1,234,567 +0 crashes; 1 parsers, 1\.0 h +2026-01-04/m);
  expect(text).toMatch(/^mutants +10 +9 killed, 90\.0 %; 1 files +2026-01-05 +def$/m);
  expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
  expect([status, text.includes('!')]).toEqual([0, false]);
});

test('a run that was made in pieces does not stand for one commit', () => {
  const piece = (commit: string) => ({ tried: 7, survived: 7, commit });
  put('crash', { ...CRASH, parts: { KILL: { a: piece('abc'), b: piece('def') }, EIO: { a: piece('def') } } });
  expect(table().text).toMatch(/^injection points +21 +21 survived; 2 kinds +2026-01-03 +2 commits$/m);
  put('crash', { ...CRASH, parts: { KILL: { a: piece('abc'), b: piece('abc') } } });
  expect(table().text).toMatch(/^injection points +14 +14 survived; 1 kinds +2026-01-03 +abc$/m);
});

test('an attack that was not refused is named, and why', () => {
  const { named } = table({
    ...REPORT,
    testResults: [attack('failed'), { name: '/x/test/attacks/b.test.ts', assertionResults: [] }],
  });
  expect(named).toMatch(/^could not be loaded: .*attacks\/b\.test\.ts$/m);
  expect(named).toMatch(/^failed: .*attacks\/a\.test\.ts: another one\n {2}expected it so\n$/m);
  expect(named).not.toContain('one that is refused');
});

const FAULTS: [string, RegExp, () => object | void][] = [
  [
    'an attack that got through',
    /^attacks +2 +1 refused.*\(!\)/m,
    () => ({ ...REPORT, testResults: [attack('failed')] }),
  ],
  [
    'attacks that were left out',
    /^attacks +2 +1 refused.*\(!\)/m,
    () => ({ ...REPORT, testResults: [attack('pending')] }),
  ],
  [
    'attacks that could not be loaded',
    /^attacks +3 +2 refused.*\(!\)/m,
    () => ({ ...REPORT, testResults: [attack('passed'), { name: '/x/test/attacks/b.test.ts', assertionResults: [] }] }),
  ],
  ['no attack at all', /^attacks +0 .*\(!\)/m, () => ({ ...REPORT, testResults: [] })],
  [
    'a point not survived',
    /6 survived.*\(!\)/,
    () => put('crash', { ...CRASH, parts: { KILL: { a: { tried: 7, survived: 6 } } } }),
  ],
  [
    'a crash of a parser',
    /2 crashes.*\(!\)/,
    () => put('fuzz', { ...FUZZ, targets: { cdb: { executions: 9, crashes: 2 } } }),
  ],
  [
    'too many mutants alive',
    /89\.0 %.*\(!\)/,
    () => put('mutation', { ...MUTANTS, files: { a: { killed: 80, timeout: 9, survived: 6, noCoverage: 5 } } }),
  ],
  [
    'a suite that never ran',
    /^mutants +0 +never run \(!\)/m,
    () => rmSync(path.join(dir, 'mutation'), { recursive: true }),
  ],
];
test.each(FAULTS)('%s: said, exit 1', (_name, says, fault) => {
  const { status, text } = table(fault() ?? REPORT);
  expect(text).toMatch(says);
  expect(status).toBe(1);
});
