// nginx, Caddy and rsync take two files of one size and one whole second for the same file.
import { statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Desk, later, people, START } from './desk.ts';

test('each manifest is at least a second younger than the one before it', async () => {
  const desk = new Desk();
  const seconds = (): number => Math.floor(statSync(path.join(desk.output, 'manifest.json')).mtimeMs / 1000);
  const times: number[] = [];
  for (let i = 0; i < 4; i++) {
    await desk.publishes(people(20 + i), later(i));
    times.push(seconds());
  }
  for (const [i, time] of times.entries()) if (i > 0) expect(time).toBeGreaterThan(times[i - 1] ?? 0);
});

test('also where the clock was set back since', async () => {
  const desk = new Desk();
  await desk.publishes(people(20), START);
  const file = path.join(desk.output, 'manifest.json');
  const ahead = Math.floor(statSync(file).mtimeMs / 1000) + 5000;
  utimesSync(file, ahead, ahead);
  await desk.publishes(people(21), START);
  expect(statSync(file).mtimeMs).toBe((ahead + 1) * 1000);
});
