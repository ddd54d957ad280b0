// A line that a page tells to type is typed by a test, or says that it is not: test/support/pages.ts.
import { expect, test } from 'vitest';
import { blocksOf, commandsOf, TYPISTS } from '../support/pages.ts';

test.each(['README.md', 'docs/operations.md', 'docs/CONTRIBUTING.md'])(
  'every block of shell lines in %s says who types it',
  (page) => {
    const shell = blocksOf(page).filter(({ language }) => language === 'sh');
    const unsaid = shell.filter(({ marks }) => !TYPISTS.some((typist) => typist === marks[0]) || marks.length !== 1);
    expect(unsaid.map(({ line, text }) => `${page}:${line}: ${text.split('\n')[0]}`)).toEqual([]);
    expect(shell.length).toBeGreaterThan(0);
  },
);

test('the commands of a block', () => {
  const text = "# why\napt-get install x\n\nrelaymap init \\\n  --apply\ncat >f <<'EOF'\na\n\nb\nEOF\nlast # said";
  expect(commandsOf(text)).toEqual([
    'apt-get install x',
    'relaymap init \\\n  --apply',
    "cat >f <<'EOF'\na\n\nb\nEOF",
    'last # said',
  ]);
});
