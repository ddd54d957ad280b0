// The man pages are the reference: every command, option, configuration key and code is in them, and nothing that
// there is not.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { commandModel } from '../../packaging/deb/command-model.mjs';
import { Config as GatewayConfig } from '../../src/gateway/config.ts';
import { ADVICE } from '../../src/gateway/say/advice.ts';
import { Config as PublisherConfig } from '../../src/publisher/config.ts';

const folder = fileURLToPath(new URL('../../packaging/man', import.meta.url));
const page = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

/** Tables and keys of a configuration: `schedule.cron`; a list of tables counts as its element. */
function keysOf(schema: unknown, before: readonly string[] = []): string[] {
  const here = unwrap(schema);
  if (here instanceof z.ZodMiniObject) {
    return Object.entries(here.def.shape as Record<string, unknown>).flatMap(([key, value]) => {
      const below = keysOf(value, [...before, key]);
      return below.length === 0 ? [[...before, key].join('.')] : below;
    });
  }
  return here instanceof z.ZodMiniArray ? keysOf(here.def.element, before) : [];
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodMiniOptional || schema instanceof z.ZodMiniDefault || schema instanceof z.ZodMiniPrefault)
    return unwrap(schema.def.innerType);
  return schema instanceof z.ZodMiniPipe ? unwrap(schema.def.in) : schema;
}

/** The keys that a page explains, by section: `.Sh [schedule]`, then `.It Cm cron`. */
function explained(text: string): Set<string> {
  const keys = new Set<string>();
  let section = '';
  for (const line of text.split('\n')) {
    const heading = /^\.Sh (.*)/.exec(line)?.[1];
    if (heading !== undefined) section = heading.startsWith('[') ? `${heading.replace(/[[\]]/g, '')}.` : '';
    for (const key of /^\.It Cm (.*)/.exec(line)?.[1]?.split(/[ ,]+/) ?? []) keys.add(section + key);
  }
  return keys;
}

describe.each(['relaymap', 'relaymap-publish'])('%s(1)', (name) => {
  test('has each command with all its options, and no other', async () => {
    const text = page(`${name}.1`);
    const listed = /^\.Sh COMMANDS$([\s\S]*?)^\.Sh /m.exec(text)?.[1] ?? '';
    const section = new Map(
      listed.split(/^\.It Cm (?=[a-z]+(?: |$))/m).map((part) => [/^[a-z]+/.exec(part)?.[0] ?? '', part]),
    );
    const model = await commandModel(name);
    const everywhere = new Set(['--config', '--help', '--version']);
    const known = new Set(model.commands.flatMap((c) => c.options.map((o) => o.long)).concat('--version'));
    for (const command of model.commands) {
      const part = section.get(command.name);
      expect(part, `${command.name} is in the page`).toBeDefined();
      const synopsis = part?.split('\n')[0] ?? '';
      for (const { long, value } of command.options) {
        if (everywhere.has(long)) continue;
        expect(synopsis, `${command.name} ${long}`).toContain(
          value === null ? `Fl ${long.slice(1)}` : `Fl ${long.slice(1)} Ar`,
        );
      }
      for (const argument of command.arguments)
        expect(synopsis.toLowerCase(), command.name).toContain(`ar ${argument.name.toLowerCase()}`);
    }
    for (const long of everywhere) expect(text).toContain(`Fl ${long.slice(1)}`);
    const named = [...text.matchAll(/\bFl -([a-z][a-z-]+)/g)].map(([, option = '']) => `--${option}`);
    expect(named.filter((option) => !known.has(option))).toEqual([]);
  });

  test('explains each option somewhere beyond the synopsis', async () => {
    const items = new Set(
      [...page(`${name}.1`).matchAll(/^\.It Fl -([a-z-]+)/gm)].map(([, option = '']) => `--${option}`),
    );
    const flags = page(`${name}.1`).replace(/^\.It Cm .*$/gm, '');
    const { commands } = await commandModel(name);
    for (const { long } of commands.flatMap((c) => c.options))
      expect(items.has(long) || flags.includes(`Fl ${long.slice(1)}`), long).toBe(true);
  });
});

/** The part of docs/commands.md on a program: its sections 2 or 3. */
const contract = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');
const sections = contract.split(/^(?=## \d\. )/m);

test('docs/commands.md says which commands read no configuration', async () => {
  const models = await Promise.all(['relaymap', 'relaymap-publish'].map(commandModel));
  const without = models.flatMap(({ commands }) =>
    commands.filter(({ options }) => options.every(({ long }) => long !== '--config')).map(({ name }) => name),
  );
  const said = /`--config FILE` but for (.*?), which read none/s.exec(contract)?.[1] ?? '';
  expect([...said.matchAll(/`(\w+)`/g)].map(([, name]) => name)).toEqual([...new Set(without)].sort());
});

describe.each([
  ['relaymap', '## 2. '],
  ['relaymap-publish', '## 3. '],
])('docs/commands.md on %s', (name, heading) => {
  const text = sections.find((section) => section.startsWith(heading)) ?? '';

  test('has each command, and each of its options, and no option that there is not', async () => {
    const { commands } = await commandModel(name);
    const items = text.split(/^- /m);
    const isListed = (word: string) => items.some((item) => new RegExp(`^(?:\`[^\`]*\`, )?\`${word}\\b`).test(item));
    const options = commands.flatMap((command) => command.options.map(({ long }) => `${command.name} ${long}`));
    const everywhere = / --(config|help|version)$/;
    expect(commands.filter((each) => each.name !== 'help' && !isListed(each.name)).map((each) => each.name)).toEqual(
      [],
    );
    expect(
      options.filter((each) => !everywhere.test(each) && !new RegExp(`${each.replace(/.* /, '')}\\b`).test(text)),
    ).toEqual([]);
    const known = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
    const named = [...text.matchAll(/(?<=[\s`])--[a-z][a-z-]+/g)].map(([option]) => option);
    expect(named.filter((option) => !known.has(option))).toEqual([]);
  });
});

describe.each([
  ['relaymap.toml.5', GatewayConfig],
  ['relaymap-publish.toml.5', PublisherConfig],
])('%s', (name, schema) => {
  test('explains each key in its section, and no other', () => {
    const keys = keysOf(schema);
    expect(keys.length).toBeGreaterThan(10);
    const found = explained(page(name));
    expect(keys.filter((key) => !found.has(key))).toEqual([]);
    expect([...found].filter((key) => !keys.includes(key))).toEqual([]);
  });
});

test('every code of a refusal is explained, on both sides', () => {
  const codes = (name: string) =>
    new Set([...page(name).matchAll(/^\.It Sy (.*)/gm)].flatMap(([, list = '']) => list.split(/[ ,]+/)));
  expect(Object.keys(ADVICE).filter((code) => !codes('relaymap.1').has(code))).toEqual([]);
  const source = readFileSync(new URL('../../src/publisher/errors.ts', import.meta.url), 'utf8');
  const own = [...source.matchAll(/^ {2}([A-Z_]+): \d/gm)].map(([, code = '']) => code);
  expect(own.length).toBeGreaterThan(5);
  expect(own.filter((code) => !codes('relaymap-publish.1').has(code))).toEqual([]);
});

/** What a page looks like on a terminal, without the overstriking of bold letters. */
const rendered = (name: string): string =>
  execFileSync('mandoc', ['-Tascii', '-Owidth=1000', path.join(folder, name)], { encoding: 'utf8' }).replace(
    /.\x08/g,
    '',
  );

test.each(['relaymap', 'relaymap-publish'])('%s(1) shows each option in brackets of its own', async (name) => {
  const text = rendered(`${name}.1`);
  expect(text).not.toMatch(/\[[^\]\n]*\[--/);
  const { commands } = await commandModel(name);
  for (const command of commands) {
    const synopsis = new RegExp(`^ {5}${command.name}(?: .*)?$`, 'm').exec(text)?.[0] ?? '';
    for (const { long, value, required } of command.options) {
      if (['--config', '--help', '--version'].includes(long)) continue;
      const own = value === null ? long : `${long} ${value}`;
      expect(synopsis, command.name).toContain(required ? ` ${own}` : ` [${long}${value === null ? ']' : ' '}`);
      if (required) expect(synopsis).not.toContain(`[${long}`);
    }
  }
});

test.each(readdirSync(folder))('%s is clean to mandoc', (name) => {
  expect(execFileSync('mandoc', ['-Tlint', '-Wwarning', path.join(folder, name)], { encoding: 'utf8' })).toBe('');
});
