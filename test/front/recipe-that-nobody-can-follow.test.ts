// docs/recipes: each configuration is one, each compose file is read by a parser and names what the images know, maps
// are shared as a folder, links and named tests exist, and each page says what was tried.
// Covers src/publisher/config.ts
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { blocksOf } from '../support/pages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = readdirSync(path.join(root, 'docs/recipes')).map((name) => `docs/recipes/${name}`);
const scripts = ['configure', 'backup-mx']
  .map((name) => readFileSync(path.join(root, 'packaging/image/files', name), 'utf8'))
  .join('\n');

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly environment?: object; readonly volumes?: string[]; readonly secrets?: string[] }>
  >;
  readonly volumes?: object;
  readonly secrets?: object;
}

const parsed = (yaml: string): Compose =>
  JSON.parse(
    execFileSync('python3', ['-c', 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))'], {
      input: yaml,
      encoding: 'utf8',
    }),
  ) as Compose;

test.each(pages)('%s: each configuration of the publisher is one', (page) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-recipe-'));
  try {
    for (const { text } of blocksOf(page).filter(({ language }) => language === 'toml')) {
      writeFileSync(path.join(folder, 'x.toml'), text);
      expect(() => readPublisherConfig(path.join(folder, 'x.toml')), text).not.toThrow();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(pages)('%s: each compose file names volumes, secrets and variables that there are', (page) => {
  for (const { text } of blocksOf(page).filter(({ language }) => language === 'yaml')) {
    const { services, volumes = {}, secrets = {} } = parsed(text);
    for (const { environment = {}, volumes: mounts = [], secrets: given = [] } of Object.values(services)) {
      for (const name of Object.keys(environment)) expect(scripts).toMatch(new RegExp(`\\b${name}\\b`));
      for (const name of given) expect(secrets).toHaveProperty(name);
      for (const mount of mounts) {
        const [source = '', target = ''] = mount.split(':');
        if (/^[a-z]/.test(source)) expect(volumes).toHaveProperty(source);
        // A map is renamed into place: a mount of one file would keep the old one.
        if (target.startsWith('/var/lib/relaymap')) expect(target).toMatch(/^\/var\/lib\/relaymap(\/maps)?$/);
      }
    }
  }
});

test.each(pages)('%s: what it links to and the tests that it names are there, and it says what was tried', (page) => {
  const text = readFileSync(path.join(root, page), 'utf8');
  expect(text).toContain('\n## What was tried\n');
  for (const [, link = ''] of text.matchAll(/\]\(([^)#:]+)[^)]*\)/g))
    expect([link, existsSync(path.join(root, path.dirname(page), link))]).toEqual([link, true]);
  for (const [, name = ''] of text.matchAll(/`(test\/[\w/-]+)`/g))
    expect([name, [name, `${name}.test.ts`].some((file) => existsSync(path.join(root, file)))]).toEqual([name, true]);
});
