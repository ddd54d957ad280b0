// What lies in `output` counts only under the own keys, and what was approved is remembered in state_dir: a
// manifest that somebody puts into the output neither lowers the guard nor raises the version.
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { makeKey } from '../../src/publisher/keys/signing-key.ts';
import { Desk, HOUR, later, people, START, type ManifestJson } from './desk.ts';

const TYPE = 'application/vnd.relaymap.manifest.v1+json';
const approval = { until: '2026-11-25T07:00:00Z', rows: 0, domains: 0 };

/** Puts a manifest into the output: unsigned, or signed by a key of a stranger. */
function plant(desk: Desk, change: Partial<ManifestJson>, signedBy: 'nobody' | 'a stranger'): void {
  const payload = Buffer.from(JSON.stringify({ ...desk.manifest(), ...change }));
  const { privateKey } = generateKeyPairSync('ed25519');
  const bytes = Buffer.concat([Buffer.from(`DSSEv1 ${TYPE.length} ${TYPE} ${payload.length} `), payload]);
  const signature = { keyid: 'ab'.repeat(32), sig: sign(null, bytes, privateKey).toString('base64') };
  const signatures = signedBy === 'nobody' ? [] : [signature];
  const file = path.join(desk.output, 'manifest.json');
  writeFileSync(file, JSON.stringify({ payload: payload.toString('base64'), payloadType: TYPE, signatures }));
}

test.each(['nobody', 'a stranger'] as const)('a manifest signed by %s: STATE, nothing is written', async (by) => {
  const desk = new Desk();
  await desk.publishes(people(1002), START);
  plant(desk, { version: 1, shrinkApproved: approval }, by);
  desk.list(people(101));
  const before = desk.snapshot();
  for (const options of [{}, { allowShrink: true }, { nextVersion: 9 }]) {
    const { code, exitStatus, message } = await desk.refusal(later(HOUR), options);
    expect([code, exitStatus]).toEqual(['STATE', 2]);
    expect(message).toMatch(
      /manifest\.json is signed by none of the keys.*itself version 1\..*move it away.*--next-version 2/,
    );
  }
  expect(desk.snapshot()).toBe(before);
  // As the message says; the guard goes by the last list of its own.
  rmSync(path.join(desk.output, 'manifest.json'));
  expect((await desk.refusal(later(HOUR), { nextVersion: 2 })).code).toBe('SHRUNK');
  desk.list(people(1000));
  expect((await desk.publish(later(HOUR), { nextVersion: 2 })).version).toBe(2);
  expect(desk.manifest()).not.toHaveProperty('shrinkApproved');
});

test('a first publish over what a stranger has put there: STATE', async () => {
  const desk = new Desk();
  await desk.publishes(people(20), START);
  plant(desk, { version: 7 }, 'nobody');
  rmSync(desk.stateDir, { recursive: true });
  expect((await desk.refusal(later(HOUR))).code).toBe('STATE');
});

test('an approval that was never given here does not pass, whoever signed it', async () => {
  const desk = new Desk();
  await desk.publishes(people(1002), START);
  desk.resigns((manifest) => Object.assign(manifest, { shrinkApproved: approval }));
  desk.list(people(101));
  expect((await desk.refusal(later(HOUR))).code).toBe('SHRUNK');
  // Nor is it signed again.
  desk.list(people(1003));
  await desk.publish(later(2 * HOUR));
  expect(desk.manifest()).not.toHaveProperty('shrinkApproved');
});

test('a key that is replaced is named beside the new one for one publish', async () => {
  const desk = new Desk();
  await desk.publishes(people(20), START);
  makeKey(desk.at('new'), 'site', Buffer.alloc(32, 9));
  const [before, after] = [desk.at('keys', 'site.key'), desk.at('new', 'site.key')];
  desk.toml.top = `keys = ["${after}"]`;
  expect((await desk.refusal(later(HOUR))).message).toMatch(/Was a key replaced\?/);
  desk.toml.top = `keys = ["${before}", "${after}"]`;
  expect((await desk.publish(later(HOUR))).outcome).toBe('renewed');
  desk.toml.top = `keys = ["${after}"]`;
  expect((await desk.publish(later(2 * HOUR))).outcome).toBe('unchanged');
  const { signatures } = JSON.parse(readFileSync(path.join(desk.output, 'manifest.json'), 'utf8')) as {
    signatures: unknown[];
  };
  expect(signatures).toHaveLength(2);
});
