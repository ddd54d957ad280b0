// Every link of every page leads somewhere: to a file, to a heading of it, to a section, to a script of package.json,
// to a manual page. An address outside is only looked at for its form: tests ask no strangers.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
/** Files and folders of the repository; `*` stands for anything within a name. */
const paths = ['.', 'docs', 'keys', 'packaging', 'src', 'test'].flatMap((folder) =>
  readdirSync(path.join(root, folder), { recursive: folder !== '.', encoding: 'utf8' })
    .filter((name) => !/(^|\/)(node_modules(\/|$)|out(\/|$)|corpus\/)/.test(name))
    .map((name) => path.join(folder, name)),
);
const glob = (pattern: string): string[] => {
  const words = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  const looks = new RegExp(`^${words.join('[^/]*')}$`);
  return paths.filter((name) => looks.test(name));
};
const foldersOf = (folder: string): string[] =>
  readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
const pages = paths.filter((name) => name.endsWith('.md') && !name.startsWith('test'));

/** A page without its fenced blocks and comments. */
const prose = (page: string): string =>
  read(page)
    .replaceAll(/^```[^\n]*\n[\s\S]*?^```$/gm, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '');

/** The anchors that GitHub makes of the headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const words = heading.replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '');
    const slug = words.toLowerCase().replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '').replaceAll(' ', '-'); // prettier-ignore
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Whether a path is there in just these letters, also on a disk that takes capitals for small ones. */
const isThere = (file: string): boolean =>
  existsSync(file) && (path.basename(file) === '.' || readdirSync(path.dirname(file)).includes(path.basename(file)));

function linkFault(page: string, target: string): string | null {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) {
    if (!URL.canParse(target)) return 'is no URL';
    const { protocol, hostname } = new URL(target);
    return protocol === 'https:' && /^([a-z0-9-]+\.)+[a-z]{2,}$/.test(hostname) ? null : 'is no https address';
  }
  const [file = '', anchor] = target.split('#');
  const found = file === '' ? page : path.join(path.dirname(page), decodeURIComponent(file));
  if (found.startsWith('..')) return 'leads out of the repository';
  if (!isThere(path.join(root, found))) return 'is not there';
  if (anchor === undefined) return statSync(path.join(root, found)).size > 0 ? null : 'is empty';
  if (!found.endsWith('.md')) return 'has an anchor in what is no page';
  return anchorsOf(prose(found)).has(anchor) ? null : `has no heading for #${anchor}`;
}

/** Links, images, references and HTML of a page. */
const linksOf = (text: string): string[] =>
  [
    ...text.matchAll(/\]\(<?([^\s)>]+)>?(?:\s+"[^"]*")?\)/g),
    ...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
    ...text.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g),
    ...text.matchAll(/<(https?:\/\/[^>\s]+)>/g),
  ].map(([, target = '']) => target);

const TOP = ['docs', 'keys', 'packaging', 'src', 'test'];
const OURS = new Set([...TOP, ...foldersOf('src'), ...foldersOf('test')]);
/** What is made by a build, and other people's files that look like ours. */
const ELSEWHERE = /^(packaging\/out|dist|node_modules)\b|[A-Z]{3}|\.py$/;

/** A word in backticks that looks like a path of this repository. */
function isGone(page: string, word: string): boolean {
  if (!/^[\w.-]+(\/[\w.*{},-]+)+\/?$/.test(word) || !OURS.has(word.split('/')[0] ?? '') || ELSEWHERE.test(word)) return false; // prettier-ignore
  const places = [word, `src/${word}`, `test/${word}`, path.join(path.dirname(page), word)];
  return !places.some((place) =>
    ['', '.test.ts', '.ts'].some((ending) => glob(`${place.replace(/\/$/, '')}${ending}`).length > 0),
  );
}

/** Sections that a page names of another, or of itself, by number. */
function sectionsOf(page: string, text: string): [string, string][] {
  const other = [
    ...text.matchAll(/sections?\s+(\d+(?:\.\d+)?)\s+of\s+[[`](?:docs\/)?([\w-]+\.md)/g),
    ...[...text.matchAll(/([\w-]+\.md)(?:\]\([^)]*\)|`)?,?\s+sections?\s+(\d+(?:\.\d+)?)/g)].map(([all, name, n]) => [all, n, name]), // prettier-ignore
  ].map(([, number = '', name = '']): [string, string] => [`docs/${name}`, number]);
  const bare = text
    .replaceAll(/sections?\s+[\d.]+\s+of\s+[[`]|[\w-]+\.md(?:\]\([^)]*\)|`)?,?\s+sections?\s+[\d.]+/g, '')
    .matchAll(/\(?sections?\s+(\d+(?:\.\d+)?)/gi);
  return [...other, ...(/^#+ \d/m.test(text) ? [...bare].map(([, n = '']): [string, string] => [page, n]) : [])];
}

describe.each(pages)('%s', (page) => {
  const text = prose(page);

  test('every link and image leads somewhere', () => {
    const faults = linksOf(text).map((target) => [target, linkFault(page, target)]);
    expect(faults.filter(([, fault]) => fault !== null)).toEqual([]);
  });

  test('every path of this repository is there', () => {
    const words = [...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, word = '']) => word.split(/[\s,;]+/));
    expect(words.filter((word) => isGone(page, word))).toEqual([]);
  });

  test('every section that it names is there', () => {
    const gone = sectionsOf(page, text).filter(
      ([file, number]) =>
        !isThere(path.join(root, file)) || !new RegExp(String.raw`^#{2,4} ${number.replace('.', String.raw`\.`)}[. ]`, 'm').test(read(file)), // prettier-ignore
    );
    expect(gone).toEqual([]);
  });

  test('every script of npm that it names is there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/\bnpm (?:run ([a-z:-]+)|(test|start)\b)/g)].map(([, a, b]) => a ?? b ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

test('there are pages, links and paths to look at', () => {
  expect(pages.length).toBeGreaterThan(20);
  expect(pages.flatMap((page) => linksOf(prose(page))).length).toBeGreaterThan(80);
  expect(pages.flatMap((page) => sectionsOf(page, prose(page))).length).toBeGreaterThan(30);
});

test('docs/ARCHITECTURE.md says what each folder of test holds', () => {
  const page = read('docs/ARCHITECTURE.md');
  expect(foldersOf('test').filter((name) => !new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm').test(page))).toEqual([]);
});

test('what leads nowhere is found', () => {
  const fault = (target: string) => linkFault('docs/operations.md', target);
  const page = (name: string) => `${name}.md`;
  expect(fault('../README.md')).toBeNull();
  expect(fault('commands.md#28-a-backup-mx')).toBeNull();
  expect(fault('#a-whole-backup-mx')).toBeNull();
  expect(fault('https://example.org/x')).toBeNull();
  for (const target of [
    'README.md',
    page('Commands'),
    'commands.md#no',
    '#no',
    'http://example.org',
    'https://no host/',
    '../../x',
  ])
    // prettier-ignore
    expect([target, fault(target)]).not.toEqual([target, null]);
  expect(isGone('README.md', 'attacks/rollback-to-an-older-version')).toBe(false);
  expect(isGone('README.md', 'attacks/rollback-to-a-newer-version')).toBe(true);
  expect(isGone('README.md', page('docs/nothing'))).toBe(true);
  expect(anchorsOf('# A `b` & c: (d)_e\n\n## É-f\n\n## É-f\n')).toEqual(new Set(['a-b--c-d_e', 'é-f', 'é-f-1']));
});

/** Manual pages of Debian that ours name; their packages are those of the suites, or of any Debian. */
const FOREIGN = new Set(['postconf.1', 'postconf.5', 'postmap.1', 'curl.1']);

test.each(glob('packaging/man/*'))('%s names manual pages that there are', (page) => {
  const named = [...read(page).matchAll(/^\.Xr (\S+) (\d)/gm)].map(
    ([, name = '', section = '']) => `${name}.${section}`,
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !existsSync(path.join(root, 'packaging/man', name)) && !FOREIGN.has(name))).toEqual([]);
});
