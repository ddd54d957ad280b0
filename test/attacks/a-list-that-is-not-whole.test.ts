// Signed, canonical, and still not what this gateway should make of its mail: the guards MISSING_REQUIRED,
// FOREIGN_DOMAIN and SHRUNK.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { timestamp, type Lies } from '../support/forger.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

async function refuses(scene: Scene, code: string, rows: readonly string[], args: string[] = []): Promise<string> {
  const { table } = scene.publish(rows);
  const { bundle } = await scene.refused(code, ['manifest.json', table], { args });
  return bundle.message ?? '';
}

describe('MISSING_REQUIRED', () => {
  test('postmaster is gone, whatever flag is given', async () => {
    const scene = await open({ bundle: 'required = ["Postmaster@Example.org"]' });
    const rows = LONGER.filter((row) => !row.startsWith('postmaster@'));
    scene.gateway.unspeakable.delete('postmaster@example.org'); // it stands in the local configuration
    expect(await refuses(scene, 'MISSING_REQUIRED', rows)).toContain('postmaster@example.org');
    await refuses(scene, 'MISSING_REQUIRED', rows, ['--accept-shrink', '--force']);
  });

  test.each([
    ['its first row', 'aaa@example.org'],
    ['its last row', 'zzz@example.org'],
  ])('%s is required, and there is one before and one behind it', async (_name, required) => {
    const scene = await open({ bundle: `required = ["${required}"]`, rows: [...LIST, required] });
    scene.gateway.unspeakable.delete(required);
    for (const near of [`${required.slice(0, 2)}-x@example.org`, `${required.slice(0, 3)}a@example.org`]) {
      await refuses(scene, 'MISSING_REQUIRED', [...LIST, near]);
    }
  });

  test('a row for the whole domain accepts it', async () => {
    const scene = await open({ bundle: 'required = ["postmaster@example.org"]' });
    const rows = [...LIST.filter((row) => !row.startsWith('postmaster@')), '@example.org'];
    scene.publish(rows);
    await scene.installs(2, rows);
  });

  test('is told before a foreign domain and before the shrinking', async () => {
    const scene = await open({ bundle: 'required = ["bob@example.org"]\ndomains = ["example.org"]' });
    scene.gateway.unspeakable.delete('bob@example.org');
    await refuses(scene, 'MISSING_REQUIRED', ['x@foreign.example']);
    await refuses(scene, 'FOREIGN_DOMAIN', ['x@foreign.example', 'bob@example.org']);
    await refuses(scene, 'SHRUNK', ['bob@example.org']);
  });
});

describe('FOREIGN_DOMAIN', () => {
  let shared: Scene;
  beforeAll(async () => {
    shared = await Scene.open({ bundle: 'domains = ["Example.org"]' });
  });
  afterAll(() => shared.close());

  test.each([
    ['another domain', 'x@example.net'],
    ['a domain below', 'x@sub.example.org'],
    ['a domain above', 'x@org.example'],
    ['a domain that ends alike', 'x@notexample.org'],
    ['another whole domain', '@example.com'],
    ['the other side of the last @', 'x@example.org@example.net'],
  ])('%s', async (_name, row) => {
    const message = await refuses(shared, 'FOREIGN_DOMAIN', [...LIST, row], ['--accept-shrink', '--force']);
    expect(message).toContain(row.slice(row.lastIndexOf('@') + 1));
    expect(message).toMatch(/\brow \d+\b/);
  });

  test('with a star: below at any depth, and not the domain itself', async () => {
    const scene = await open({ bundle: 'domains = ["example.org", "*.example.net"]' });
    const rows = [...LIST, 'x@a.example.net', 'x@a.b.c.example.net'];
    scene.publish(rows);
    await scene.installs(2, rows, ['--accept-shrink']);
    await refuses(scene, 'FOREIGN_DOMAIN', [...rows, 'x@example.net']);
    await refuses(scene, 'FOREIGN_DOMAIN', [...rows, 'x@aexample.net']);
  });
});

describe('SHRUNK', () => {
  // 63 rows, 20 per cent: 12 may go, 13 may not.
  const keeping = (n: number): string[] => LIST.slice(LIST.length - n);

  test('one row more than max_shrink_percent; the boundary itself passes', async () => {
    const scene = await open();
    expect(await refuses(scene, 'SHRUNK', keeping(50))).toMatch(/13 of the 63 rows/);
    const { version } = scene.publish(keeping(51));
    await scene.installs(version, keeping(51));
  });

  test('rows that are replaced by others count as gone', async () => {
    const scene = await open();
    const rows = [...keeping(40), ...Array.from({ length: 500 }, (_, i) => `new-${i}@example.org`)];
    expect(await refuses(scene, 'SHRUNK', rows)).toMatch(/23 of the 63 rows/);
  });

  test('ten rows are free, the eleventh is not', async () => {
    const rows = LIST.slice(0, 12);
    const scene = await open({ rows });
    await refuses(scene, 'SHRUNK', rows.slice(11));
    const { version } = scene.publish(rows.slice(10));
    await scene.installs(version, rows.slice(10));
  });

  test('one domain is free, the second is not', async () => {
    const domains = ['a', 'b', 'c'].map((d) => `x@${d}.example`);
    const scene = await open({ rows: [...LIST, ...domains] });
    expect(await refuses(scene, 'SHRUNK', [...LIST, 'x@a.example'])).toMatch(/2 of the 4 domains/);
    const { version } = scene.publish([...LIST, ...domains.slice(1)]);
    await scene.installs(version, [...LIST, ...domains.slice(1)]);
  });

  test('--accept-shrink lifts it, for this cycle only', async () => {
    const scene = await open();
    await refuses(scene, 'SHRUNK', keeping(40), ['--force', '--partial']);
    await scene.installs(2, keeping(40), ['--accept-shrink']);
    await refuses(scene, 'SHRUNK', keeping(20));
  });

  test('max_shrink_percent of the configuration', async () => {
    const scene = await open({ bundle: 'max_shrink_percent = 0' });
    await refuses(scene, 'SHRUNK', keeping(52));
    const { version } = scene.publish(keeping(53));
    await scene.installs(version, keeping(53)); // ten rows are free
    scene.configure({ bundle: 'max_shrink_percent = 50' });
    const next = scene.publish(keeping(40));
    await scene.installs(next.version, keeping(40));
  });

  test('what could not be fetched in one step cannot be had in two under the same flagless cycles', async () => {
    const scene = await open();
    await refuses(scene, 'SHRUNK', keeping(5));
    await refuses(scene, 'SHRUNK', keeping(5));
    scene.publish(LIST);
    expect((await scene.gateway.fetch()).outcome).toBe('installed');
  });

  describe('shrinkApproved', () => {
    const approved = (rows: number, domains: number, seconds: number, created = Date.now() - 1000): Lies => ({
      created,
      manifest: (m) => ({ ...m, shrinkApproved: { until: timestamp(created + seconds * 1000), rows, domains } }),
    });

    test('lifts it for a table of at least its size', async () => {
      const scene = await open();
      scene.publish(keeping(40), approved(40, 1, 3600));
      await scene.installs(2, keeping(40));
    });

    test.each([
      ['a table of one row less', approved(41, 1, 3600)],
      ['a table of one domain less', approved(40, 2, 3600)],
      ['a time that has passed', approved(40, 1, 3600, Date.now() - 7_200_000)],
    ])('does not lift it for %s', async (_name, lies) => {
      const scene = await open();
      const { table } = scene.publish(keeping(40), lies);
      await scene.refused('SHRUNK', ['manifest.json', table]);
    });
  });
});
