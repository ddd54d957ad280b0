// What a person sees who asks for help or mistypes: fits a terminal of 80 columns, names the nearest word, and is
// never a stack.
// Covers src/bin/program.ts, src/bin/all-commands.ts, src/bin/relaymap-publish.ts
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../../dist/bin/', import.meta.url));
const COMMANDS = { relaymap: 'relaymap.cjs', 'relaymap-publish': 'relaymap-publish.js' };

function run(command: keyof typeof COMMANDS, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(bin, COMMANDS[command]), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  expect(stdout + stderr).not.toMatch(/\n\s+at |node:internal/);
  return { status, stdout, stderr };
}

/** The commands that the help itself names. */
const named = (help: string) => [...help.matchAll(/^ {2}([a-z]+) .*/gm)].map((match) => match[1] ?? '');

describe.each(['relaymap', 'relaymap-publish'] as const)('%s', (command) => {
  const help = run(command, '--help');

  test('--help is an answer: on stdout, exit 0, 80 columns, exit statuses explained', () => {
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(named(help.stdout).length).toBeGreaterThan(4);
    expect(help.stdout).toMatch(/Exit status: 0 done, 1 refused/);
    for (const line of help.stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
  });

  const version = { status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string, stderr: '' };

  test.each(['-V', '--version'])('%s is a number', (option) => expect(run(command, option)).toEqual(version));

  test('help and -h say what --help says', () => {
    for (const word of ['help', '-h']) expect(run(command, word)).toEqual(help);
  });

  test.each(named(help.stdout))('help %s is its --help; -h and -V work there too', (name) => {
    const one = run(command, name, '--help');
    expect(run(command, 'help', name)).toEqual(one);
    expect(run(command, name, '-h')).toEqual(one);
    expect(run(command, name, '-V')).toEqual(version);
  });

  test('help for a command that is not there: exit 2, and no help of another', () => {
    const { status, stdout, stderr } = run(command, 'help', 'frobnicate');
    expect([status, stdout, stderr]).toEqual([2, '', `error: unknown command 'frobnicate'; see: ${command} help\n`]);
  });

  test.each(named(help.stdout))('%s --help', (name) => {
    const { status, stdout, stderr } = run(command, name, '--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: ${command} ${name} `));
    if (!['keygen', 'inspect', 'sign', 'help'].includes(name)) expect(stdout).toContain('--config <FILE>');
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    for (const line of stdout.matchAll(/^ {2}(?:-\w, )?--\S+(?: <\S+>)?(.*)$/gm))
      expect(line[1], line[0]).toMatch(/\S/);
  });

  test.each([
    ['an unknown option', 'publish|fetch', ['--forse'], /unknown option '--forse'/],
    ['an unknown command', '', ['fetsh'], /unknown command 'fetsh'/],
  ])('%s: one line on stderr, exit 2', (_, under, args, words) => {
    const first = under === '' ? [] : [command === 'relaymap' ? 'fetch' : 'publish'];
    const { status, stdout, stderr } = run(command, ...first, ...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(words);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('nothing at all: the help, and it is no success', () => {
    const { status, stdout, stderr } = run(command);
    expect(status).toBe(2);
    expect(stdout + stderr).toContain('Usage:');
  });
});

test.each([
  ['relaymap', ['fetch', '--jsn'], '--json'],
  ['relaymap', ['fetch', '--dry-rn'], '--dry-run'],
  ['relaymap', ['health', '--dep'], '--deep'],
  ['relaymap', ['hsitory'], 'history'],
  ['relaymap', ['lokup', 'a@example.org'], 'lookup'],
  ['relaymap', ['--hepl'], '--help'],
  ['relaymap-publish', ['publish', '--dryrun'], '--dry-run'],
  ['relaymap-publish', ['inspct'], 'inspect'],
] as const)('%s %j: the nearest known word is named', (command, line, word) => {
  const { status, stdout, stderr } = run(command, ...line);
  expect([status, stdout]).toEqual([line[0] === 'health' ? 3 : 2, '']);
  expect(stderr).toMatch(new RegExp(`; did you mean ${word}\\?\n$`));
});

test.each([
  ['relaymap', ['fetsh'], 'fetch'],
  ['relaymap', ['hol'], 'hold'],
  ['relaymap', ['helo'], 'hold'],
  ['relaymap', ['rolback'], 'rollback'],
  ['relaymap', ['resum'], 'resume'],
  ['relaymap', ['ini'], 'init'],
  ['relaymap', ['fetch', '--accept-shrnk'], '--accept-shrink'],
  ['relaymap', ['fetch', '--forse'], '--force'],
  ['relaymap', ['fetch', '--rebuild-stat'], '--rebuild-state'],
  ['relaymap-publish', ['publis'], 'publish'],
  ['relaymap-publish', ['publish', '--alow-shrink'], '--allow-shrink'],
] as const)('%s %j: a word that changes something is never named', (command, line, word) => {
  const { status, stdout, stderr } = run(command, ...line);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).not.toMatch(new RegExp(`mean ${word}\\b`));
});
