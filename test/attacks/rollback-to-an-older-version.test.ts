// Old lists, old lists that look new, lists that have run out: nothing that was good once comes back, and no table
// is asked for.
import { readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { SigningKey, tableOf, timestamp } from '../support/forger.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const DAY = 86_400_000;
const MANIFEST = ['manifest.json'];

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

const evidence = (scene: Scene): string[] =>
  readdirSync(scene.gateway.at('state', 'bundles', 'example-org', 'evidence')).sort();

describe('ROLLBACK', () => {
  test('the very file that was installed before', async () => {
    const scene = await open();
    const old = scene.forger.files.get('manifest.json') ?? Buffer.alloc(0);
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    scene.forger.files.set('manifest.json', old);
    const { bundle } = await scene.refused('ROLLBACK', MANIFEST);
    expect([bundle.version, bundle.rows]).toEqual([2, LONGER.length]);
    for (const args of [['--force', '--accept-shrink', '--partial']])
      await scene.refused('ROLLBACK', MANIFEST, { args });
  });

  test('a lower version, freshly signed, with a later date', async () => {
    const scene = await open({ first: { version: 100 } });
    scene.publish(LONGER, { version: 99, created: Date.now() + 1000 });
    await scene.refused('ROLLBACK', MANIFEST);
    scene.publish(LONGER, { version: 101 });
    await scene.installs(101, LONGER);
  });

  test('after a renewal the version before it is old too', async () => {
    const scene = await open();
    const old = scene.forger.files.get('manifest.json') ?? Buffer.alloc(0);
    scene.publish(LIST);
    const before = scene.gateway.maps();
    const { bundle } = await scene.installs(2, LIST);
    expect(bundle.via).toBe('none');
    expect(scene.gateway.maps()).toEqual(before);
    scene.forger.files.set('manifest.json', old);
    await scene.refused('ROLLBACK', MANIFEST);
  });

  test('a refused version is no floor after a change of keys either', async () => {
    const scene = await open();
    scene.publish(LIST.slice(0, 5), { version: 50 });
    await scene.refused('SHRUNK', [...MANIFEST, expect.stringMatching(/^recipients\//) as string]);
    scene.configure({ trusted: [...scene.forger.signers, new SigningKey()] });
    scene.publish(LONGER, { version: 2 });
    await scene.installs(2, LONGER);
  });

  test('a refused version is no floor: the source is repaired under the number after the installed one', async () => {
    const scene = await open();
    scene.publish(LIST.slice(0, 5), { version: 50 });
    await scene.refused('SHRUNK', [...MANIFEST, expect.stringMatching(/^recipients\//) as string]);
    scene.publish(LONGER, { version: 2 });
    await scene.installs(2, LONGER);
  });
});

describe('EQUIVOCATION', () => {
  let shared: Scene;
  beforeAll(async () => {
    shared = await Scene.open();
  });
  afterAll(() => shared.close());

  test('another list under the installed version', async () => {
    const scene = await open();
    scene.publish(LONGER, { version: 1 });
    const { bundle } = await scene.refused('EQUIVOCATION', MANIFEST);
    expect(evidence(scene)).toHaveLength(2);
    expect(bundle.message).toContain('evidence');
    await scene.refused('EQUIVOCATION', MANIFEST, { args: ['--force', '--accept-shrink'] });
    expect(evidence(scene)).toHaveLength(2);
  });

  test('the same list under the installed version, created at another second', async () => {
    const scene = await open();
    scene.publish(LIST, { version: 1, created: Date.now() - 60_000 });
    await scene.refused('EQUIVOCATION', MANIFEST);
    expect(evidence(scene)).toHaveLength(2);
  });

  test('the same payload in another envelope is the same', async () => {
    const scene = await open();
    const { manifestFile } = scene.forger.publish(LIST, { version: 2 });
    scene.forger.files.set('manifest.json', manifestFile);
    await scene.installs(2, LIST);
    scene.forger.files.set('manifest.json', Buffer.from(JSON.stringify(JSON.parse(manifestFile.toString()), null, 2)));
    await scene.unchanged(2);
  });

  test.each([
    ['EXPIRED', { lifetime: 60, created: Date.now() - DAY }, 1],
    ['EMPTY', { text: Buffer.alloc(0) }, 1],
    ['SHRUNK', { text: Buffer.from('alice@example.org\n') }, 2],
    ['OVER_LIMIT', { table: (t: object) => ({ ...t, rows: 2 ** 31 }) }, 1],
    ['HASH_MISMATCH', { wire: () => gzipSync(tableOf([...LIST, 'hash_mismatcg@example.org'])) }, 2],
  ])('another list under a version that was refused before as %s', async (code, lies, asked) => {
    const { table, version } = shared.publish([...LIST, `${code.toLowerCase()}@example.org`], lies);
    await shared.refused(code, ['manifest.json', table].slice(0, asked));
    shared.publish(LONGER, { version });
    await shared.refused('EQUIVOCATION', MANIFEST);
    expect(evidence(shared).filter((name) => name.startsWith(`${version}-`))).toHaveLength(2);
  });

  test('the first of the two may still be installed', async () => {
    const scene = await open();
    const shrunk = scene.publish(LIST.slice(0, 20));
    await scene.refused('SHRUNK', ['manifest.json', shrunk.table]);
    scene.publish(LONGER, { version: 2 });
    await scene.refused('EQUIVOCATION', MANIFEST);
    scene.forger.files.set('manifest.json', shrunk.manifestFile);
    await scene.installs(2, LIST.slice(0, 20), ['--accept-shrink']);
  });
});

describe('EXPIRED', () => {
  test('when it is offered', async () => {
    const scene = await open();
    scene.publish(LONGER, { created: Date.now() - 60_000, lifetime: 59 });
    await scene.refused('EXPIRED', MANIFEST);
    await scene.refused('EXPIRED', MANIFEST, { args: ['--force', '--accept-shrink'] });
  });

  test('meanwhile, behind a 304', async () => {
    const scene = await open({ first: { lifetime: 3600 } });
    await scene.unchanged(1);
    expect(scene.endpoint.asked.at(-1)?.headers['if-none-match']).toMatch(/^"/);
    const env = clockAt('+2h');
    await scene.refused('EXPIRED', MANIFEST, { env });
    const health = await scene.gateway.health([], { env });
    expect([health.status, health.json.status]).toEqual([2, 'critical']);
    expect(health.json.bundles[0]?.reasons.join()).toMatch(/expired/);
    expect(health.text).toMatch(/^RELAYMAP CRITICAL - .*expired/);
    scene.publish(LIST);
    await scene.installs(2, LIST);
    expect((await scene.gateway.health()).status).toBe(0);
  });
});

describe('WRONG_NAME, OVER_LIMIT, EMPTY', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
  });
  afterAll(() => scene.close());

  test.each(['another-org', 'example-or', 'example-org.', 'example.org'])('the list of %s', async (name) => {
    scene.publish(LONGER, { manifest: (m) => ({ ...m, name }) });
    const { bundle } = await scene.refused('WRONG_NAME', MANIFEST, { args: ['--force'] });
    expect(bundle.message).toContain(name);
  });

  test.each([
    ['one row over max_rows', `[limits]\nmax_rows = ${LIST.length}`, {}],
    ['one byte over max_bytes', `[limits]\nmax_bytes = "${LONGER.join('\n').length}B"`, {}],
    [
      'a cdb over 4 GiB',
      '[limits]\nmax_rows = 2000000000\nmax_bytes = "900GiB"',
      { rows: 10 ** 8, bytes: 3 * 2 ** 30 },
    ],
  ])('%s', async (_name, config, change) => {
    scene.configure({ config });
    onTestFinished(() => scene.configure({ config: '' }));
    scene.publish(LONGER, { table: (t) => ({ ...t, ...change }) });
    await scene.refused('OVER_LIMIT', MANIFEST, { args: ['--force', '--accept-shrink'] });
  });

  test('exactly at both limits', async () => {
    const bytes = LONGER.join('\n').length + 1;
    const exact = await open({ config: `[limits]\nmax_rows = ${LONGER.length}\nmax_bytes = "${bytes}B"` });
    exact.publish(LONGER);
    await exact.installs(2, LONGER);
  });

  test('no rows at all, whatever was approved or accepted', async () => {
    const shrinkApproved = { until: timestamp(Date.now() + DAY), rows: 0, domains: 0 };
    scene.publish([], { manifest: (m) => ({ ...m, shrinkApproved }) });
    for (const args of [[], ['--force', '--accept-shrink', '--partial']])
      await scene.refused('EMPTY', MANIFEST, { args });
  });

  test('no rows at all on the first day: the maps stay absent, mail waits', async () => {
    const fresh = await open({ installed: false });
    fresh.publish([]);
    await fresh.refused('EMPTY', MANIFEST);
    expect(fresh.gateway.maps()).toEqual({});
  });
});
