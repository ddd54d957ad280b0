// A thief has signed the highest version there is. A step of the root keys with `floor` is the way on: once, and never
// again (docs/bundle-format.md section 6).
// Covers src/gateway/record/chain.ts
import { rmSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { SigningKey } from '../support/forger.ts';
import { stepFile, type StepDraft } from '../support/keyring-step.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const STOLEN = new SigningKey();
const B = new SigningKey();
const C = new SigningKey();
const roots = Array.from({ length: 3 }, () => new SigningKey());
const HUGE = Number.MAX_SAFE_INTEGER;
const OTHERS: readonly string[] = [...LONGER, 'dave@example.org'];

const step = (change: Partial<StepDraft> = {}): StepDraft => ({
  version: 1,
  keys: [B],
  roots,
  rootThreshold: 2,
  by: roots.slice(0, 2),
  more: { floor: 50 },
  ...change,
});

/** A gateway on which the thief's version is live, and honest lists by another key are out. */
async function robbed(): Promise<Scene> {
  const scene = await Scene.open({ signers: [STOLEN], roots });
  onTestFinished(() => scene.close());
  scene.publish(LONGER, { version: HUGE });
  await scene.installs(HUGE, LONGER);
  return scene;
}
const b = { signers: [B] };

test('without `floor` a step brings a new key and no way on', async () => {
  const scene = await robbed();
  scene.step(step({ more: {} }));
  scene.publish(OTHERS, { ...b, version: 50 });
  await scene.refused('ROLLBACK', ['manifest.json', 'keyring/1.json', 'keyring/2.json']);
});

test('the floor is N: a version below it is a rollback, N itself is taken', async () => {
  const scene = await robbed();
  scene.step(step());
  scene.publish(OTHERS, { ...b, version: 49 });
  await scene.refused('ROLLBACK', ['manifest.json', 'keyring/1.json', 'keyring/2.json']);
  scene.publish(OTHERS, { ...b, version: 50 });
  await scene.installs(50, OTHERS);
  scene.publish(LIST, { ...b, version: 49 });
  await scene.refused('ROLLBACK', ['manifest.json']);
});

test('served again after other keys came into the directory, it sets nothing', async () => {
  const scene = await robbed();
  scene.step(step());
  scene.publish(OTHERS, { ...b, version: 60 });
  await scene.installs(60, OTHERS);
  // Another key beside the old one: the stored step follows from the directory, and counts.
  scene.configure({ trusted: [STOLEN, C] });
  scene.publish(LIST, { ...b, version: 55 });
  await scene.refused('ROLLBACK', ['manifest.json', 'keyring/2.json']);
  scene.publish(LIST, { signers: [C], version: 61 });
  await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/2.json']);
  // A step of the same payload as a later number is refused by its number.
  scene.forger.files.set('keyring/2.json', stepFile(step()));
  scene.publish(LIST, { ...b, version: 55 });
  expect((await scene.refused('ROLLBACK', ['manifest.json'])).bundle.message).toContain('version 60 was here before');
});

test('a floor step that came before a higher floor lowers nothing when it is taken a second time', async () => {
  const scene = await robbed();
  scene.step(step());
  scene.publish(OTHERS, { ...b, version: 60 });
  await scene.installs(60, OTHERS);
  // Other root keys: the stored step no longer follows. Then the old ones again: it is walked through anew.
  const strangers = [new SigningKey(), new SigningKey()];
  scene.configure({ trusted: [B], roots: strangers });
  scene.publish(OTHERS, { ...b, version: 61 });
  await scene.installs(61, OTHERS);
  scene.configure({ trusted: [STOLEN], roots });
  scene.publish(LIST, { ...b, version: 55 });
  await scene.refused('ROLLBACK', ['manifest.json', 'keyring/2.json']);
});

test('maps without a record are STATE_CORRUPT; by hand the live copy is the floor, and not what the thief signed', async () => {
  const scene = await robbed();
  scene.step(step());
  scene.publish(OTHERS, { ...b, version: 50 });
  await scene.installs(50, OTHERS);
  for (const file of ['state.json', 'status.json']) rmSync(scene.gateway.at('state', file));
  const maps = scene.gateway.maps();
  await scene.failed('STATE_CORRUPT');
  expect(scene.gateway.maps()).toEqual(maps);
  scene.publish(LIST, { ...b, version: 51 });
  const run = await scene.gateway.fetch(['--rebuild-state']);
  expect([run.status, run.bundle.version]).toEqual([0, 51]);
});

test('a record that is damaged is rebuilt with the floor of the step', async () => {
  const scene = await robbed();
  scene.step(step());
  scene.publish(OTHERS, { ...b, version: 50 });
  await scene.installs(50, OTHERS);
  writeFileSync(scene.gateway.at('state', 'state.json'), 'damaged');
  scene.publish(LIST, { ...b, version: 49 });
  await scene.gateway.fetch(); // makes the maps again, of the same bytes, and asks for the next step once
  await scene.refused('ROLLBACK', ['manifest.json']);
  scene.publish(LIST, { ...b, version: 51 });
  await scene.installs(51, LIST);
});
