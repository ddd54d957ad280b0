// Before this suite: an empty file for its counts. After it: one line that says how much was tried and survived.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TALLY } from './tally.ts';

export default function setup(): () => void {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-tally-'));
  const file = path.join(dir, 'tally');
  writeFileSync(file, '');
  process.env[TALLY] = file;
  return () => {
    const sums = new Map<string, { tried: number; survived: number }>();
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const { what, tried, survived } = JSON.parse(line) as { what: string; tried: number; survived: number };
      const sum = sums.get(what) ?? { tried: 0, survived: 0 };
      sums.set(what, { tried: sum.tried + tried, survived: sum.survived + survived });
    }
    rmSync(dir, { recursive: true });
    const [tried, survived] = [...sums.values()].reduce(([t, s], x) => [t + x.tried, s + x.survived], [0, 0]);
    if (tried === 0) return;
    const parts = Array.from(sums, ([what, sum]) => `${what} ${sum.survived}/${sum.tried}`);
    process.stdout.write(`crash: ${tried} points tried, ${survived} survived (${parts.join(', ')})\n`);
  };
}
