// Before this suite: an empty file for its counts. After it: one line that says how much was tried and survived,
// and, where RELAYMAP_CRASH_SAVE is set, the same in last-run.json, beside what earlier runs found in other parts.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SEED, TALLY, type Count } from './tally.ts';

/** By what was done, then by what it was done to. */
type Parts<Each = Count> = Record<string, Record<string, Each>>;

/** The newest run of each part: a whole one takes hours, and is often made in pieces. */
interface LastRun {
  readonly date: string;
  readonly commit: string;
  readonly parts: Parts<Count & { readonly commit: string }>;
}

const LAST = path.join(import.meta.dirname, 'last-run.json');

export default function setup(): () => void {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-tally-'));
  const file = path.join(dir, 'tally');
  writeFileSync(file, '');
  process.env[TALLY] = file;
  const seed = (process.env[SEED] ??= String(Math.floor(Date.now() / 86_400_000))); // the day
  // Now: others may commit while it runs.
  const commit = process.env['RELAYMAP_CRASH_SAVE'] === undefined ? null : head();
  return () => {
    const parts: Parts = {};
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const { what, of, tried, survived } = JSON.parse(line) as Count & { what: string; of: string };
      (parts[what] ??= {})[of] = { tried, survived };
    }
    rmSync(dir, { recursive: true });
    const sums = Object.entries(parts).map(([what, of]) => ({ what, ...sum(Object.values(of)) }));
    const { tried, survived } = sum(sums);
    if (tried === 0) return;
    const words = sums.map((s) => `${s.what} ${s.survived}/${s.tried}`);
    process.stdout.write(`crash: ${tried} points tried, ${survived} survived (${words.join(', ')}; ${SEED}=${seed})\n`);
    if (commit !== null) save(parts, commit);
  };
}

function sum(counts: readonly Count[]): Count {
  return {
    tried: counts.reduce((total, { tried }) => total + tried, 0),
    survived: counts.reduce((total, { survived }) => total + survived, 0),
  };
}

const head = (): string => execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();

function save(parts: Parts, commit: string): void {
  const before = existsSync(LAST) ? (JSON.parse(readFileSync(LAST, 'utf8')) as LastRun).parts : {};
  const merged = { ...before };
  for (const [what, of] of Object.entries(parts)) {
    const counts = Object.entries(of).map(([name, count]) => [name, { ...count, commit }] as const);
    merged[what] = { ...merged[what], ...Object.fromEntries(counts) };
  }
  const run: LastRun = { date: new Date().toISOString().slice(0, 10), commit, parts: merged };
  writeFileSync(LAST, `${JSON.stringify(run, null, 2)}\n`);
}
