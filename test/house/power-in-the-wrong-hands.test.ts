// What the arrows alone do not show: which names are taken from node, and what is done with them. Each rule is seen
// to catch a planted fault, so that it cannot fall silent.
// Covers src/io/v8-collect.ts, src/io/v8-baseline-wasm.ts
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../src', import.meta.url));
const house: Record<string, string> = Object.fromEntries(
  readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(path.join(source, name), 'utf8')]),
);

interface Rule {
  readonly is: string;
  /** What of a file breaks it. */
  readonly breaches: (file: string, text: string) => string[];
  /** A line that breaks it, and a file in which it does. */
  readonly planted: readonly [file: string, line: string][];
}

const code = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`])\/\/.*$/gm, '$1');

/** The names that a file imports from a module, whole modules as `*`. */
function names(text: string, from: RegExp): string[] {
  return [...code(text).matchAll(/\b(?:import|export)\s+(type\s+)?([^;'"]*?)\s*\bfrom\s*['"]([^'"]+)['"]/g)].flatMap(
    ([, type, clause = '', module = '']) => {
      if (type !== undefined || !from.test(module)) return [];
      const braces = /\{([\s\S]*)\}/.exec(clause)?.[1];
      if (braces === undefined) return ['*'];
      const listed = braces.split(',').map((each) => each.trim());
      return listed
        .filter((each) => each !== '' && !each.startsWith('type '))
        .map((each) => each.split(' as ')[0] ?? '');
    },
  );
}
const words = (text: string, pattern: RegExp): string[] => [...code(text).matchAll(pattern)].map(([word]) => word);
const unless =
  (files: RegExp, breaches: Rule['breaches']): Rule['breaches'] =>
  (file, text) =>
    files.test(file) ? [] : breaches(file, text);

const FS = /^(node:)?fs(\/promises)?$/;
const READS = new Set(
  'accessSync closeSync constants createReadStream existsSync fstatSync lstatSync open openSync read readdirSync readFileSync readlinkSync readSync realpathSync statSync watch'.split(
    ' ',
  ),
);
/** Beside atomic-file, who may do what to files, and why. */
const ALSO: Record<string, readonly string[]> = {
  'gateway/record/envelopes.ts': ['rmSync'], // clean(): what nothing names any more; a killed run leaves it for the next
  'gateway/maps/live-maps.ts': ['rmSync'], // removeUnfinished(): temp files of a killed run
  'publisher/repository/folder-store.ts': ['rmSync'], // blobs that no manifest names
  'publisher/repository/state-folder.ts': ['rmSync'], // tables and sources that are no longer needed
  'io/access/access-log.ts': ['stat'], // whether the file still has its name
  'io/scratch-file.ts': ['rmSync', 'writeSync'], // a file without a name
  'io/lock.ts': ['ftruncateSync', 'writeSync'], // who holds it, into the lock's own file
  'io/log.ts': ['writeSync'], // to descriptor 2
  'bin/gateway/health-command.ts': ['writeSync'], // to descriptor 1, its answer
};

/** V8's collector is had in no other way than by its name in a context of its own. */
const withoutGc = (text: string): string =>
  words(text, /\brunInNewContext\(/g).length === words(text, /\brunInNewContext\('gc'\)/g).length
    ? text.replace(/^import \{ runInNewContext \} from 'node:vm';$/m, '')
    : text;

const RULES: Rule[] = [
  {
    is: 'a pure room takes of node createHash and zlib, and nothing else',
    breaches: (file, text) =>
      /^(bundle|map)\//.test(file)
        ? [
            ...names(text, /^node:crypto$/).filter((name) => name !== 'createHash'),
            ...words(text, /['"]node:(?!crypto['"]|zlib['"])[^'"]+['"]/g),
            ...words(
              text,
              /\b(?:process|globalThis|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|crypto|performance)\b\s*[.(]/g,
            ),
          ]
        : [],
    planted: [
      ['bundle/x.ts', `import { createHash, randomBytes } from 'node:crypto';`],
      ['map/x.ts', `import * as crypto from 'node:crypto';`],
      ['map/x.ts', `import { readFileSync } from 'node:fs';`],
      ['bundle/x.ts', `const x = await import('node:net');`],
      ['bundle/x.ts', `const x = crypto.getRandomValues(new Uint8Array(1));`],
      ['bundle/x.ts', `setTimeout(() => 0, 1);`],
    ],
  },
  {
    is: 'files are changed by io/atomic-file alone',
    breaches: unless(/^io\/atomic-file\.ts$/, (file, text) =>
      names(text, FS).filter((name) => !READS.has(name) && !(ALSO[file] ?? []).includes(name)),
    ),
    planted: [
      ['gateway/x.ts', `import { readFileSync, writeFileSync } from 'node:fs';`],
      ['gateway/record/state.ts', `import {\n  readFileSync,\n  renameSync as move,\n} from 'node:fs';`],
      ['publisher/x.ts', `import { rmSync } from 'node:fs';`],
      ['publisher/x.ts', `import fs from 'node:fs';`],
      ['io/x.ts', `import * as fs from 'fs';`],
      ['gateway/x.ts', `import { writeFile } from 'node:fs/promises';`],
      ['io/x.ts', `export { createWriteStream } from 'node:fs';`],
    ],
  },
  {
    is: 'no file is opened for writing but by io/atomic-file, io/scratch-file, the access log and the lock',
    breaches: unless(/^io\/(atomic-file|scratch-file|access\/access-log|lock)\.ts$/, (_, text) => [
      ...words(text, /\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND|EXCL)\b/g),
      ...words(text, /\bopen(?:Sync)?\([^()]*,\s*['"](?:[wa]|r\+)[^'"]*['"]/g),
    ]),
    planted: [
      ['gateway/x.ts', `const fd = openSync(file, constants.O_RDWR);`],
      ['gateway/x.ts', `const fd = openSync(file, 'w', 0o600);`],
      ['bin/x.ts', `const fd = openSync(file, 'r+');`],
    ],
  },
  {
    is: 'only bin ends the process, and nobody ends others',
    breaches: (file, text) => [
      ...(file.startsWith('bin/') ? [] : words(text, /\bprocess\s*\.\s*(?:exit|exitCode|argv|abort)\b/g)),
      ...words(text, /\bprocess\s*\.\s*kill\b/g),
    ],
    planted: [
      ['gateway/x.ts', `process.exitCode = 1;`],
      ['publisher/x.ts', `process.exit(1);`],
      ['io/x.ts', `const [, , file] = process.argv;`],
      ['bin/x.ts', `process.kill(1);`],
    ],
  },
  {
    is: 'clock and chance come from bin and the daemon',
    breaches: unless(/^(bin\/.*|gateway\/daemon\/daemon)\.ts$/, (_, text) => [
      ...words(text, /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.now|process\.hrtime|process\.uptime)/g),
      ...names(text, /^node:(crypto|perf_hooks)$/).filter((name) => /random|generateKey|performance|\*/.test(name)),
    ]),
    planted: [
      ['gateway/x.ts', `const now = new Date();`],
      ['gateway/x.ts', `const now = Date.now();`],
      ['publisher/x.ts', `const n = Math.random();`],
      ['publisher/x.ts', `import { generateKeyPairSync } from 'node:crypto';`],
      ['io/x.ts', `import { performance } from 'node:perf_hooks';`],
    ],
  },
  {
    is: 'nobody writes to stderr but io/log, and nobody to stdout but bin',
    breaches: (file, text) => [
      ...words(text, /\bconsole\s*[.[]/g),
      ...(file === 'io/log.ts' ? [] : words(text, /\bprocess\s*\.\s*stderr\b|\bwriteSync\(2\b/g)),
      ...(file.startsWith('bin/') ? [] : words(text, /\bprocess\s*\.\s*stdout\b|\bwriteSync\(1\b/g)),
    ],
    planted: [
      ['bin/x.ts', `console.error('x');`],
      ['gateway/x.ts', `process.stderr.write('x');`],
      ['publisher/x.ts', `process.stdout.write('x');`],
      ['gateway/x.ts', `writeSync(2, 'x');`],
    ],
  },
  {
    is: 'no code is made of text, and none is loaded that cannot be seen',
    breaches: (file, text) => [
      ...words(
        file === 'io/v8-collect.ts' ? withoutGc(text) : text,
        /\beval\(|\bnew Function\(|\brequire\(|\bcreateRequire\b|['"]node:(?:vm|module|worker_threads|repl)['"]/g,
      ),
      ...words(text, /\bimport\s*\(\s*[^'"\s]/g),
    ],
    planted: [
      ['gateway/x.ts', `eval('1');`],
      ['bin/x.ts', `const x = await import(file);`],
      ['io/x.ts', `import vm from 'node:vm';`],
      ['io/v8-collect.ts', `import { runInNewContext } from 'node:vm';\nrunInNewContext(text);`],
    ],
  },
];

describe.each(RULES)('$is', ({ breaches, planted }) => {
  test('in the whole house', () => {
    const found = Object.entries(house).flatMap(([file, text]) =>
      breaches(file, text).map((what) => `${file}: ${what}`),
    );
    expect(found).toEqual([]);
  });

  test.each(planted)('and a fault planted in %s is seen: %s', (file, line) => {
    expect(
      breaches(file, `/** A comment. */\nimport { a } from './a.ts';\n${line}\nexport const b = a;\n`),
    ).not.toEqual([]);
    expect(
      breaches(file, `/** A comment. */\nimport { a } from './a.ts';\n// ${line}\n`.replaceAll('\n  ', ' ')),
    ).toEqual([]);
  });
});
