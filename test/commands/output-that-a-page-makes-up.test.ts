// What a page shows is what the command prints, but for numbers and names; a block with the mark `here` is typed as it
// stands, in a folder of its own.
// Covers src/bin/publisher/fleet, src/bin/gateway/health-command.ts
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { run, type Finished } from '../support/finished.ts';
import { fleetLog } from '../support/fleet-log.ts';
import { blocksOf, PAGES } from '../support/pages.ts';
import { startPostfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';

const all = PAGES.flatMap((page) => blocksOf(page).map((block) => ({ page, ...block })));
const marked = (mark: string, word: string) => all.filter(({ marks }) => marks[0] === mark && marks[1] === word);

let site: Site;
const at = (...names: string[]): string => path.join(site.dir, ...names);

beforeAll(async () => {
  site = await createSite();
  await site.publishAndFetch(['alice@example.org', 'bob@example.org']);
});
afterAll(() => site?.stop());

const ok = async (finished: Promise<Finished>): Promise<string> => {
  const { status, stdout, stderr } = await finished;
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
};

/** A block as a pattern: any number for a number, anything for dots. */
const shape = (text: string): RegExp =>
  new RegExp(
    text
      .replaceAll(/^\$ .*\n/gm, '')
      .trim()
      .split(' ...')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`).replaceAll(/\d+/g, String.raw`\d+`))
      .join('[^\\n]*'),
  );

/** The names of all members, however deep. */
const members = (value: unknown): string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, below]) => [...(Array.isArray(value) ? [] : [name]), ...members(below)])
    : [];

/** That a block names just the members that the answer has, or may have. */
function sameMembers(text: string, answer: unknown, may: readonly string[]): void {
  const named = new Set([...text.matchAll(/"(\w+)"/g)].map(([, name = '']) => name));
  const given = new Set(members(answer));
  expect([...given].filter((name) => !named.has(name))).toEqual([]);
  expect([...named].filter((name) => !given.has(name) && !may.includes(name))).toEqual([]);
}

/** The log of sixty gateways, for a list that is out since a while. */
function fleetLogHere(): string {
  const now = Math.floor(Date.now() / 1000);
  const file = at('fleet.log');
  writeFileSync(file, fleetLog(now, 1, now - 1500));
  return file;
}

const SHOWS: Record<string, (text: string) => Promise<void>> = {
  health: async (text) => expect(await ok(site.relaymap('health'))).toMatch(shape(text)),

  fleet: async (text) => {
    const said = await ok(site.relaymapPublish('fleet', '--log', fleetLogHere()));
    const [sentence = '', curve = ''] = text.split('\n');
    expect(said.split('\n')[0]).toMatch(shape(sentence.replace(/ for \d+ \w+$/, ' ...')));
    // A list that is out since a moment has not reached them all.
    expect(said.replaceAll('not yet', 'after 99 s')).toMatch(shape(curve));
  },

  init: async (text) => {
    const postfix = await startPostfix({
      mainCf: {
        relay_domains: 'example.org',
        relay_transport: 'discard:',
        relay_recipient_maps: 'texthash:{dir}/recipients',
      },
      files: { recipients: ['alice', 'bob', 'carol', 'sales'].map((name) => `${name}@example.org OK\n`).join('') },
    });
    onTestFinished(() => postfix.stop());
    mkdirSync(at('etc'));
    writeFileSync(at('etc/relaymap.toml'), `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
    const list = ['--name', 'example-org', '--url', site.url, '--key', at('signing/example-org.pub')];
    const words = ['init', '--config', at('etc/relaymap.toml'), ...list, '--ca-file', at('tls.pem')];
    const said = run([process.execPath, path.join(BIN_FOLDER, 'relaymap.cjs'), ...words], {
      env: { NO_COLOR: '1', ...site.env, ...postfix.env },
    });
    expect(await ok(said)).toContain(text);
  },

  'fetch-json': async (text) => {
    sameMembers(text, await site.fetch(), []);
  },

  'health-json': async (text) => {
    const report = JSON.parse(await ok(site.relaymap('health', '--json'))) as unknown;
    sameMembers(text, report, ['since', 'step', 'signedBy']);
  },

  'access-log': async (text) => {
    const line = text.replaceAll('\n', '');
    writeFileSync(at('access.json'), `${line}\n`);
    const { time } = JSON.parse(line) as { time: string };
    const said = await ok(site.relaymapPublish('fleet', '--json', '--log', at('access.json')));
    const fleet = JSON.parse(said) as { gateways: { name: string; by: string; version: number }[]; log: object };
    expect(fleet.gateways.map(({ name, by, version }) => [name, by, version])).toEqual([['mx1', 'token', 42]]);
    expect(fleet.log).toMatchObject({ lines: 1, unread: 0 });
    expect(new Date(time).toISOString()).toBe(time);
  },

  'next-hops': async (text) => {
    const before = readFileSync(site.publisherConfig, 'utf8');
    writeFileSync(at('next-hops'), `${text}\n`);
    writeFileSync(
      site.publisherConfig,
      `${before}\n[[source]]\ntype = "file"\npath = "${at('next-hops')}"\ntable = "transport"\n`,
    );
    const said = await ok(site.relaymapPublish('publish', '--dry-run'));
    writeFileSync(site.publisherConfig, before);
    for (const [, domain = '', host = ''] of text.matchAll(/^([a-z.]+) +(\S+)$/gm)) expect(said).toMatch(new RegExp(`${domain}.*${host.replaceAll(/[[\].]/g, String.raw`\$&`)}`)); // prettier-ignore
  },
};

const shown = all.filter(({ marks }) => marks[0] === 'shows');
test.each(shown)('$page:$line shows what there is', async ({ marks, text }) => {
  await SHOWS[marks[1] ?? '']?.(text);
  expect(SHOWS).toHaveProperty([marks[1] ?? '']);
});

/** The lines of a block, by root or whoever runs this, in a tree of its own; units are started elsewhere. */
async function type(name: string, text: string): Promise<{ said: string; tree: string }> {
  const tree = at(`tree-${name}`);
  mkdirSync(path.join(tree, 'bin'), { recursive: true });
  for (const [command, file] of [
    ['relaymap', 'relaymap.cjs'],
    ['relaymap-publish', 'relaymap-publish.js'],
  ] as const) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${path.join(BIN_FOLDER, file)}' "$@"\n`;
    writeFileSync(path.join(tree, 'bin', command), script, { mode: 0o755 });
  }
  const group = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
  const here = text
    .replaceAll(/(^|[\s=>'])\/(etc|srv|var)\//gm, `$1${tree}/$2/`)
    .replaceAll(/(chgrp (?:-R )?)relaymap-publish\b/g, `$1${group}`)
    .replaceAll(/^systemctl .*$/gm, '');
  const PATH = `${tree}/bin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const typed = run(['bash', '-euc', `cd '${tree}'\n${here}`], { env: { PATH, ...site.env } });
  const { status, stdout, stderr } = await typed;
  expect(status, `${here}\n${stderr}`).toBe(0);
  return { said: stdout, tree };
}
const mode = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

const HERE: Record<string, { before?: (tree: string) => void; after: (tree: string, said: string) => void }> = {
  certificate: {
    before: (tree) => mkdirSync(path.join(tree, 'etc/relaymap-publish'), { recursive: true }),
    after: (tree) => {
      const etc = path.join(tree, 'etc/relaymap-publish');
      const text = execFileSync('openssl', ['x509', '-in', `${etc}/tls.pem`, '-noout', '-ext', 'subjectAltName'], { encoding: 'utf8' }); // prettier-ignore
      expect(text).toContain('DNS:mx-central.example.org');
      expect(mode(`${etc}/tls.key`)).toBe('640');
    },
  },
  certbot: {
    before: (tree) => {
      for (const part of ['live', 'archive']) {
        mkdirSync(path.join(tree, 'etc/letsencrypt', part, 'mx-central.example.org'), { recursive: true });
        chmodSync(path.join(tree, 'etc/letsencrypt', part), 0o700);
      }
      writeFileSync(path.join(tree, 'etc/letsencrypt/archive/mx-central.example.org/privkey1.pem'), '', {
        mode: 0o600,
      });
    },
    after: (tree) => {
      const etc = path.join(tree, 'etc/letsencrypt');
      expect([mode(`${etc}/live`), mode(`${etc}/archive`)]).toEqual(['750', '750']);
      expect(mode(`${etc}/archive/mx-central.example.org/privkey1.pem`)).toBe('640');
    },
  },
  tokens: {
    before: (tree) => mkdirSync(path.join(tree, 'etc/relaymap-publish'), { recursive: true }),
    after: (tree) => {
      expect(mode(path.join(tree, 'etc/relaymap-publish/tokens'))).toBe('750');
      expect(readdirSync(path.join(tree, 'etc/relaymap-publish/tokens'))).toEqual([]);
    },
  },
  fleet: {
    before: (tree) => {
      mkdirSync(path.join(tree, 'var/log/nginx'), { recursive: true });
      writeFileSync(path.join(tree, 'var/log/nginx/access.log'), readFileSync(fleetLogHere()));
    },
    after: (_, said) => expect(said).toMatch(/^example-org: \d+ of \d+ current/),
  },
  keys: {
    before: (tree) => {
      mkdirSync(path.join(tree, 'keys'));
      mkdirSync(path.join(tree, 'etc/relaymap-publish'), { recursive: true });
    },
    after: (tree, said) => {
      expect(said).toMatch(/[0-9a-f]{64}/);
      expect(readdirSync(path.join(tree, 'keys'))).toEqual(['example-org.pub']);
      expect(mode(path.join(tree, 'etc/relaymap-publish/example-org.key'))).toBe('600');
    },
  },
  'user-patches': {
    before: (tree) => {
      const folder = path.join(tree, 'etc/postfix-policyd-spf-python');
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, 'policyd-spf.conf'), 'TestOnly = 1\n');
    },
    after: (tree) =>
      expect(readFileSync(path.join(tree, 'etc/postfix-policyd-spf-python/policyd-spf.conf'), 'utf8')).toBe(
        'TestOnly = 1\nWhitelist = 192.0.2.25/32\n',
      ),
  },
};

describe('typed here', () => {
  test.each(Object.keys(HERE))('%s', async (name) => {
    const blocks = marked('here', name);
    expect(blocks).toHaveLength(1);
    mkdirSync(at(`tree-${name}`));
    HERE[name]?.before?.(at(`tree-${name}`));
    const text = blocks.map((block) => block.text).join('\n');
    const { said, tree } = await type(name, name === 'fleet' ? `${text} --config '${site.publisherConfig}'` : text);
    HERE[name]?.after(tree, said);
    if (name !== 'user-patches') return;
    await type(name, text); // a container that starts again
    HERE[name]?.after(tree, said);
  });

  test('nothing else has this mark', () => {
    const words = all.filter(({ marks }) => marks[0] === 'here').map(({ marks }) => marks[1] ?? '');
    expect(words.filter((word) => !(word in HERE))).toEqual([]);
  });
});
