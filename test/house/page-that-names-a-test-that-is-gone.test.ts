// README and SECURITY promise only what a test shows: each test that they name is there.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folders = readdirSync(path.join(root, 'test'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test.each(['README.md', 'docs/SECURITY.md', 'docs/attacks.md'])('%s', (page) => {
  const text = readFileSync(path.join(root, page), 'utf8');
  const named = [...text.matchAll(/`(?:test\/)?([a-z]+)\/([a-z0-9-]+)`/g)].filter(
    ([words, folder]) => folders.includes(folder ?? '') && !existsSync(path.join(root, words.replaceAll('`', ''))),
  );
  expect(named.length).toBeGreaterThan(5);
  const gone = named.filter(
    ([, folder, name]) => !existsSync(path.join(root, 'test', folder ?? '', `${name}.test.ts`)),
  );
  expect(gone.map(([words]) => words)).toEqual([]);
});
