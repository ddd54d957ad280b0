// Key ring steps that somebody else made, or in another way than section 6 of docs/bundle-format.md has it: the keys
// stay as they are, nothing moves, and no table is asked for.
// Covers src/gateway/fetch/walk.ts, src/gateway/fetch/ask-origins.ts, src/gateway/cycle/store-steps.ts
// Covers src/bundle/trust/root-threshold.ts, src/gateway/health/keyring-status.ts, src/gateway/say/key-ring-words.ts
// Covers src/gateway/fetch/bundle-context.ts
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { Endpoint } from '../support/endpoint.ts';
import { MANIFEST_TYPE, SigningKey, type EnvelopeDraft } from '../support/forger.ts';
import { stepFile, type StepDraft } from '../support/keyring-step.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const A = new SigningKey();
const B = new SigningKey();
const C = new SigningKey();
const R = Array.from({ length: 5 }, () => new SigningKey());
const [R0, R1, R2] = R as [SigningKey, SigningKey, SigningKey];
const roots = [R0, R1, R2];
const ASKED = ['manifest.json', 'keyring/1.json'];

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open({ signers: [A], roots, ...options });
  onTestFinished(() => scene.close());
  return scene;
}

/** Step 1 from A to B, by two of three root keys. */
const step = (change: Partial<StepDraft> = {}): StepDraft => ({
  version: 1,
  keys: [B],
  roots,
  rootThreshold: 2,
  by: [R0, R1],
  ...change,
});
const stored = (scene: Scene): string[] => {
  const folder = scene.gateway.at('state', 'bundles', 'example-org', 'keyring');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};
const keys = async (scene: Scene): Promise<string> => (await scene.gateway.run(['keys'])).stdout;

describe('a step that is there and does not count', () => {
  const strangers = R.slice(3);
  const refusals: readonly (readonly [string, Partial<StepDraft>])[] = [
    ['signed by one old root key', { by: [R0] }],
    ['signed by old root keys only', { roots: strangers, rootThreshold: 2, by: [R0, R1] }],
    ['signed by new root keys only', { roots: strangers, rootThreshold: 2, by: strangers }],
    ['signed by manifest keys, the old and the new', { by: [A, B] }],
    ['signed by one root key and the manifest keys', { by: [R0, A, B] }],
    [
      'signed by one root key twice',
      { envelope: (e: EnvelopeDraft) => ({ ...e, signatures: [e.signatures[0], e.signatures[0]] }) },
    ],
    ['one root key under two names', { envelope: renamed }],
    ['a skipped step in its place', { version: 1, more: { version: 2 } }],
    ['the step of another name', { name: 'another-org' }],
    ['a lower root threshold than the default, in step 1', { rootThreshold: 1 }],
    ['root keys that are one key twice', { roots: [R0, R0, R1] }],
    ['a weak key', { more: { keys: [Buffer.alloc(32).toString('base64')] } }],
    ['a threshold that nobody can reach', { threshold: 2 }],
    ['17 keys', { more: { keys: Array.from({ length: 17 }, () => new SigningKey().raw.toString('base64')) } }],
    ['no root keys any more', { more: { rootKeys: [] } }],
    ['a manifest in its place', { type: MANIFEST_TYPE }],
  ];

  test.each(refusals)('%s', async (_, change) => {
    const scene = await open();
    scene.step(step(change));
    scene.publish(LONGER, { signers: [B] });
    await scene.refused('BAD_KEYRING', ASKED);
    expect(stored(scene)).toEqual([]);
    expect(await keys(scene)).toContain(`trusted   ${A.keyid}`);
    // Where a manifest verifies, it is a warning and no more.
    scene.publish(LONGER, { signers: [A], manifest: (m) => ({ ...m, keyring: 1 }) });
    const { stderr } = await scene.installs(3, LONGER);
    expect(stderr).toContain('BAD_KEYRING');
    expect((await scene.gateway.health()).status).toBe(0);
  });

  function renamed(honest: EnvelopeDraft): object {
    const [first] = honest.signatures;
    return { ...honest, signatures: [R0, R1].map(({ keyid }) => ({ keyid, sig: first?.sig })) };
  }

  test.each<[string, string, Partial<StepDraft>]>([
    ['threshold', 'threshold = 2', { keys: [B, C], threshold: 1 }],
    ['root_threshold', 'root_threshold = 3', { by: roots, rootThreshold: 2 }],
  ])('a %s below the configured one', async (_, bundle, change) => {
    const scene = await open({ signers: [A, C], bundle });
    scene.step(step(change));
    scene.publish(LONGER, { signers: [B] });
    const { bundle: kept } = await scene.refused('BAD_KEYRING', ASKED);
    expect(kept.message).toMatch(/the configured (root_)?threshold is \d/);
  });

  test('one over 128 KiB, and one behind a server that fails', async () => {
    const scene = await open();
    scene.step(step({ envelope: (honest) => ({ ...honest, padding: ' '.repeat(128 * 1024) }) }));
    scene.publish(LONGER, { signers: [B] });
    expect((await scene.refused('BAD_KEYRING', ASKED)).bundle.message).toContain('TOO_LARGE');
    for (const status of [500, 302, 204]) {
      scene.endpoint.misbehaviour = ({ path, response }) =>
        path.startsWith('keyring/') && void response.writeHead(status, { location: '/elsewhere' }).end();
      await scene.refused('BAD_KEYRING', ASKED);
    }
    for (const status of [404, 403, 410]) {
      scene.endpoint.misbehaviour = ({ path, response }) =>
        path.startsWith('keyring/') && void response.writeHead(status).end();
      await scene.refused('BAD_SIGNATURE', ASKED);
    }
  });

  test('without root keys no step is asked for, whatever the manifest says', async () => {
    const scene = await open({ roots: [] });
    scene.step(step());
    scene.publish(LONGER, { signers: [B], manifest: (m) => ({ ...m, keyring: 1 }) });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
    scene.publish(LONGER, { signers: [A, B], manifest: (m) => ({ ...m, keyring: 1 }) });
    expect((await scene.installs(3, LONGER)).stderr).toContain('has no root keys');
    expect(scene.endpoint.take().filter((path) => path.startsWith('keyring'))).toEqual([]);
  });
});

describe('who holds which keys', () => {
  test('the manifest key alone: a list, and no step', async () => {
    const scene = await open();
    scene.step(step({ keys: [C], by: [A] }));
    scene.publish(LONGER, { signers: [C] });
    await scene.refused('BAD_KEYRING', ASKED);
  });

  test('one root key of three: nothing', async () => {
    const scene = await open();
    scene.step(step({ keys: [C], roots: [R2], rootThreshold: 1, by: [R2] }));
    scene.publish(LONGER, { signers: [C] });
    await scene.refused('BAD_KEYRING', ASKED);
  });

  test('the manifest key and one root key: a list, and no step', async () => {
    const scene = await open();
    scene.step(step({ keys: [C], roots: [R2, A], rootThreshold: 1, by: [R2, A] }));
    scene.publish(LONGER, { signers: [C] });
    await scene.refused('BAD_KEYRING', ASKED);
    expect(stored(scene)).toEqual([]);
  });
});

describe('mirrors', () => {
  async function twoMirrors(): Promise<{ scene: Scene; mirror: Endpoint; files: Map<string, Buffer> }> {
    const scene = await open();
    const files = new Map(scene.forger.files);
    const mirror = await Endpoint.start(files);
    onTestFinished(() => mirror.stop());
    scene.configure({ urls: [scene.endpoint.url, mirror.url] });
    return { scene, mirror, files };
  }

  test('one answers 404 for every step: a valid step from any counts', async () => {
    const { scene, files } = await twoMirrors();
    files.set('keyring/1.json', stepFile(step()));
    scene.publish(LONGER, { signers: [B] });
    await scene.installs(2, LONGER);
    expect(stored(scene)).toEqual(['1.json']);
  });

  test('two different steps of one number, each rightly signed: neither counts', async () => {
    const { scene, files } = await twoMirrors();
    scene.step(step());
    files.set('keyring/1.json', stepFile(step({ keys: [C] })));
    scene.publish(LONGER, { signers: [B] });
    files.set('manifest.json', scene.forger.files.get('manifest.json') ?? Buffer.alloc(0));
    const { bundle } = await scene.refused('BAD_KEYRING', ASKED);
    expect(bundle.message).toMatch(/two signed payloads of key ring step 1: [0-9a-f]{16} and [0-9a-f]{16}/);
    expect(stored(scene)).toEqual([]);
  });

  test('another step 1 after the first one has come: never asked for', async () => {
    const scene = await open();
    scene.step(step());
    scene.publish(LONGER, { signers: [B] });
    await scene.installs(2, LONGER);
    scene.step(step({ keys: [C] }));
    scene.publish(LIST, { signers: [C] });
    await scene.refused('BAD_SIGNATURE', ['manifest.json', 'keyring/2.json']);
  });

  test('the same step in circles ends at once', async () => {
    const scene = await open();
    scene.step(step());
    scene.forger.files.set('keyring/2.json', stepFile(step()));
    scene.publish(LONGER, { signers: [C] });
    await scene.refused('BAD_KEYRING', [...ASKED, 'keyring/2.json', 'manifest.json']);
    expect(stored(scene)).toEqual(['1.json']);
  });

  test('10,000 steps: 32 a cycle, each stored, and the next cycle goes on', async () => {
    const scene = await open({ roots: [R0] });
    const made = new Set<number>();
    scene.endpoint.misbehaviour = ({ path, response }) => {
      const version = Number(/^keyring\/(\d+)\.json$/.exec(path)?.[1] ?? 0);
      if (version === 0) return false;
      made.add(version);
      response.end(stepFile(step({ version, roots: [R0], rootThreshold: 1, by: [R0] })));
      return true;
    };
    scene.publish(LONGER, { signers: [C] });
    const numbers = (from: number) => Array.from({ length: 32 }, (_, i) => `keyring/${from + i}.json`);
    await scene.refused('BAD_SIGNATURE', ['manifest.json', ...numbers(1), 'manifest.json']);
    expect(stored(scene)).toHaveLength(32);
    await scene.refused('BAD_SIGNATURE', ['manifest.json', ...numbers(33), 'manifest.json']);
    expect(stored(scene)).toHaveLength(64);
  });

  test('a mirror that hides steps keeps its old manifest going until that expires, and no longer', async () => {
    const scene = await open();
    scene.publish(LONGER, { manifest: (m) => ({ ...m, keyring: 1 }), lifetime: 86_400 });
    const { stderr } = await scene.installs(2, LONGER);
    expect(stderr).toContain('BAD_KEYRING: the manifest names key ring step 1; the steps that can be had end at 0');
    await scene.refused('EXPIRED', ASKED, { env: clockAt('+1d') });
  });
});

describe('when a step is asked for', () => {
  test('in the first cycle, then once in 24 hours; never in between', async () => {
    const scene = await open();
    await scene.unchanged(1);
    expect(scene.endpoint.take()).toEqual(['manifest.json']);
    scene.step(step({ keys: [A, B] }));
    await scene.unchanged(1);
    expect(scene.endpoint.take()).toEqual(['manifest.json']);
    expect(stored(scene)).toEqual([]);
    const { status } = await scene.gateway.fetch([], { env: clockAt('+1d') });
    expect(status).toBe(0);
    expect(stored(scene)).toEqual(['1.json']);
  });

  test('a step that came with a 304: the live copy is asked for whole, and stays live though its key is out', async () => {
    const scene = await open();
    scene.step(step());
    const before = scene.gateway.maps();
    const run = await scene.gateway.fetch([], { env: clockAt('+1d') });
    expect([run.status, run.bundle.code]).toEqual([1, 'BAD_SIGNATURE']);
    expect(scene.endpoint.asked.map(({ path, headers }) => [path, headers['if-none-match'] === undefined])).toEqual([
      ['manifest.json', true],
      ['keyring/1.json', true],
      ['keyring/2.json', true],
      ['manifest.json', true],
    ]);
    expect(scene.gateway.maps()).toEqual(before);
    expect(stored(scene)).toEqual(['1.json']);
    const { status, json, text } = await scene.gateway.health();
    expect(status).toBe(2);
    expect(json.bundles[0]?.reasons.join()).toContain('does not verify under the current keys');
    expect(text).toMatch(/key ring step 1 since .*; the live copy is signed by none of its keys/);
    // Signed by the new key as well, the same payload is trusted again.
    const { payload } = JSON.parse(scene.forger.files.get('manifest.json')?.toString() ?? '') as EnvelopeDraft;
    const again = scene.forger.seal(Buffer.from(payload, 'base64'), { signers: [A, B] });
    scene.forger.files.set('manifest.json', again);
    await scene.unchanged(1);
    expect((await scene.gateway.health()).status).toBe(0);
  });

  test('what the old key has signed is not offered for a rollback', async () => {
    const scene = await open();
    scene.step(step());
    scene.publish(LONGER, { signers: [B] });
    await scene.installs(2, LONGER);
    const { stderr, status } = await scene.gateway.run(['rollback']);
    expect([status, stderr]).toEqual([1, expect.stringContaining('no older version is kept')]);
    expect(await keys(scene)).toMatch(
      new RegExp(`key ring step 1 since .*\n  trusted   ${B.keyid}  \\(by key ring step 1\\)`),
    );
    expect(await keys(scene)).toContain(`signed by ${B.keyid}\n`);
  });

  test('a dry run walks and stores nothing', async () => {
    const scene = await open();
    scene.step(step());
    scene.publish(LONGER, { signers: [B] });
    const run = await scene.gateway.fetch(['--dry-run']);
    expect(run.bundle.code).toBeNull();
    expect(run.stdout).toContain('version 2 for 1');
    expect(stored(scene)).toEqual([]);
    await scene.installs(2, LONGER);
  });
});
