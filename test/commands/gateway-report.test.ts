// Every run is reported, the failed one above all; what was changed by hand is asked for anew; a dry run gives
// nothing up.
// Covers src/gateway/health/report.ts
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

async function open(): Promise<Scene> {
  const scene = await Scene.open();
  onTestFinished(() => scene.close());
  return scene;
}

test('the key directory is gone: health names CONFIG, not a daemon that does not run', async () => {
  const scene = await open();
  renameSync(scene.gateway.keyDir(), `${scene.gateway.keyDir()}.gone`);
  await scene.failed('CONFIG');
  const { status, json, text } = await scene.gateway.health([], { env: clockAt('+61m') });
  expect([status, json.bundles[0]?.code]).toEqual([1, 'CONFIG']);
  expect(text).toMatch(/stale: .*CONFIG.*key directory/s);
  renameSync(`${scene.gateway.keyDir()}.gone`, scene.gateway.keyDir());
  await scene.unchanged(1);
  expect((await scene.gateway.health()).status).toBe(0);
});

test('health says each reason once', async () => {
  const scene = await open();
  await scene.gateway.run(['hold']);
  const { text } = await scene.gateway.health();
  expect(text.match(/relaymap resume/g)).toHaveLength(1);
});

test('a change of the configuration makes the next request unconditional, and only that one', async () => {
  const scene = await open();
  const conditions = () => scene.endpoint.asked.splice(0).map((a) => a.headers['if-none-match'] !== undefined);
  await scene.unchanged(1);
  expect(conditions()).toEqual([true]);
  scene.configure({ bundle: 'required = ["alice@example.org"]' });
  await scene.unchanged(1);
  await scene.unchanged(1);
  expect(conditions()).toEqual([false, true]);
  scene.configure({ config: '[limits]\nmax_rows = 1000' });
  await scene.unchanged(1);
  await scene.unchanged(1);
  expect(conditions()).toEqual([false, true]);
});

test('a dry run gives up no floor: together with --rebuild-state it is refused', async () => {
  const scene = await open();
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  await scene.failed('CONFIG', ['--dry-run', '--rebuild-state']);
  scene.publish(LIST, { version: 1 });
  await scene.refused('ROLLBACK', ['manifest.json']);
});

test('a dry run that fails leaves the report of the last real one', async () => {
  const scene = await open();
  scene.endpoint.misbehaviour = ({ response }) => void response.writeHead(500).end();
  expect((await scene.gateway.fetch(['--dry-run'])).bundle.code).toBe('HTTP_STATUS');
  const { json } = await scene.gateway.health();
  expect([json.status, json.bundles[0]?.code]).toEqual(['ok', null]);
});

test.each([['health'], ['history'], ['lookup', 'alice@example.org'], ['hold'], ['fetch', '--json']])(
  '%s, and nobody can take the answer: a line, no stack, no good exit status',
  async (...args) => {
    const scene = await open();
    scene.gateway.unspeakable.delete('alice@example.org');
    const run = await scene.gateway.run(args, { under: ['sh', '-c', '"$@" >/dev/full', 'sh'] });
    expect([run.status, run.stderr]).toEqual([
      args[0] === 'health' ? 3 : 2,
      expect.stringMatching(/^error: the answer cannot be written: ENOSPC.*\n$/) as string,
    ]);
  },
);

test('a damaged record: rollback, hold and history say STATE_CORRUPT and exit 1, as fetch does', async () => {
  const scene = await open();
  rmSync(scene.gateway.at('state', 'state.json'));
  for (const command of ['rollback', 'hold', 'resume']) {
    const run = await scene.gateway.run([command]);
    expect([run.status, run.stderr], command).toEqual([1, expect.stringContaining('STATE_CORRUPT') as string]);
  }
  await scene.failed('STATE_CORRUPT');
});

test('a damaged map: lookup could not tell, which is not "rejected"', async () => {
  const scene = await open();
  writeFileSync(`${scene.gateway.mapDir}/relay_recipients.cdb`, 'not a cdb');
  const run = await scene.gateway.lookup('alice@example.org');
  expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('READBACK_FAILED') as string]);
});
