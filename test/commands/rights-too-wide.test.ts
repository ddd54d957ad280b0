// What others can write is not relied on: whoever acts on it refuses, names it and the line to type; the maps stay,
// and nobody is asked.
// Covers src/io/rights.ts
import { chmodSync, chownSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterAll(() => scene.close());

const STRANGERS = 54_321;
const PLACES: [string, () => string][] = [
  ['the configuration', () => scene.gateway.config],
  ['the folder of keys', () => scene.gateway.keyDir()],
  ['a public key', () => `${scene.gateway.keyDir()}/0.pub`],
  ['ca_file', () => scene.gateway.at('ca.pem')],
  ['state_dir', () => scene.gateway.stateDir],
  ['map_dir', () => scene.gateway.mapDir],
];

/** Lets `by` write it, until the test is over. */
function widen(place: string, by: 'everybody' | 'a group' | 'root’s group'): void {
  const { mode, gid } = statSync(place);
  chmodSync(place, mode | (by === 'everybody' ? 0o002 : 0o020));
  if (by === 'a group') chownSync(place, 0, STRANGERS);
  onTestFinished(() => {
    chownSync(place, 0, gid);
    chmodSync(place, mode);
  });
}

describe.each(PLACES)('%s', (_name, of) => {
  test.each(['everybody', 'a group'] as const)('can be written by %s: CONFIG', async (by) => {
    scene.publish(LONGER);
    widen(of(), by);
    const { message } = await scene.failed('CONFIG');
    expect(message).toContain(`chmod go-w ${of()}`);
    expect(message).toContain(by === 'everybody' ? 'by everybody' : `by group ${STRANGERS}`);
    expect(scene.gateway.strays()).toEqual([]);
  });

  test('and the line to type helps; root’s own group is no stranger', async () => {
    scene.publish(LONGER);
    widen(of(), 'root’s group');
    const { outcome } = await scene.gateway.fetch();
    expect(outcome).not.toBe('kept');
  });
});

test.each([['import', '/nonexistent'], ['rollback'], ['hold'], ['resume']])('%s refuses it too', async (...args) => {
  widen(scene.gateway.keyDir(), 'everybody');
  const before = scene.gateway.maps();
  const { status, stdout, stderr } = await scene.gateway.run(args);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`CONFIG: keys ${scene.gateway.keyDir()} can be written by everybody`);
  expect(scene.gateway.maps()).toEqual(before);
});

test('the daemon does not begin; one that runs stays with what it has, and goes on when it is mended', async () => {
  widen(scene.gateway.config, 'everybody');
  const refused = new Daemon(scene.gateway);
  expect((await refused.ended()).status).toBe(2);
  expect(refused.log).toContain(`chmod go-w ${scene.gateway.config}`);
  chmodSync(scene.gateway.config, 0o644);

  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1);
  const before = scene.gateway.maps();
  scene.publish([...LONGER, 'dora@example.org']);
  scene.endpoint.take();
  const { stateDir } = scene.gateway;
  chmodSync(stateDir, 0o777);
  daemon.signal('SIGUSR2');
  await daemon.says(/CONFIG: state_dir .* can be written by everybody/);
  expect([scene.gateway.maps(), scene.endpoint.take()]).toEqual([before, []]);
  expect((await scene.gateway.health()).json.bundles[0]?.code).toBe('CONFIG');
  chmodSync(stateDir, 0o755);
  daemon.signal('SIGUSR2');
  await daemon.moreCycles(1, 'installed');
  expect((await daemon.stop()).status).toBe(0);
});

test('what only looks still looks: health, lookup and check', async () => {
  widen(scene.gateway.config, 'everybody');
  expect((await scene.gateway.run(['health'])).stdout).toMatch(/^RELAYMAP (OK|WARNING)/);
  expect((await scene.gateway.lookup('alice@example.org')).status).toBe(0);
  expect((await scene.gateway.run(['check'])).stdout).toContain('chmod o-w');
});
