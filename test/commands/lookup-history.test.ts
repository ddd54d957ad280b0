// `relaymap lookup --history` says since which kept version an address is accepted or gone; a copy that cannot be
// read is no answer.
// Covers src/gateway/lookup/lookup-history.ts
import { readdirSync, truncateSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LIST, Scene } from '../support/scene.ts';

const without = (...gone: string[]) => LIST.filter((row) => !gone.includes(row));
let scene: Scene;
/** Version 1: all. 2: no alice. 3: alice again, and carol. 4: carol, no bob. */
beforeAll(async () => {
  scene = await Scene.open();
  for (const [i, rows] of [
    without('alice@example.org'),
    [...LIST, 'carol@example.org'],
    [...without('bob@example.org'), 'carol@example.org'],
  ].entries()) {
    scene.publish(rows);
    await scene.installs(i + 2, rows);
  }
});
afterAll(() => scene.close());

async function history(...addresses: string[]) {
  const { status, stdout, stderr } = await scene.gateway.run(['lookup', '--history', ...addresses], { mayName: true });
  expect(stderr).toBe('');
  return { status, lines: stdout.trimEnd().split('\n') };
}

test.each([
  ['always there', 'mailbox-00@example.org', 0, 'accepted since version 1, the oldest kept, or earlier'],
  [
    'gone and back',
    'Alice@example.org',
    0,
    /^ {2}example-org: accepted since version 3 of \S+Z; version 2 did not have it$/,
  ],
  ['new', 'carol@example.org', 0, /accepted since version 3 of /],
  ['gone', 'bob@example.org', 1, /gone since version 4 of \S+Z; version 3 had the row bob@example\.org$/],
  ['never there', 'nobody@example.org', 1, 'in no kept version, the oldest is 1'],
])('%s', async (_, address, status, words) => {
  const found = await history(address);
  expect([found.status, found.lines.length]).toEqual([status, 2]);
  expect(found.lines[0]).toContain(address);
  if (typeof words === 'string') expect(found.lines[1]).toBe(`  example-org: ${words}`);
  else expect(found.lines[1]).toMatch(words);
});

test('several addresses: each with its own line; without --history none', async () => {
  expect((await history('bob@example.org', 'carol@example.org')).lines.map((line) => line.split(' ')[0])).toEqual([
    'bob@example.org:',
    '',
    'carol@example.org:',
    '',
  ]);
  expect((await scene.gateway.lookup('carol@example.org')).stdout.trimEnd().split('\n')).toHaveLength(1);
});

test('after a rollback what counts is the version that is live', async () => {
  await scene.gateway.run(['rollback', '--to', '2']);
  expect((await history('alice@example.org')).lines[1]).toMatch(
    /gone since version 2 of .*; version 1 had the row alice@/,
  );
});

test('a damaged copy is named, and the others still answer', async () => {
  const folder = scene.gateway.at('state', 'bundles', 'example-org');
  const tables = readdirSync(folder).filter((name) => name.endsWith('.gz'));
  for (const name of tables) truncateSync(`${folder}/${name}`, 30);
  const run = await scene.gateway.run(['lookup', '--history', 'mailbox-00@example.org'], { mayName: true });
  expect(run.status).toBe(0);
  expect(run.stdout).toContain('mailbox-00@example.org: accepted by the row mailbox-00@example.org');
  expect(run.stderr).toMatch(/the copy of version 1 cannot be read/);
});
