// `relaymap lookup` answers what Postfix will: exit 0 all accepted, 1 some rejected, 2 no map.
// Covers src/gateway/lookup, src/bin/gateway/lookup-command.ts, src/gateway/maps/open-map.ts
import { rmSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIST, Scene } from '../support/scene.ts';

const ROWS = [
  ...LIST,
  'dora+x@example.org',
  '@whole.example',
  'a b@example.org',
  'six"inch@example.org',
  'bang!path@example.org',
  'jörg@bücher.example',
  'x@sub.example.org',
];
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open({ rows: ROWS });
});
afterAll(() => scene.close());

const asks = (...addresses: string[]) => scene.gateway.lookup(...addresses);

test.each([
  ['alice@example.org', 'alice@example.org'],
  ['Alice@EXAMPLE.org', 'alice@example.org'],
  ['dora+x@example.org', 'dora+x@example.org'],
  ['anyone.at+all@whole.example', '@whole.example'],
  ['a b@example.org', 'a b@example.org'],
  ['JÖRG@BÜCHER.example', 'jörg@bücher.example'],
  ['<Alice@example.org>', 'alice@example.org'],
  ['"a b"@example.org', 'a b@example.org'],
  ['"a\\ b"@example.org', 'a b@example.org'],
  ['"six\\"inch"@example.org', 'six"inch@example.org'],
  ['"alice"@EXAMPLE.org.', 'alice@example.org'],
])('%s is accepted by %s', async (address, row) => {
  const { status, stdout, stderr } = await asks(address);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toBe(`${address}: accepted by the row ${row} of example-org version 1\n`);
});

test.each([
  ['nobody@example.org', /no such recipient/],
  ['alice@sub.example.org', /no such recipient/],
  ['anyone@sub.whole.example', /no such recipient/],
  ['dora@example.org', /no such recipient/],
  ['alice+x@example.org', /no such recipient/],
  ['alice@elsewhere.example', /not a relay domain/],
  ['alice@[127.0.0.1]', /not a relay domain/],
  ['alice@sub..example.org', /not a valid host name/],
  ['"a  b"@example.org', /no such recipient/],
  ['bang!path@example.org', /takes the @, ! or % before its last @ for a route \(allow_untrusted_routing\)/],
  ['"alice@example.org"@example.org', /for a route/],
  ['"-alice"@example.org', /begins with a hyphen \(allow_min_user\)/],
])('%s is rejected', async (address, why) => {
  const { status, stdout } = await asks(address);
  expect(status).toBe(1);
  expect(stdout).toMatch(why);
});

test('with a delimiter the part before it is asked for too', async () => {
  const run = (...args: string[]) => scene.gateway.run(['lookup', ...args], { mayName: true });
  expect((await run('--delimiter', '+', 'alice+news@example.org')).status).toBe(0);
  expect((await run('--delimiter', '-', 'alice+news@example.org')).status).toBe(1);
  expect((await run('--delimiter', '+-', 'alice-news@example.org')).status).toBe(0);
});

test('several: one line each, and one that is rejected decides', async () => {
  const { status, stdout } = await asks('alice@example.org', 'nobody@example.org', 'bob@example.org');
  expect(status).toBe(1);
  expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  expect((await asks('alice@example.org', 'bob@example.org')).status).toBe(0);
});

test.each([
  'alice',
  '@',
  'alice@',
  '',
  '<>',
  'Alice <alice@example.org>',
  'alice@example.org>',
  'alice@example.org bob',
])('"%s" is no address: exit 2', async (address) => {
  const { status, stdout, stderr } = await asks(address);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/not an address|address/);
});

test('the screen is safe from what is typed', async () => {
  const { stdout, stderr } = await asks('al\u001b[2Jice@example.org');
  expect(stdout + stderr).not.toContain('\u001b');
});

describe('without a map', () => {
  test.each([
    ['no map at all', (dir: string) => rmSync(dir, { recursive: true })],
    ['no domains', (dir: string) => rmSync(path.join(dir, 'relay_domains.cdb'))],
    ['a damaged map', (dir: string) => truncateSync(path.join(dir, 'relay_recipients.cdb'), 500)],
  ])('%s: exit 2', async (_name, damage) => {
    damage(scene.gateway.mapDir);
    const { status, stdout, stderr } = await asks('alice@example.org');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: /);
    await scene.gateway.fetch();
    expect((await asks('alice@example.org')).status).toBe(0);
  });

  test('the maps answer although the record is gone', async () => {
    rmSync(path.join(scene.gateway.stateDir, 'state.json'));
    expect((await asks('alice@example.org')).status).toBe(0);
  });
});
