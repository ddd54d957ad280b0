// Writes src/bundle/address/case-folding-data.ts from Unicode 15.0's CaseFolding.txt (Debian: apt-get install
// unicode-data). Run it by hand, `node packaging/case-folding.mjs`, and with no other version: Postfix, every
// gateway and every publisher must fold alike.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = process.argv[2] ?? '/usr/share/unicode/CaseFolding.txt';
const TARGET = path.join(path.dirname(fileURLToPath(import.meta.url)), '../src/bundle/address/case-folding-data.ts');
const COLUMNS = 110;

const text = readFileSync(SOURCE, 'utf8');
if (!text.startsWith('# CaseFolding-15.0.0.txt\n')) throw new Error(`${SOURCE} is not CaseFolding 15.0.0`);

const entries = [];
for (const line of text.split('\n')) {
  const [code, status, mapping] = line.split('#')[0].split(';');
  if (mapping === undefined || !['C', 'F'].includes(status.trim())) continue;
  const from = Number.parseInt(code, 16);
  // ASCII is folded without the table.
  if (from > 0x7f)
    entries.push({
      from,
      to: mapping
        .trim()
        .split(' ')
        .map((hex) => Number.parseInt(hex, 16)),
    });
}
entries.sort((a, b) => a.from - b.from);

// A run: code points `step` apart that all move by the same `delta`.
const runs = [];
for (const { from, to } of entries.filter((entry) => entry.to.length === 1)) {
  const delta = to[0] - from;
  const run = runs.at(-1);
  const step = run === undefined ? 0 : from - run.last;
  if (run !== undefined && run.delta === delta && step <= 2 && (run.count === 1 || run.step === step)) {
    Object.assign(run, { last: from, step, count: run.count + 1 });
  } else runs.push({ first: from, last: from, step: 1, count: 1, delta });
}
const base36 = (number) => number.toString(36);
let previous = 0;
const runWords = runs.map(({ first, last, step, count, delta }) => {
  const word = [first - previous, count, step, delta].map(base36).join('.');
  previous = last;
  return word;
});
const fullWords = entries
  .filter((entry) => entry.to.length > 1)
  .map(({ from, to }) => [from, ...to].map(base36).join('.'));

// Lines of source. Each but the last ends with the space that separates it from the next.
function literal(words) {
  const lines = [''];
  for (const word of words) {
    if (lines.at(-1).length + word.length >= COLUMNS) lines.push('');
    lines[lines.length - 1] += `${word} `;
  }
  return lines.map((line, i) => `  '${i === lines.length - 1 ? line.trimEnd() : line}'`).join(' +\n');
}

writeFileSync(
  TARGET,
  `/**
 * Unicode 15.0's CaseFolding, statuses C and F, beyond ASCII: ${entries.length} code points. Made by packaging/case-folding.mjs;
 * not to be edited. Numbers are in base 36. Derived from CaseFolding-15.0.0.txt, © 2022 Unicode, Inc.,
 * https://www.unicode.org/license.txt
 */

/**
 * \`gap.count.step.delta\`: \`count\` code points \`step\` apart, the first \`gap\` after the last one of the run
 * before, move by \`delta\`.
 */
export const RUNS =
${literal(runWords)};

/** \`from.to.to\`: one code point that becomes two or three. */
export const EXPANSIONS =
${literal(fullWords)};
`,
);
console.log(`${entries.length} code points: ${runs.length} runs and ${fullWords.length} expansions`);
