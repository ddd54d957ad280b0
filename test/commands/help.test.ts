// What a person sees who asks for help or mistypes: fits a terminal of 80 columns, names the nearest word, and is never a stack.
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

  test('--version is a number', () => {
    expect(run(command, '--version')).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });

  test.each(named(help.stdout))('%s --help', (name) => {
    const { status, stdout, stderr } = run(command, name, '--help');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: ${command} ${name} `));
    if (!['keygen', 'inspect'].includes(name)) expect(stdout).toContain('--config <FILE>');
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    for (const line of stdout.matchAll(/^ {2}--\S+(?: <\S+>)?(.*)$/gm)) expect(line[1], line[0]).toMatch(/\S/);
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

test('a mistyped option names the nearest known one', () => {
  expect(run('relaymap', 'fetch', '--accept-shrnk').stderr).toContain('--accept-shrink');
  expect(run('relaymap-publish', 'publish', '--alow-shrink').stderr).toContain('--allow-shrink');
  expect(run('relaymap', 'fetsh').stderr).toContain('fetch');
});
