// An auditor with openssl and the page of the format comes to the same verdict as the gateway, on what is published and
// on what the gateway has stored.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { run } from '../support/finished.ts';
import { SigningKey } from '../support/forger.ts';
import type { StepDraft } from '../support/keyring-step.ts';
import { LONGER, Scene } from '../support/scene.ts';

const PROGRAM = fileURLToPath(new URL('../support/verify-by-openssl.mjs', import.meta.url));
const [A, B, C, R0, R1, R2, R3] = Array.from({ length: 7 }, () => new SigningKey()) as [
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
];
const roots = [R0, R1, R2];

async function open(): Promise<Scene> {
  const scene = await Scene.open({ signers: [A], roots });
  onTestFinished(() => scene.close());
  return scene;
}

/** What the auditor says of what is published. */
async function audit(scene: Scene): Promise<[number | null, string]> {
  const folder = scene.gateway.at('published');
  for (const [name, bytes] of scene.forger.files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), bytes);
  }
  const { status, stdout } = await run([process.execPath, PROGRAM, folder, scene.gateway.keyDir()]);
  return [status, stdout];
}

test('a rotation from A to B to two of two, root keys changing too', async () => {
  const scene = await open();
  scene.step({ version: 1, keys: [B], roots: [R3, R1, R2], rootThreshold: 2, by: [R0, R1, R2] });
  scene.step({ version: 2, keys: [B, C], threshold: 2, roots: [R3, R1, R2], rootThreshold: 2, by: [R3, R2] });
  scene.publish(LONGER, { signers: [B, C] });
  const [status, said] = await audit(scene);
  expect([status, said]).toEqual([
    0,
    expect.stringMatching(/step 1: good.*\nstep 2: good.*\nmanifest: good, version 2/),
  ]);
  await scene.installs(2, LONGER);
  // What the gateway has stored is what was published, to the byte.
  const stored = scene.gateway.at('state', 'bundles', 'example-org', 'keyring');
  cpSync(stored, scene.gateway.at('published', 'keyring'), { recursive: true });
  expect(await audit(scene)).toEqual([0, said]);
});

const wrong: readonly (readonly [string, Partial<StepDraft>, string])[] = [
  ['one root key', { by: [R0] }, 'step 1, the root keys before it: 1 of 2 signatures'],
  ['manifest keys', { by: [A, B] }, 'step 1, the root keys before it: 0 of 2 signatures'],
  ['the old root keys alone', { roots: [R3], rootThreshold: 1 }, 'step 1, its own root keys: 0 of 1 signatures'],
];
test.each(wrong)('a step by %s', async (_, change, why) => {
  const scene = await open();
  scene.step({ version: 1, keys: [B], roots, rootThreshold: 2, by: [R0, R1], ...change });
  scene.publish(LONGER, { signers: [B] });
  expect(await audit(scene)).toEqual([1, `${why}\n`]);
  await scene.refused('BAD_KEYRING', ['manifest.json', 'keyring/1.json']);
});

test('a manifest by the key that went away', async () => {
  const scene = await open();
  scene.step({ version: 1, keys: [B], roots, rootThreshold: 2, by: [R0, R1] });
  scene.publish(LONGER, { signers: [A], manifest: (m) => ({ ...m, keyring: 1 }) });
  const [status, said] = await audit(scene);
  expect([status, said]).toEqual([1, expect.stringContaining('manifest: 0 of 1 signatures')]);
  await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/1.json', 'keyring/2.json', 'manifest.json']);
});
