// Prints every message that a postmaster can meet, with what triggers it, at 80 columns: `npm run messages`, or
// `npm run messages -- gateway/init` for one folder. Gathered from the source, so that none is forgotten; a `{...}`
// is filled in when it is said. To be read from top to bottom before each release: whatever has to be read twice is
// to be rewritten.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../../src', import.meta.url));

/**
 * A string or a template of the source, quotes included; white space, line breaks and a + between two of them are
 * one text.
 */
const TEXT = String.raw`(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|${'`'}(?:[^${'`'}\\]|\\.)*${'`'})`;

/** What makes a message of a text: the pattern's groups are the trigger and the text. */
const MAKERS = [
  ['refused with', new RegExp(String.raw`new \w*Error\(\s*'([A-Z_]+)',\s*\[?\s*(${TEXT})`, 'g')],
  ['configuration', new RegExp(String.raw`()\berror: (${TEXT})`, 'g')],
  [
    'configuration',
    new RegExp(String.raw`()\b(?:wrong|refused|failed|unreadable|notAllowed)\(\s*\[?\s*(${TEXT})`, 'g'),
  ],
  ['log', new RegExp(String.raw`\b(?:log|say|logOnce)\(\s*'(error|warning|notice|info|debug)',\s*(${TEXT})`, 'g')],
  ['log', new RegExp(String.raw`\b(?:warn|notice|log)\(()\s*(${TEXT})`, 'g')],
  ['answer', new RegExp(String.raw`()\b(?:say|paragraph)\(\s*(${TEXT})`, 'g')],
  ['check or health', new RegExp(String.raw`()\btext(?::|\s=)\s*(${TEXT})`, 'g')],
  ['health', new RegExp(String.raw`\badd\(\s*'(\w+)',\s*'\w+',\s*(${TEXT})`, 'g')],
  ['what a code usually means', new RegExp(String.raw`^ {2}([A-Z_]{4,}):\s*(${TEXT}),$`, 'gm')],
];

const WIDTH = 78;

/** The messages of one file, in its order. */
export function messagesOf(text) {
  const found = new Map();
  for (const [kind, pattern] of MAKERS) {
    for (const { 1: trigger, 2: quoted, index } of text.matchAll(pattern)) {
      const words = shown(quoted);
      if (/\s/.test(words) && !found.has(index)) found.set(index, { kind: `${kind} ${trigger}`.trim(), words, index });
    }
  }
  return [...found.values()].sort((a, b) => a.index - b.index);
}

/** As a person sees it: what is filled in stands in braces. */
function shown(quoted) {
  return quoted
    .slice(1, -1)
    .replace(/\$\{((?:[^{}]|\{[^{}]*\})*)\}/g, (_, code) => `{${(/(\w+)\W*$/.exec(code) ?? ['', '...'])[1]}}`)
    .replace(/\\(['"`])/g, '$1')
    .replace(/\s+/g, ' ');
}

function wrapped(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== '' && last.length + 1 + word.length > WIDTH - 4) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const only = process.argv[2] ?? '';
  let count = 0;
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.ts') || !file.includes(only)) continue;
    const text = readFileSync(path.join(source, file), 'utf8');
    for (const { kind, words, index } of messagesOf(text)) {
      count++;
      const line = text.slice(0, index).split('\n').length;
      process.stdout.write(
        `${file}:${line}  ${kind}\n${wrapped(words)
          .map((each) => `    ${each}\n`)
          .join('')}\n`,
      );
    }
  }
  process.stdout.write(`${count} messages\n`);
}
