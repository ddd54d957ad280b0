// Web servers make an ETag of size and whole second, and rsync compares just these. Two manifests that share both
// look like one: a gateway would be told "not modified" of a version that it never saw, for days.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { publish } from '../../src/publisher/publish.ts';
import { openKeys } from '../../src/publisher/keys/publisher-keys.ts';
import { Central, people } from '../publisher/central.ts';
import { clockAt } from '../support/clock.ts';
import { Gateway } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';
import { nginx } from '../support/web-server.ts';

/** Publishes in this process: no command starts fast enough to do it twice in a second. */
async function published(central: Central, people: readonly string[]): Promise<void> {
  central.rows(people);
  const config = readPublisherConfig(central.config);
  const how = { dryRun: false, allowShrink: false, nextVersion: null };
  const { outcome } = await publish(config, openKeys(config), how, new Date());
  expect(outcome).toBe('published');
}

/** Each delta would make the manifest longer. */
const SAME_SIZE = { top: 'keep_deltas = 0' };

/** The same number of other people each time: tables and manifests of one size. */
const crowd = (round: number): string[] => [...people(200), `person-${round}@example.org`];

test('no two manifests of one folder share size and second, and a mirror by rsync has each of them', async () => {
  const central = new Central(SAME_SIZE);
  mkdirSync(central.at('mirror'));
  const seen = new Set<string>();
  for (let round = 0; round < 6; round++) {
    await published(central, crowd(round));
    execFileSync('rsync', ['-a', `${central.output}/`, `${central.at('mirror')}/`]);
    const manifest = central.at('output', 'manifest.json');
    const { size, mtimeMs } = statSync(manifest);
    seen.add(`${size} ${Math.floor(mtimeMs / 1000)}`);
    expect(readFileSync(central.at('mirror', 'manifest.json'))).toEqual(readFileSync(manifest));
  }
  expect(seen.size).toBe(6);
});

test('nginx: each of several versions in one second arrives at the next fetch', async () => {
  const central = new Central(SAME_SIZE);
  const server = await nginx(
    `server {\nlisten 127.0.0.1:@port ssl;\nssl_certificate @cert;\nssl_certificate_key @key;\nroot ${central.output};\n}`,
  );
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  gateway.configure([{ name: 'example-org', urls: [server.url], keys: central.keys }]);
  await published(central, crowd(0));
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 1 });
  // Both versions before the next look: had they one ETag with the first, nginx would say 304 of them.
  for (const version of [2, 3]) {
    await published(central, crowd(version));
    expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version });
  }
  // An ETag is still worth having.
  const { bundle } = await gateway.fetch();
  expect(bundle).toMatchObject({ outcome: 'unchanged', version: 3, wireBytes: 0 });
});

/**
 * The first version is installed, then the second is out under the same ETag: the server answers 304 to every
 * condition.
 */
async function lying(clock = '+0m'): Promise<Scene> {
  const scene = await Scene.open({ installed: false });
  onTestFinished(() => scene.close());
  scene.publish(LIST);
  expect((await at(scene, clock)).bundle).toMatchObject({ outcome: 'installed', version: 1 });
  scene.publish(LONGER);
  scene.endpoint.misbehaviour = ({ path, request, response }) => {
    expect(request.headers['if-modified-since']).toBeUndefined();
    if (path !== 'manifest.json' || request.headers['if-none-match'] === undefined) return false;
    response.writeHead(304).end();
    return true;
  };
  return scene;
}

const at = (scene: Scene, offset: string) => scene.gateway.fetch([], { env: clockAt(offset) });

test('a 304 is believed for an hour after the last 200 and no longer, however often it came', async () => {
  const scene = await lying();
  const before = scene.gateway.maps();
  for (const offset of ['+1m', '+30m', '+58m']) {
    expect((await at(scene, offset)).bundle).toMatchObject({ outcome: 'unchanged', version: 1, wireBytes: 0 });
  }
  expect(scene.gateway.maps()).toEqual(before);
  expect((await at(scene, '+61m')).bundle).toMatchObject({ outcome: 'installed', version: 2 });
  expect(scene.rows()).toEqual([...LONGER].sort());
});

test('a last 200 in the future, of a clock that was ahead, makes no condition', async () => {
  const scene = await lying('+30m');
  expect((await at(scene, '+1m')).bundle).toMatchObject({ outcome: 'installed', version: 2 });
});

test('an ETag of before an update of relaymap, which has no time, makes no condition', async () => {
  const scene = await lying();
  const file = scene.gateway.at('state', 'state.json');
  const state = readFileSync(file, 'utf8');
  const older = state.replace(/("etags":\s*\{\s*"[^"]+":\s*\{[^}]*?),\s*"at":\s*"[^"]*"/, '$1');
  expect(older.length).toBeLessThan(state.length);
  writeFileSync(file, older);
  expect((await scene.gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2 });
});
