// Comments fit into 120 columns and prose into 100. Code is prettier's matter, which leaves long strings as they
// are, and tables.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const columns = (line: string): number => Array.from(line).length;

const listed = (folders: readonly string[], ending: RegExp): string[] =>
  execFileSync('find', [...folders, '-type', 'f'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => ending.test(file) && !/node_modules|packaging\/out|corpus/.test(file));

function tooWide(files: readonly string[], most: number, counts: (line: string) => boolean): string[] {
  return files.flatMap((file) =>
    readFileSync(path.join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, i) => (counts(line) && columns(line) > most ? [`${file}:${i + 1}`] : [])),
  );
}

test('no comment is wider than 120 columns', () => {
  const files = listed(['src', 'test', 'packaging'], /\.(ts|mts|mjs)$/);
  expect(files.length).toBeGreaterThan(300);
  const isComment = (line: string) => /^\s*(\/\/|\/?\*)/.test(line);
  expect(
    tooWide(files, 120, isComment).filter((place) => !/(grafana\/plot|packaging\/case-folding)\.mjs/.test(place)),
  ).toEqual([]);
});

test('the README is 900 words at most, and nothing in it is wider than 100 columns', () => {
  const words = readFileSync(path.join(root, 'README.md'), 'utf8').split(/\s+/).filter(Boolean);
  expect(words.length).toBeLessThanOrEqual(900);
  expect(tooWide(['README.md'], 100, () => true)).toEqual([]);
});
