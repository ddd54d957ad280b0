// Before this suite: an empty file for what it finds. After it: one line a kind; and, where RELAYMAP_MTA_SAVE is set,
// the same in last-run.json, of which docs/mtas.md has its table.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { RESULTS } from './results.ts';

export type Results = Record<string, Record<string, string | number>>;

const LAST = path.join(import.meta.dirname, 'last-run.json');

export default function setup(): () => void {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-mta-results-'));
  const file = path.join(dir, 'results');
  writeFileSync(file, '');
  process.env[RESULTS] = file;
  return () => {
    const found: Results = {};
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const { kind, what, value } = JSON.parse(line) as { kind: string; what: string; value: string | number };
      (found[kind] ??= {})[what] = value;
    }
    rmSync(dir, { recursive: true });
    for (const [kind, all] of Object.entries(found)) {
      const words = Object.entries(all).map(([what, value]) => `${what} ${value}`);
      process.stdout.write(`${kind}: ${words.join(', ')}\n`);
    }
    if (process.env['RELAYMAP_MTA_SAVE'] === undefined) return;
    const before = existsSync(LAST) ? (JSON.parse(readFileSync(LAST, 'utf8')) as Results) : {};
    const merged = { ...before };
    for (const [kind, all] of Object.entries(found)) merged[kind] = { ...before[kind], ...all };
    writeFileSync(LAST, `${JSON.stringify(merged, null, 2)}\n`);
  };
}
