// Every input that the fuzzer has kept, for taking a branch as no other did or for having broken a promise once,
// goes through its parser again and is judged by the same oracle. How the fuzzer is run: docs/SECURITY.md.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { leave } from './room.ts';
import { TARGETS } from './targets.ts';

const corpus = fileURLToPath(new URL('corpus/', import.meta.url));
afterAll(leave);

test('every folder of the corpus has its target', () => {
  expect(readdirSync(corpus).filter((name) => !TARGETS.some((target) => target.name === name))).toEqual([]);
});

test.each(TARGETS.map((target) => [target.name, target] as const))('%s', async (name, target) => {
  const folder = path.join(corpus, name);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  expect(files.length, `${folder} has no input`).toBeGreaterThan(0);
  const broken: string[] = [];
  const inputs = files.map((file) => [file, readFileSync(path.join(folder, file))] as const);
  const seeds = target.seeds().map((seed, i) => [`seed ${i}`, Buffer.from(seed)] as const);
  for (const [file, input] of [...seeds, ...inputs]) {
    try {
      await target.run(input);
    } catch (error) {
      broken.push(`${file}: ${String(error)}`);
    }
  }
  expect(broken).toEqual([]);
});
