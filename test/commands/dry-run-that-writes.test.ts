// A dry run writes nothing at all: no file below state_dir and map_dir has other bytes, another time or another
// inode afterwards, none is new, and no folder was touched; whatever is offered, and whatever lies there.
import { lstatSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { publishWithDelta } from '../support/delta.ts';
import { sha256 } from '../support/forger.ts';
import { holdLock } from '../support/daemon.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

/** Everything that is below the gateway's two folders, with all that a write would change. */
function everything({ gateway }: Scene): Record<string, unknown> {
  const below = [gateway.stateDir, gateway.mapDir].flatMap((folder) => [
    folder,
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => path.join(folder, name)),
  ]);
  return Object.fromEntries(
    below.map((file) => {
      const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true });
      const bytes = lstatSync(file).isFile() ? sha256(readFileSync(file)) : 'a folder';
      return [file, { bytes, ino, mode, size, mtimeNs, ctimeNs }];
    }),
  );
}

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

/** A dry run that ends so, and writes nothing; then a cycle that does what it said. */
async function rehearses(
  scene: Scene,
  { code, says, args = [] }: { code: string | null; says?: RegExp; args?: readonly string[] },
): Promise<void> {
  const before = everything(scene);
  const run = await scene.gateway.fetch(['--dry-run', ...args]);
  expect(everything(scene)).toEqual(before);
  expect(run.bundle.code, run.stdout).toBe(code);
  if (says !== undefined) expect(run.stdout + run.stderr).toMatch(says);
  expect((await scene.gateway.fetch(args)).bundle.code).toBe(code);
}

test('nothing new', async () => {
  await rehearses(await open(), { code: null });
});

test('a new table', async () => {
  const scene = await open();
  scene.publish(LONGER);
  await rehearses(scene, { code: null, says: /version 2 for 1, 1 rows come, 0 go/ });
  expect(scene.rows()).toEqual([...LONGER].sort());
});

test('a renewal', async () => {
  const scene = await open();
  scene.publish(LIST);
  await rehearses(scene, { code: null, says: /version 2 for 1, 0 rows come, 0 go/ });
});

test('the first list of all', async () => {
  const scene = await open({ installed: false });
  scene.publish(LIST);
  await rehearses(scene, { code: null, says: /version 1, the first, 63 rows/ });
});

test('two payloads of one version: no evidence is kept, and the next cycle keeps it', async () => {
  const scene = await open();
  scene.publish(LONGER, { version: 1 });
  await rehearses(scene, { code: 'EQUIVOCATION', says: /a cycle keeps both as evidence in/ });
  expect(readdirSync(scene.gateway.at('state', 'bundles', 'example-org', 'evidence'))).toHaveLength(2);
});

test('a delta that does not work is not counted', async () => {
  const scene = await open();
  const table = [...scene.forger.files.keys()].find((name) => name.endsWith('.gz')) ?? '';
  publishWithDelta(scene.forger, { rows: LIST, table }, LONGER, { text: '+zoe@example.org\n' });
  await rehearses(scene, { code: null, says: /the delta did not work/ });
  const state = JSON.parse(readFileSync(scene.gateway.at('state', 'state.json'), 'utf8')) as {
    bundles: Record<string, { deltaFailures: number }>;
  };
  expect(state.bundles['example-org']?.deltaFailures).toBe(1); // the cycle's
});

test('a table that is refused is not remembered', async () => {
  const scene = await open();
  scene.publish(LIST.slice(0, 5));
  await rehearses(scene, { code: 'SHRUNK' });
});

test('a held bundle', async () => {
  const scene = await open();
  expect((await scene.gateway.run(['hold'])).status).toBe(0);
  scene.publish(LONGER);
  await rehearses(scene, { code: 'HELD' });
});

test('a forced one', async () => {
  await rehearses(await open(), { code: null, args: ['--force'] });
});

test('maps that are damaged are not mended, and what a killed run left stays for the next', async () => {
  const scene = await open();
  truncateSync(scene.gateway.at('maps', 'relay_recipients.cdb'), 1000);
  rmSync(scene.gateway.at('maps', 'relay_domains.cdb'));
  for (const left of ['maps/.relay_recipients.new', 'state/.state.json.new', 'state/pending.json'])
    writeFileSync(scene.gateway.at(left), 'half');
  await rehearses(scene, { code: null, says: /relay_recipients\.cdb has 1000 bytes.*a cycle would make them/ });
  expect(scene.gateway.strays()).toEqual([]);
});

test('a record that is damaged is not rebuilt', async () => {
  const scene = await open();
  writeFileSync(scene.gateway.at('state', 'state.json'), '{');
  await rehearses(scene, { code: null, says: /rebuilt/ });
});

test('it waits for nobody: another run has the lock', async () => {
  const scene = await open();
  scene.publish(LONGER);
  await holdLock(scene.gateway.at('state', 'lock'));
  const before = everything(scene);
  expect((await scene.gateway.fetch(['--dry-run'])).bundle.code).toBeNull();
  expect(everything(scene)).toEqual(before);
});
