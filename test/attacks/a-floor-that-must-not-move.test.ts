// The rollback floor and the digests of equivocation (docs/bundle-format.md section 6): no mirror, no change of
// keys and no damaged record lowers the one or raises it wrongly, and by hand they are given up for the bundle that
// is named and for no other.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey } from '../support/forger.ts';
import { Gateway, type Fetched } from '../support/gateway.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const MANIFEST = ['manifest.json'];
const TABLE = expect.stringMatching(/^recipients\//) as string;

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}
const served = (scene: Scene): Buffer => scene.forger.files.get('manifest.json') ?? Buffer.alloc(0);
const damage = (gateway: Gateway): void => truncateSync(path.join(gateway.stateDir, 'state.json'));
/** The code of a cycle that rebuilds the record and makes the same maps again. */
async function afterDamage(scene: Scene, args: readonly string[] = []): Promise<string | null> {
  const before = scene.gateway.text();
  const { bundle } = await scene.gateway.fetch(args);
  expect(scene.gateway.text()).toBe(before);
  return bundle.code;
}
const folder = (gateway: Gateway, bundle = 'example-org'): string => path.join(gateway.stateDir, 'bundles', bundle);

test('a mirror that strips one of two signatures wins no rollback when a key is taken away', async () => {
  const [first, second] = [new SigningKey(), new SigningKey()];
  const scene = await open({ signers: [first, second] });
  const old = served(scene);
  scene.publish(LONGER, { signers: [first] }); // signed by both, and one stripped
  await scene.installs(2, LONGER);
  scene.configure({ trusted: [second] });
  scene.forger.files.set('manifest.json', old);
  await scene.refused('ROLLBACK', MANIFEST);
  await scene.refused('ROLLBACK', MANIFEST, { args: ['--force', '--accept-shrink'] });
  // Nor does it win the shrink guard.
  scene.publish(LIST.slice(40), { version: 3, signers: [second] });
  await scene.refused('SHRUNK', [...MANIFEST, TABLE]);
  scene.publish(LONGER, { version: 4, signers: [second] });
  await scene.installs(4, LONGER);
});

test('nor by another threshold, nor when the keys come back', async () => {
  const [first, second] = [new SigningKey(), new SigningKey()];
  const scene = await open({ signers: [first, second] });
  const old = served(scene);
  scene.publish(LONGER, { signers: [first] });
  await scene.installs(2, LONGER);
  scene.forger.files.set('manifest.json', old);
  for (const change of [{ bundle: 'threshold = 2' }, { trusted: [second], bundle: '' }, { trusted: [first, second] }]) {
    scene.configure(change);
    await scene.refused('ROLLBACK', MANIFEST);
  }
});

test('what was seen under a key that is gone is one of two payloads all the same', async () => {
  const [first, second] = [new SigningKey(), new SigningKey()];
  const scene = await open({ signers: [first, second] });
  scene.publish(LIST.slice(40), { version: 2, signers: [first] });
  await scene.refused('SHRUNK', [...MANIFEST, TABLE]);
  scene.configure({ trusted: [second] });
  scene.publish(LONGER, { version: 2, signers: [second] });
  await scene.refused('EQUIVOCATION', MANIFEST);
  expect(readdirSync(path.join(folder(scene.gateway), 'evidence'))).toHaveLength(2);
});

test('a stolen key signed a huge version: by hand the way on, and without it none', async () => {
  const [stolen, fresh] = [new SigningKey(), new SigningKey()];
  const scene = await open({ signers: [stolen] });
  const garbage = Array.from({ length: 200 }, (_, i) => `garbage-${i}@example.org`);
  scene.publish([...garbage, ...LIST], { version: 9_000_000 });
  await scene.gateway.fetch(['--accept-shrink']);
  scene.configure({ trusted: [fresh] });
  scene.publish(LONGER, { version: 3, signers: [fresh] });
  await scene.refused('ROLLBACK', MANIFEST);
  await scene.refused('ROLLBACK', MANIFEST, { args: ['--force', '--accept-shrink', '--partial'] });
  // The live copy does not verify, so its version is no floor, and its rows are no measure.
  const { stderr } = await scene.installs(3, LONGER, ['--rebuild-state']);
  expect(stderr).toMatch(/floor \(version 9000000\) is given up by --rebuild-state; now it is 0/);
  scene.publish(LIST, { version: 2, signers: [fresh] });
  await scene.refused('ROLLBACK', MANIFEST);
  scene.publish(LIST.slice(40), { version: 4, signers: [fresh] });
  await scene.refused('SHRUNK', [...MANIFEST, TABLE]);
});

test('--rebuild-state takes the version of the live copy for the floor, where that verifies', async () => {
  const scene = await open({ first: { version: 9 } });
  scene.publish(LONGER, { version: 3 });
  const { stderr } = await scene.refused('ROLLBACK', MANIFEST, { args: ['--rebuild-state'] });
  expect(stderr).toMatch(/floor \(version 9\) is given up by --rebuild-state; now it is version 9, the live copy's/);
  damage(scene.gateway);
  expect(await afterDamage(scene, ['--rebuild-state'])).toBe('ROLLBACK');
  // Gone back by hand, the live copy is an older one.
  scene.publish(LONGER, { version: 12 });
  await scene.installs(12, LONGER);
  expect((await scene.gateway.run(['rollback'])).status).toBe(0);
  expect((await scene.gateway.run(['resume'])).status).toBe(0);
  scene.publish([...LONGER, 'dora@example.org'], { version: 10 });
  await scene.refused('ROLLBACK', MANIFEST);
  await scene.installs(10, [...LONGER, 'dora@example.org'], ['--rebuild-state']);
});

/** Two bundles on one gateway, both at version 5 with an older list at hand. */
async function two(): Promise<{ gateway: Gateway; forgers: Forger[]; configure: (...names: string[]) => void }> {
  const gateway = new Gateway();
  const files = new Map<string, Buffer>();
  const endpoint = await Endpoint.start(files);
  onTestFinished(async () => {
    await endpoint.stop();
    gateway.remove();
  });
  const key = new SigningKey();
  const forgers = ['a', 'b'].map((name) => new Forger(name, [key]));
  const configure = (...names: string[]) =>
    gateway.configure(
      names.map((name) => ({
        name,
        urls: [`${endpoint.url}${name}/`],
        keys: [key],
        lines: `domains = ["${name}.example"]`,
      })),
    );
  configure('a', 'b');
  for (const forger of forgers) {
    forger.files.set = (name, bytes) => {
      files.set(`${forger.name}/${name}`, bytes);
      return Map.prototype.set.call(forger.files, name, bytes) as Map<string, Buffer>;
    };
    forger.publish([`x@${forger.name}.example`], { version: 5 });
  }
  const run = await gateway.fetch();
  expect(run.outcome, run.stdout).toBe('installed');
  for (const forger of forgers) forger.publish([`old@${forger.name}.example`], { version: 4 });
  return { gateway, forgers, configure };
}
const codes = ({ bundles }: Fetched) => Object.fromEntries(bundles.map(({ name, code }) => [name, code]));

test('--bundle a --rebuild-state leaves the floor of b, and what b has', async () => {
  const { gateway } = await two();
  const before = gateway.text();
  const run = await gateway.fetch(['--bundle', 'a', '--rebuild-state']);
  expect(run.stderr).toMatch(/a: the rollback floor \(version 5\) is given up/);
  expect(run.stderr).not.toMatch(/\bb: the rollback floor/);
  expect(codes(run)).toEqual({ a: 'ROLLBACK' });
  expect(codes(await gateway.fetch())).toEqual({ a: 'ROLLBACK', b: 'ROLLBACK' });
  expect(gateway.text()).toBe(before);
  // Nor where the record is lost.
  damage(gateway);
  await gateway.fetch(['--bundle', 'a', '--rebuild-state']);
  expect(codes(await gateway.fetch())).toEqual({ a: 'ROLLBACK', b: 'ROLLBACK' });
  expect(gateway.text()).toBe(before);
  // And of what is lost of b nothing is given up by the name of a.
  rmSync(folder(gateway, 'b'), { recursive: true });
  expect((await gateway.fetch(['--bundle', 'a', '--rebuild-state'])).code).toBe('STATE_CORRUPT');
  expect(gateway.text()).toBe(before);
});

test('a bundle that leaves the configuration and comes back keeps its floor, after a rebuilt record too', async () => {
  const { gateway, forgers, configure } = await two();
  for (const rebuild of [() => undefined, () => damage(gateway)]) {
    configure('a');
    rebuild();
    expect(codes(await gateway.fetch())).toEqual({ a: 'ROLLBACK' });
    await gateway.fetch(['--rebuild-state']);
    configure('a', 'b');
    expect(codes(await gateway.fetch())).toEqual({ a: 'ROLLBACK', b: 'ROLLBACK' });
    expect(gateway.text()).toContain('x@b.example');
    expect(gateway.text()).not.toContain('old@');
  }
  forgers[1]?.publish(['y@b.example'], { version: 6 });
  const run = await gateway.fetch();
  expect(codes(run)).toEqual({ a: 'ROLLBACK', b: null });
});

test.each([
  ['shrunk', (scene: Scene) => void scene.publish(LIST.slice(40), { version: 50 }), 'SHRUNK'],
  [
    'from the future',
    (scene: Scene) => void scene.publish(LIST, { version: 50, created: Date.now() + 9e6 }),
    'NOT_YET',
  ],
])('a record that is rebuilt takes no refused version for its floor: %s', async (_, publish, code) => {
  const scene = await open();
  publish(scene);
  expect((await scene.gateway.fetch()).bundle.code).toBe(code);
  scene.publish(LONGER, { version: 50 });
  expect((await scene.gateway.fetch()).bundle.code).toBe('EQUIVOCATION');
  damage(scene.gateway);
  expect((await scene.gateway.fetch()).bundle.code).toBe('EQUIVOCATION');
  scene.publish(LONGER, { version: 2 });
  await scene.installs(2, LONGER);
});

test('nor a version that was held back', async () => {
  const scene = await open();
  expect((await scene.gateway.run(['hold'])).status).toBe(0);
  scene.publish(LONGER, { version: 50 });
  await scene.refused('HELD', MANIFEST);
  damage(scene.gateway);
  expect(await afterDamage(scene)).toBe('HELD');
  expect((await scene.gateway.run(['resume'])).status).toBe(0);
  scene.publish(LONGER, { version: 2 });
  await scene.installs(2, LONGER);
});

test('an envelope that is damaged is STATE_CORRUPT, also where the record is lost and another one is whole', async () => {
  const scene = await open();
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  const name = readdirSync(folder(scene.gateway)).find((each) => each.startsWith('2-')) ?? '';
  const file = path.join(folder(scene.gateway), name);
  const whole = readFileSync(file);
  for (const spoil of [
    () => truncateSync(file, 100),
    () => writeFileSync(file, whole.subarray(1)),
    () => rmSync(file),
  ]) {
    spoil();
    damage(scene.gateway);
    await scene.failed('STATE_CORRUPT');
    await scene.failed('STATE_CORRUPT', ['--force', '--accept-shrink', '--partial']);
  }
  writeFileSync(file, whole);
  expect(await afterDamage(scene)).toBeNull();
});

test('where the record is lost and no envelope verifies, nothing is taken for a fresh start', async () => {
  const scene = await open();
  const stranger = new SigningKey();
  scene.configure({ trusted: [stranger] });
  damage(scene.gateway);
  const { message } = await scene.failed('STATE_CORRUPT');
  expect(message).toMatch(/none of the 1 stored envelopes verifies.*--rebuild-state/);
  scene.publish(LONGER, { signers: [stranger] });
  await scene.installs(2, LONGER, ['--rebuild-state']);
});

test('of ten versions that were held back another payload of the first is found out', async () => {
  const scene = await open();
  expect((await scene.gateway.run(['hold'])).status).toBe(0);
  for (let version = 2; version < 12; version++) {
    scene.publish(LONGER, { version });
    expect((await scene.gateway.fetch()).bundle.code).toBe('HELD');
  }
  scene.publish([...LONGER, 'dora@example.org'], { version: 2 });
  await scene.refused('EQUIVOCATION', MANIFEST);
  expect(readdirSync(path.join(folder(scene.gateway), 'evidence'))).toHaveLength(2);
});
