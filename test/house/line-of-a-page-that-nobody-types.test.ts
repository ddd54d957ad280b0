// Every block of every page has a reader: a line to type is typed by a test, or says that it is not; a file is read by
// what reads it, and what a command shows is compared (test/support/pages.ts). The test that is named really reads the
// page. What reads all pages alike is test/commands/line-of-a-page-that-is-wrong.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { blocksOf, commandsOf, PAGES, READERS, TYPISTS, type Block } from '../support/pages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

/** What a line with this mark does not need: a page that every test reads alike is read with all others. */
const EVERYWHERE = /for \(const page of PAGES\)|PAGES\.(flatMap|map|filter)\(|test\.each\(PAGES\)/;

const readerOf = ({ language, marks: [mark = ''] }: Block): string | undefined => {
  if (language === 'sh') return TYPISTS.get(mark);
  if (language === '') return mark === 'shows' ? TYPISTS.get('here') : undefined;
  return READERS.get(language) ?? READERS.get(language.replace(/-[a-z0-9]+$/, ''));
};

/** Whether a test names a page, or all of a folder's. */
const names = (test: string, page: string): boolean =>
  EVERYWHERE.test(test) || test.includes(page) || test.includes(`${path.dirname(page)}/$`);

test.each(PAGES)('%s: every block has a reader, and that test reads this page', (page) => {
  const faults = blocksOf(page).flatMap((block) => {
    const reader = readerOf(block);
    const where = `${page}:${block.line}`;
    if (reader === undefined) return [`${where}: nobody reads this`];
    const text = existsSync(path.join(root, reader)) ? read(reader) : '';
    if (!names(text, page)) return [`${where}: ${reader} does not read this page`];
    const [mark = '', word] = block.marks;
    const isSaid = block.language !== 'sh' || mark === 'none' || new RegExp(`['"\`]${mark}\\b`).test(text);
    return [
      ...(isSaid ? [] : [`${where}: ${reader} does not read blocks with the mark ${mark}`]),
      ...(['here', 'shows'].includes(mark) && !new RegExp(`'?${word}'?: |'${word}'`).test(text)
        ? [`${where}: ${reader} knows no ${mark} ${word}`]
        : []),
    ];
  });
  expect(faults).toEqual([]);
});

test('there is somebody for each mark, and a mark for each of them', () => {
  const used = new Set(PAGES.flatMap((page) => blocksOf(page).map(({ marks }) => marks[0] ?? '')));
  expect([...TYPISTS.keys()].filter((typist) => !used.has(typist))).toEqual([]);
  expect(PAGES.flatMap(blocksOf).length).toBeGreaterThan(80);
});

test('few lines are typed by nobody', () => {
  const untyped = PAGES.flatMap((page) => blocksOf(page).filter(({ marks }) => marks[0] === 'none'));
  expect(untyped.length).toBeLessThanOrEqual(7);
});

test('the commands of a block', () => {
  const text = "# why\napt-get install x\n\nrelaymap init \\\n  --apply\ncat >f <<'EOF'\na\n\nb\nEOF\nlast # said";
  expect(commandsOf(text)).toEqual([
    'apt-get install x',
    'relaymap init \\\n  --apply',
    "cat >f <<'EOF'\na\n\nb\nEOF",
    'last # said',
  ]);
});
