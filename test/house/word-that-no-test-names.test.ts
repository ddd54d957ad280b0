// Every command, option, configuration key and code that the commands know is named by a test. What none names is
// listed here.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = (...names: string[]) =>
  names.map((name) => readFileSync(path.join(root, 'src', name), 'utf8')).join('\n');
const found = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? '')),
];

/** All tests but those of the house, which run nothing, and what is installed beside the mutants. */
const tests = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('house') && !file.startsWith('mutation'))
  .map((file) => readFileSync(path.join(root, 'test', file), 'utf8'))
  .join('\n')
  .replaceAll('\\n', '\n');

const lines = source('bin/all-commands.ts', 'bin/relaymap-publish.ts');
const configs = source('gateway/config.ts', 'publisher/config.ts', 'publisher/source-config.ts');

const WORDS: Record<string, { words: string[]; named: (word: string) => RegExp }> = {
  commands: {
    words: found(lines, /ommand\('([a-z]+)'/g),
    named: (word) => new RegExp(`['"\`]${word}\\b`),
  },
  options: {
    words: found(lines, /ption\(\s*'(--[a-z-]+)/g),
    named: (word) => new RegExp(`${word}\\b`),
  },
  'configuration keys': {
    words: found(configs, /^ +([a-z_]+): (?:z\.|list\(|text\(|absolute\(|percent\(|flag\(|whole\(|url\()/gm),
    named: (word) => new RegExp(`\\b${word}\\b(?:"|'|\`)? ?[=:.\\]]|\\[${word}\\]|\\.${word}\\b`),
  },
  codes: {
    words: found(source('errors.ts', 'publisher/errors.ts'), /^ {2}([A-Z_]+): [12],$/gm),
    named: (word) => new RegExp(`\\b${word}\\b`),
  },
};

describe('a test names each of the', () => {
  test.each(Object.entries(WORDS))('%s', (_, { words, named }) => {
    expect(words.length).toBeGreaterThan(8);
    expect(words.filter((word) => !named(word).test(tests))).toEqual([]);
  });
});
