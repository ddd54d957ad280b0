// Every block of every page, read by what it is for: shell lines by bash and by the parser of our own commands,
// configurations by their readers, main.cf by Postfix.
// Covers src/publisher/config.ts, src/gateway/config.ts
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programOf } from '../../packaging/deb/command-model.mjs';
import { readGatewayConfig } from '../../src/gateway/config.ts';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { run } from '../support/finished.ts';
import { blocksOf, PAGES, type Block } from '../support/pages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const OURS = ['relaymap', 'relaymap-publish'] as const;
const all = PAGES.flatMap((page) => blocksOf(page).map((block) => ({ page, ...block })));
const at = ({ page, line }: { page: string; line: number }) => `${page}:${line}`;
const inLanguage = (...languages: string[]) => all.filter(({ language }) => languages.includes(language));

let folder: string;
const programs = new Map<string, Command>();

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-pages-'));
  for (const name of OURS) {
    const program = await programOf(name);
    program.configureOutput({ outputError: () => undefined, writeErr: () => undefined });
    for (const command of program.commands) command.action(() => undefined);
    programs.set(name, program);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The commands in shell lines, word by word; what separates commands is `;` or an operator of its own. */
function wordsOf(texts: readonly string[]): string[][][] {
  const script = `import json, shlex, sys
def words(text):
    lex = shlex.shlex(text.replace('\\\\\\n', ' ').replace('\\n', '\\n; '), posix=True, punctuation_chars=';&|()')
    lex.whitespace_split, lex.commenters = True, '#'
    commands = [[]]
    for word in lex:
        if set(word) <= set(';&|()'): commands.append([])
        else: commands[-1].append(word)
    return [c for c in commands if c]
print(json.dumps([words(t) for t in json.load(sys.stdin)]))`;
  return JSON.parse(
    execFileSync('python3', ['-c', script], { input: JSON.stringify(texts), encoding: 'utf8' }),
  ) as string[][][];
}

/** Shell lines of a block: those of a script, behind the prompt of an output, or of a line of cron. */
const shellOf = ({ language, text }: Block): string =>
  language === 'sh'
    ? text.replaceAll(/<<-?'?([A-Z]+)'?.*\n[^]*?\n\1$/gm, '') // a here-document is no command
    : language === 'cron'
      ? text.replaceAll(/^(\S+ ){5}root /gm, '')
      : [...text.matchAll(/^\$ (.*)/gm)].map(([, line = '']) => line).join('\n');

/** Redirections and a word before a command are not the command's. */
const ownWords = (words: readonly string[]): string[] => {
  const begin = words.findIndex((word) => !/^(\w+=.*|if|then|!|exec|sudo|\[)$/.test(word));
  return words.slice(begin).filter((word) => !/^\d*[<>]/.test(word));
};

function fault(name: string, args: readonly string[]): string | null {
  const program = programs.get(name);
  if (program === undefined) return null;
  try {
    program.parse([...args], { from: 'user' });
    return args.length === 0 ? 'no command' : null;
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }; // of the library that is bundled into it
    if (!code.startsWith('commander.')) throw error;
    return code === 'commander.version' ? null : message;
  }
}

test('every line of our own commands is one that they take', () => {
  const shells = all.filter((block) => shellOf(block) !== '');
  const words = wordsOf(shells.map(shellOf));
  const typed = shells.flatMap((block, i) => (words[i] ?? []).map((command) => ({ where: at(block), command: ownWords(command) }))); // prettier-ignore
  const ours = typed.filter(({ command: [name = ''] }) => programs.has(name));
  expect(ours.length).toBeGreaterThan(70);
  const faults = ours.map(({ where, command: [name = '', ...args] }) => [where, args.join(' '), fault(name, args)]);
  expect(faults.filter(([, , why]) => why !== null)).toEqual([]);
  expect(fault('relaymap', ['fetch', '--forse'])).toContain('unknown option');
  expect(fault('relaymap', ['fetsh'])).toContain('unknown command');
  expect(fault('relaymap-publish', ['keygen'])).not.toBeNull();
});

test('so is every one within a sentence', () => {
  const faults: string[] = [];
  let seen = 0;
  for (const page of PAGES) {
    const prose = readFileSync(path.join(root, page), 'utf8').replaceAll(/^```[^]*?^```$/gm, '');
    for (const [code, name = '', rest = ''] of prose.matchAll(/`(relaymap|relaymap-publish)\s+([^`]*)`/g)) {
      const program = programs.get(name);
      const [command = '', ...args] = rest.split(/\s+/);
      if (!/^[a-z]+$/.test(command) || program === undefined) continue;
      seen++;
      const known = program.commands.find((each) => each.name() === command);
      const options = args.filter((arg) => /^--[a-z]/.test(arg)).map((arg) => arg.replace(/[=,].*/, ''));
      const unknown = options.filter((option) => known?.options.every(({ long }) => long !== option));
      if ((known === undefined && command !== 'help') || unknown.length > 0) faults.push(`${page}: ${code}`);
    }
  }
  expect(seen).toBeGreaterThan(40);
  expect(faults).toEqual([]);
});

test('every block of shell lines is one for bash, and every unit in it is ours', () => {
  const units = new Set(
    ['relaymap', 'relaymap-publisher'].flatMap((name) => readdirSync(path.join(root, 'packaging/debian', name))),
  );
  for (const block of inLanguage('sh')) {
    execFileSync('bash', ['-n'], { input: block.text });
    for (const [, words = ''] of block.text.matchAll(/\bsystemctl ([^&|;#\n]*)/g)) {
      const [, ...names] = words.trim().split(/\s+/).filter((word) => !word.startsWith('-')); // prettier-ignore
      expect([at(block), names]).not.toEqual([at(block), []]);
      for (const name of names) {
        const unit = `${name.replace(/@.*?(\.|$)/, '@$1')}${/\.[a-z]+$/.test(name) ? '' : '.service'}`;
        expect([at(block), name, units.has(unit) || ['postfix', 'sendmail', 'webmin'].includes(name)]).toEqual([at(block), name, true]); // prettier-ignore
      }
    }
  }
});

const BUNDLE = '[[bundle]]\nname = "example-org"\nurls = ["https://mx-central.example.org/"]\nkeys = "/etc/relaymap/keys/example-org"\n'; // prettier-ignore
const SOURCE = '[[source]]\ntype = "file"\npath = "/etc/relaymap-publish/recipients"\n';
const PUBLISHER = { name: '"example-org"', output: '"/srv/relaymap/example-org"', keys: '["/etc/relaymap-publish/example-org.key"]' }; // prettier-ignore
const SERVE = { cert: '"/etc/relaymap-publish/tls.pem"', key: '"/etc/relaymap-publish/tls.key"', token_file: '"/etc/relaymap-publish/token"' }; // prettier-ignore

/** A part of a configuration with what else it needs, as each side would have it. */
function whole(text: string): { gateway: string; publisher: string } {
  const has = parse(text) as Record<string, unknown>;
  const lacking = (wanted: object, of: object) =>
    Object.entries(wanted).flatMap(([key, value]) => (key in of ? [] : [`${key} = ${value}\n`])).join(''); // prettier-ignore
  const bundleKeys = ['domains', 'next_hops', 'required', 'urls'].some((key) => key in has);
  const isNextHops = (has['source'] as { table?: string }[] | undefined)?.every(({ table }) => table === 'transport');
  const isCosigner = 'candidate' in has;
  const served = text.replace(/^\[serve\]\n/m, (line) => line + lacking(SERVE, has['serve'] as object));
  return {
    gateway: 'bundle' in has ? text : bundleKeys ? `${BUNDLE}${text}` : `${text}\n${BUNDLE}`,
    publisher: `${lacking(PUBLISHER, has)}${served}\n${(('source' in has) && isNextHops !== true) || isCosigner ? '' : SOURCE}`, // prettier-ignore
  };
}

function readers(text: string): string[] {
  const file = path.join(folder, 'x.toml');
  const both = whole(text);
  const refusals: string[] = [];
  for (const [side, read] of [
    ['gateway', readGatewayConfig],
    ['publisher', readPublisherConfig],
  ] as const) {
    // prettier-ignore
    writeFileSync(file, both[side]);
    try {
      read(file);
    } catch (error) {
      refusals.push(`${side}: ${(error as Error).message}`);
    }
  }
  return refusals;
}

test('every configuration is one of a gateway or of a publisher', () => {
  const blocks = inLanguage('toml');
  expect(blocks.length).toBeGreaterThan(20);
  const refused = blocks.map((block) => [at(block), ...readers(block.text)]).filter(([, ...why]) => why.length > 1);
  expect(refused).toEqual([]);
  expect(readers('[stale]\nafter = "3d"\nbefore = "1d"')).toHaveLength(2);
});

/** Lines that are commented out, each alone; a table with its keys. */
function proposals(text: string): string[] {
  const key = /^# ([a-z_]+ = (?:"[^"]*"|\[.*?\]|[\d_]+|true|false))(?: +#.*)?$/;
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const isTable = /^# \[[\w.]+\]/.test(line) && !/^# \[[\w.]+\] [a-z]/.test(line);
    const end = lines.findIndex((each, n) => n > i && !key.test(each));
    const head =
      lines
        .slice(0, i)
        .filter((each) => !key.test(each))
        .at(-1) ?? '';
    if (isTable) return [lines.map((each, n) => (n >= i && n < end ? each.replace(/^# /, '') : each)).join('\n')];
    if (!key.test(line) || head.startsWith('# [')) return [];
    return [lines.map((each, n) => (n === i ? each.replace(/^# /, '') : each)).join('\n')];
  });
}

test('what a comment of the reference proposes is known too', () => {
  const changed = inLanguage('toml').flatMap((block) => proposals(block.text).map((text) => ({ block, text })));
  expect(changed.length).toBeGreaterThan(15);
  for (const { block, text } of changed) {
    const refusals = readers(text);
    // A value may need another one beside it, which is commented out as well.
    const best = refusals.length < 2 ? [] : refusals.filter((why) => !/unknown key|must be|twice|redefine/.test(why));
    expect([at(block), text, refusals.length < 2 || best.length > 0 || refusals]).toEqual([at(block), text, true]);
  }
});

test('Postfix knows every parameter of main.cf that a page names', async () => {
  for (const block of inLanguage('ini')) {
    const config = path.join(folder, 'postfix');
    mkdirSync(config, { recursive: true });
    writeFileSync(path.join(config, 'main.cf'), `compatibility_level = 3.6\n${block.text}\n`);
    writeFileSync(path.join(config, 'master.cf'), '');
    const { status, stderr, stdout } = await run(['postconf', '-c', config, '-n']);
    // A table of another host is not there.
    const said = stderr.split('\n').filter((line) => line !== '' && !/open "mysql" configuration/.test(line));
    expect([at(block), status, said]).toEqual([at(block), 0, []]);
    for (const line of block.text.trim().split('\n')) expect(stdout.split('\n')).toContain(line);
  }
  const shells = inLanguage('sh').flatMap((block) =>
    [...block.text.matchAll(/\bpostconf -(?:X|e|h) ["']?([a-z_]+)/g)].map(([, name = '']) => ({ block, name })),
  );
  expect(shells.length).toBeGreaterThan(5);
  const { stderr } = await run(['postconf', '-d', ...new Set(shells.map(({ name }) => name))]);
  expect(stderr).toBe('');
});

test('YAML and JSON are what they look like, and variables are those of the role', () => {
  for (const block of inLanguage('json')) expect(() => JSON.parse(block.text) as unknown, at(block)).not.toThrow();
  const defaults = readFileSync(path.join(root, 'packaging/ansible/roles/relaymap_gateway/defaults/main.yml'), 'utf8');
  for (const block of inLanguage('yaml')) {
    execFileSync('python3', ['-c', 'import sys, yaml; yaml.safe_load(sys.stdin)'], { input: block.text });
    for (const [, name = ''] of block.text.matchAll(/^\s+(relaymap_gateway_\w+):/gm)) expect(defaults).toContain(name);
  }
});
