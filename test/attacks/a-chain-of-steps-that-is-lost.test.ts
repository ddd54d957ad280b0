// The stored key ring steps are lost, cut or changed, or the key directory is another one: the keys that a step took
// away do not come back in silence (docs/bundle-format.md section 6).
// Covers src/gateway/record/chain.ts, src/gateway/record/step-files.ts, src/gateway/cycle/rebuild-bundle.ts
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { SigningKey } from '../support/forger.ts';
import { stepFile, type StepDraft } from '../support/keyring-step.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const A = new SigningKey();
const B = new SigningKey();
const C = new SigningKey();
const roots = Array.from({ length: 3 }, () => new SigningKey());
const step = (version: number, keys: readonly SigningKey[], change: Partial<StepDraft> = {}): StepDraft => ({
  version,
  keys,
  roots,
  rootThreshold: 2,
  by: roots.slice(0, 2),
  ...change,
});

/** A gateway that has walked from A to B and to C, whose list is live. */
async function rotated(): Promise<Scene> {
  const scene = await Scene.open({ signers: [A], roots });
  onTestFinished(() => scene.close());
  scene.step(step(1, [B]));
  scene.step(step(2, [C]));
  scene.publish(LONGER, { signers: [C] });
  await scene.installs(2, LONGER);
  scene.endpoint.take();
  return scene;
}
const chain = (scene: Scene, ...names: string[]): string =>
  scene.gateway.at('state', 'bundles', 'example-org', 'keyring', ...names);
/** What the keys that went away would sign now. */
const byOldKeys = (scene: Scene) => scene.publish(LIST, { signers: [A, B], version: 9 });

const losses: readonly (readonly [string, (scene: Scene) => void])[] = [
  ['the last file is gone', (scene) => rmSync(chain(scene, '2.json'))],
  ['the first file is gone', (scene) => rmSync(chain(scene, '1.json'))],
  ['the folder is gone', (scene) => rmSync(chain(scene), { recursive: true })],
  ['a file is empty', (scene) => writeFileSync(chain(scene, '2.json'), '')],
  [
    'a file is cut',
    (scene) => writeFileSync(chain(scene, '2.json'), readFileSync(chain(scene, '2.json')).subarray(0, 99)),
  ],
  [
    'a signature is damaged',
    (scene) => {
      const file = readFileSync(chain(scene, '2.json'), 'utf8');
      writeFileSync(chain(scene, '2.json'), file.replace(/"sig":"....../, '"sig":"AAAAAA'));
    },
  ],
  ['another good step has its place', (scene) => writeFileSync(chain(scene, '2.json'), stepFile(step(2, [A])))],
  ['a folder has its place', (scene) => (rmSync(chain(scene, '1.json')), mkdirSync(chain(scene, '1.json')))],
];

describe('STATE_CORRUPT, and the keys of the directory do not come back', () => {
  test.each(losses)('%s', async (_, lose) => {
    const scene = await rotated();
    lose(scene);
    byOldKeys(scene);
    await scene.failed('STATE_CORRUPT');
    const { stdout, status } = await scene.gateway.run(['keys']);
    expect([status, stdout]).toEqual([1, expect.stringContaining('STATE_CORRUPT')]);
  });

  // Only the record tells a rightly signed step in the place of another one; only the root keys can make it.
  const untold = 'another good step has its place';
  test.each(losses.filter(([name]) => name !== untold))('%s, and the record with it', async (_, lose) => {
    const scene = await rotated();
    lose(scene);
    writeFileSync(scene.gateway.at('state', 'state.json'), 'damaged');
    byOldKeys(scene);
    await scene.failed('STATE_CORRUPT');
  });

  test('by hand what is left counts, and the lost steps are asked for again', async () => {
    const scene = await rotated();
    rmSync(chain(scene, '2.json'));
    scene.publish(LIST, { signers: [C] });
    const run = await scene.gateway.fetch(['--rebuild-state']);
    expect([run.status, run.bundle.version], run.stderr).toEqual([0, 3]);
    expect(scene.endpoint.take().slice(0, 2)).toEqual(['manifest.json', 'keyring/2.json']);
    expect(existsSync(chain(scene, '2.json'))).toBe(true);
  });
});

describe('the record alone is damaged', () => {
  test('it is rebuilt with all steps, and the old keys stay out', async () => {
    const scene = await rotated();
    writeFileSync(scene.gateway.at('state', 'state.json'), 'damaged');
    byOldKeys(scene);
    await scene.gateway.fetch(); // makes the maps again, of the same bytes
    await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/3.json']);
    scene.publish(LIST, { signers: [C], version: 10 });
    await scene.installs(10, LIST);
  });
});

describe('another key directory', () => {
  test('a key put there does not count while a step has replaced that ring; `keys` and `check` say so', async () => {
    const scene = await rotated();
    const D = new SigningKey();
    scene.configure({ trusted: [A, D] });
    scene.publish(LIST, { signers: [D] });
    await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/3.json']);
    const { stdout } = await scene.gateway.run(['keys']);
    expect(stdout).toMatch(new RegExp(`in vain   ${D.keyid}.*does not count: key ring step 2`));
    const check = await scene.gateway.run(['check']);
    expect(check.stdout).toContain(D.keyid.slice(0, 16));
    expect(check.stdout.replaceAll(/\s+/g, ' ')).toContain('ring = 2');
    // `ring = 2` says that the directory stands for that step.
    scene.configure({ trusted: [A, D], bundle: 'ring = 2' });
    await scene.installs(3, LIST);
    expect(existsSync(chain(scene, '1.json'))).toBe(true);
  });

  test('other root keys: the directory counts, health is CRITICAL and names what comes back', async () => {
    const scene = await rotated();
    const maps = scene.gateway.maps();
    scene.configure({ trusted: [A, C], roots: [new SigningKey()] });
    await scene.unchanged(2);
    expect(scene.gateway.maps()).toEqual(maps);
    const { status, json } = await scene.gateway.health();
    expect(status).toBe(2);
    expect(json.bundles[0]?.reasons.join()).toMatch(
      new RegExp(`do not follow from .*these come back by it: ${A.keyid}`),
    );
    expect((await scene.gateway.run(['keys'])).stdout).toContain('CRITICAL');
    // Back again, the steps count without a request for them.
    scene.configure({ trusted: [A], roots });
    await scene.unchanged(2);
    expect((await scene.gateway.health()).status).toBe(0);
    byOldKeys(scene);
    await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/3.json']);
  });

  test('one that cannot be read is CONFIG, and no change', async () => {
    const scene = await rotated();
    const folder = path.join(scene.gateway.keyDir(), 'root');
    cpSync(folder, scene.gateway.at('away'), { recursive: true });
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file in the place of a folder');
    await scene.failed('CONFIG');
    rmSync(folder);
    cpSync(scene.gateway.at('away'), folder, { recursive: true });
    await scene.unchanged(2);
    expect((await scene.gateway.health()).status).toBe(0);
  });
});

test('a folder for `import` has its steps in keyring/', async () => {
  const scene = await rotated();
  scene.step(step(3, [A]));
  scene.publish(LIST, { signers: [A] });
  const stick = scene.gateway.at('stick');
  for (const [name, bytes] of scene.forger.files) {
    mkdirSync(path.dirname(path.join(stick, name)), { recursive: true });
    writeFileSync(path.join(stick, name), bytes);
  }
  scene.endpoint.take();
  const run = await scene.gateway.run(['import', stick, '--json']);
  expect([run.status, JSON.parse(run.stdout)]).toMatchObject([0, { bundles: [{ version: 3, outcome: 'installed' }] }]);
  expect(existsSync(chain(scene, '3.json'))).toBe(true);
  expect(scene.endpoint.take()).toEqual([]);
});
