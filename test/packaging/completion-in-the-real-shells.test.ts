// What the Tab key gives in bash, zsh and fish, from the completion that the packages ship; asked of the shells
// themselves.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandModel } from '../../packaging/deb/command-model.mjs';
import * as completion from '../../packaging/deb/completion.mjs';

const run = promisify(execFile);
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap completion-'));
  mkdirSync(path.join(folder, 'a folder'));
  writeFileSync(path.join(folder, 'a file'), '');
  writeFileSync(path.join(folder, 'r.toml'), '[[bundle]]\nname = "one"\n[[bundle]]\n  name="two"\n');
  for (const name of ['relaymap', 'relaymap-publish']) {
    const model = await commandModel(name);
    writeFileSync(path.join(folder, `${name}.bash`), completion.bash(model));
    writeFileSync(path.join(folder, `_${name}`), completion.zsh(model));
    writeFileSync(path.join(folder, `${name}.fish`), completion.fish(model));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .sort((a, b) => (a < b ? -1 : 1));

/** What bash offers for the last word. */
async function bash(line: readonly string[]): Promise<string[]> {
  const script = `source "$1/$2.bash"; name=$2; cd "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    function_name=$(complete -p "$name" | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); "$function_name"; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', folder, ...line]);
  return words(stdout);
}

/** What fish offers for the line. */
async function fish(line: readonly string[]): Promise<string[]> {
  const script = `source ${line[0]}.fish; complete -C '${line.join(' ')}'`;
  const { stdout } = await run('fish', ['--no-config', '-c', script], {
    cwd: folder,
    env: { ...process.env, HOME: folder },
  });
  return words(stdout.replace(/\t.*/g, ''));
}

/** Types the line in a zsh with a terminal of its own (zsh/zpty), has it list what could come, and reads the screen. */
const ZPTY = `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=""; stty rows 60 cols 100; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; setopt nobeep; LISTMAX=0
  zle-line-init() { print -n "<Z""LE>" }; zle -N zle-line-init
  list() { zle list-choices; zle -R; print -n "<E""ND>" }; zle -N list; bindkey "^X" list'
zpty -r z out '*<ZLE>*'
zpty -w -n z "$1"$'\\C-x'
zpty -r z out '*<END>*'; print -r -- "$out"
zpty -d z`;

async function zsh(line: readonly string[]): Promise<string[]> {
  const { stdout } = await run('zsh', ['-f', '-c', ZPTY, 'zsh', line.join(' ')], {
    cwd: folder,
    env: { ...process.env, TERM: 'dumb', HOME: folder },
    timeout: 300_000,
  });
  return [...stdout.matchAll(/^(\S+) +-- /gm)].map(([, word = '']) => word);
}

test('zsh lists the commands with what they do, and the options of a command', async () => {
  const { commands } = await commandModel('relaymap');
  expect(await zsh(['relaymap', ''])).toEqual(commands.map((c) => c.name).sort((a, b) => (a < b ? -1 : 1)));
  expect(await zsh(['relaymap', 'health', '--'])).toEqual(['--config', '--deep', '--help', '--json', '--version']);
  expect(await zsh(['relaymap-publish', 'publish', '--'])).toContain('--next-version');
});

describe('bash and fish', () => {
  test.each([
    ['bash', bash],
    ['fish', fish],
  ] as const)('%s offers the commands, and the options of a command', async (_, ask) => {
    const { commands } = await commandModel('relaymap');
    expect(await ask(['relaymap', ''])).toEqual(expect.arrayContaining(commands.map((c) => c.name)));
    expect(await ask(['relaymap', 'hea'])).toEqual(['health']);
    expect(await ask(['relaymap', 'health', '--'])).toEqual(['--config', '--deep', '--help', '--json', '--version']);
    expect(await ask(['relaymap-publish', 'publish', '--n'])).toEqual(['--next-version']);
    expect(await ask(['relaymap', 'hold', '--f'])).toEqual([]);
  });

  test('bash offers files, folders, and the bundles of the configuration that is named', async () => {
    expect(await bash(['relaymap', 'import', 'a'])).toEqual(['a folder']);
    expect(await bash(['relaymap', 'fetch', '--config', 'a'])).toEqual(['a file', 'a folder']);
    expect(await bash(['relaymap', 'fetch', '--config', 'r.toml', '--bundle', ''])).toEqual(['one', 'two']);
    expect(await bash(['relaymap', 'rollback', '--to', ''])).toEqual([]);
  });

  test('fish offers files and folders', async () => {
    expect(await fish(['relaymap', 'import', 'a'])).toEqual(['a folder/']);
    expect(await fish(['relaymap', 'fetch', '--config', 'a'])).toEqual(['a file', 'a folder/']);
  });
});
