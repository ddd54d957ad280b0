// Where a source file is tested can be found: a test imports it, or says in its first lines which files or rooms it
// covers.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const below = (folder: string, ending: RegExp): string[] =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name) && !name.includes('node_modules'))
    .map((name) => path.join(folder, name));

const sources = below('src', /\.ts$/);
const named = below('test', /\.(ts|mjs)$/).flatMap((file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const imported = [...text.matchAll(/'(\.{1,2}\/[^'\n]+\.ts)'/g)].map(([, target = '']) =>
    path.join(path.dirname(file), target),
  );
  const covered = [...text.matchAll(/^\/\/ Covers (src\/.*)$/gm)].flatMap(([, list = '']) => list.split(', '));
  return { file, imported, covered };
});

test('every source file is imported by a test, or named in its first lines', () => {
  const imported = new Set(named.flatMap((each) => each.imported));
  const covered = named.flatMap((each) => each.covered);
  const found = (file: string) =>
    imported.has(file) || covered.some((place) => file === place || file.startsWith(`${place}/`));
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => !found(file))).toEqual([]);
});

test('what a test says that it covers is there', () => {
  const gone = named.flatMap(({ file, covered }) =>
    covered.filter((place) => !existsSync(path.join(root, place))).map((place) => `${file}: ${place}`),
  );
  expect(gone).toEqual([]);
});
