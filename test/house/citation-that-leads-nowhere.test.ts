// A comment that cites a page names it by a path that exists in this repository, and a section that the page has.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cited = ['src', 'test', 'packaging'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(folder, name))
    .filter((name) => /\.(ts|mjs|mts)$/.test(name) && !name.includes('node_modules') && !name.includes('packaging/out'))
    .flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8');
      // What a text that is not a comment says of a page, a test's own list of pages among it, is no citation.
      const comments = text.match(/\/\*[\s\S]*?\*\/|\/\/.*$/gm) ?? [];
      return comments.flatMap((comment) =>
        [
          ...comment.matchAll(
            /(?<![\w*/-])((?:[\w-]+\/)*[\w-]+\.md)\b(?:[^.;:()]{0,30}?\bsections? (\d+(?:\.\d+)?))?/g,
          ),
        ].map(([, page = '', section]) => ({ file, page, section })),
      );
    }),
);

test('there are citations to look at', () => {
  expect(cited.length).toBeGreaterThan(20);
});

test('every page that a comment cites is there, by its path', () => {
  expect(cited.filter(({ page }) => !existsSync(path.join(root, page)))).toEqual([]);
});

test('every section that a comment cites is in its page', () => {
  const gone = cited.filter(({ page, section }) => {
    if (section === undefined || !existsSync(path.join(root, page))) return false;
    const heading = new RegExp(String.raw`^#{2,4} ${section.replace('.', String.raw`\.`)}[. ]`, 'm');
    return !heading.test(readFileSync(path.join(root, page), 'utf8'));
  });
  expect(gone).toEqual([]);
});
