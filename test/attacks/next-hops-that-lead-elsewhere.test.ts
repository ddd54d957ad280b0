// A thief of the signing key sends mail to no host outside `next_hops`, and takes no next hop away by a table that is
// empty or gone: mail would follow the MX, which may be this very host.
// Covers src/gateway/fetch/judge-obtained.ts, src/gateway/fetch/obtained.ts, src/gateway/maps/map-pair.ts
// Covers src/gateway/maps/next-hop-routes.ts
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { sha256, tableOf } from '../support/forger.ts';
import { approval, publishHops, route, type HopLies } from '../support/next-hops.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const DOMAINS = 'domains = ["example.org", "*.example.org"]';
const ASKS = `${DOMAINS}\nnext_hops = ["mx.example.org", "*.in.example.org", "192.0.2.0/24", "2001:db8::/32"]`;
const HOPS = [route('example.org', '[mx.example.org]'), route('sub.example.org', '[192.0.2.7]:2525')];

async function open(options: SceneOptions & { hops?: readonly string[] } = {}): Promise<Scene> {
  const scene = await Scene.open({ bundle: ASKS, ...options, installed: false });
  onTestFinished(() => scene.close());
  publishHops(scene, LIST, options.hops ?? HOPS);
  await scene.installs(1, LIST);
  scene.endpoint.take();
  return scene;
}

const mapOf = (scene: Scene): Record<string, string> =>
  Object.fromEntries(
    scene.gateway
      .text('transport')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t') as [string, string]),
  );

test('honest ones are installed beside the list: what Postfix finds for a domain', async () => {
  const scene = await open();
  expect(mapOf(scene)).toEqual({
    'example.org': 'relay:[mx.example.org]',
    'sub.example.org': 'relay:[192.0.2.7]:2525',
  });
  expect(scene.gateway.strays()).toEqual([]);
});

describe('outside of what is allowed', () => {
  let shared: Scene;
  beforeAll(async () => {
    shared = await Scene.open({ bundle: ASKS, installed: false });
    publishHops(shared, LIST, HOPS);
    await shared.installs(1, LIST);
  });
  afterAll(() => shared.close());

  async function refuses(code: string, rows: readonly string[], lies: HopLies = {}): Promise<string> {
    const { table } = publishHops(shared, LIST, rows, lies);
    // The list is the one that is live already.
    const { bundle } = await shared.refused(code, ['manifest.json', table], { args: ['--accept-shrink'] });
    return bundle.message ?? '';
  }

  test.each([
    ['a name', '[mx.evil.example]'],
    ['its MX', 'evil.example'],
    ['a name that ends alike', '[evil-mx.example.org]'],
    ['a name that begins alike', '[mx.example.org.evil.example]'],
    ['a name above', 'in.example.org'],
    ['a name beside', '[mx.out.example.org]'],
    ['an address', '[203.0.113.9]'],
    ['an address beside the network', '[192.0.3.7]:25'],
    ['this host itself', '[127.0.0.1]:25'],
    ['this host itself in IPv6', '[::1]'],
    ['an address of IPv6', '[2001:db9::1]'],
    ['an IPv4 address translated', '[64:ff9b::192.0.2.7]'],
    ['all addresses', '[0.0.0.0]'],
  ])('FOREIGN_NEXT_HOP: %s', async (_, hop) => {
    const message = await refuses('FOREIGN_NEXT_HOP', [
      route('a.example.org', 'mx.example.org'),
      route('example.org', hop),
    ]);
    expect(message).toContain('row 2 of next hops');
    expect(message).toContain('next_hops');
  });

  test.each([
    ['another domain', 'example.net'],
    ['a domain that ends alike', 'notexample.org'],
    ['a domain above', 'org.example'],
  ])('FOREIGN_DOMAIN: %s', async (_, domain) => {
    const message = await refuses(
      'FOREIGN_DOMAIN',
      [route('example.org', '[mx.example.org]'), route(domain, '[mx.example.org]')].sort(),
    );
    expect(message).toContain(`the domain ${domain} is not among`);
  });

  test('a foreign domain is told before a foreign next hop', async () => {
    await refuses('FOREIGN_DOMAIN', [route('example.net', '[203.0.113.9]')]);
  });

  test.each([
    ['an IPv4 address in IPv6 form', '[::ffff:192.0.2.7]'],
    ['the same in hex', '[::ffff:c000:207]'],
    ['a second port', '[mx.example.org]:25:25'],
    ['port 0', '[mx.example.org]:0'],
    ['a port with a zero before it', 'mx.example.org:025'],
    ['a port too high', 'mx.example.org:65536'],
    ['a dot at the end', 'mx.example.org.'],
    ['upper case', '[MX.example.org]'],
    ['a name that ends in digits', 'mx.in.example.123'],
    ['an address without brackets', '192.0.2.7'],
    ['an octal address', '[0300.0.2.7]'],
    ['a transport of another kind', 'discard:'],
    ['a transport before it', 'smtp:[mx.example.org]'],
    ['a second next hop', '[mx.example.org], [203.0.113.9]'],
    ['a socket', 'unix:/tmp/x'],
    ['nothing', ''],
  ])('NOT_CANONICAL: %s', async (_, hop) => {
    await refuses('NOT_CANONICAL', [route('example.org', hop)]);
  });

  test.each<[string, string[]]>([
    ['one domain twice', [route('example.org', '[192.0.2.7]'), route('example.org', 'mx.example.org')]],
    ['one row twice', [HOPS[0] ?? '', HOPS[0] ?? '']],
    ['out of order', [HOPS[1] ?? '', HOPS[0] ?? '']],
    ['no TAB', ['example.org mx.example.org']],
    ['every domain', [route('*', 'mx.example.org')]],
    ['upper case', [route('Example.org', 'mx.example.org')]],
    ['an address', [route('bob@example.org', 'mx.example.org')]],
  ])('NOT_CANONICAL: %s', async (_, rows) => {
    await refuses('NOT_CANONICAL', [], { text: rows.map((row) => `${row}\n`).join('') });
  });

  test.each<[string, HopLies, string]>([
    ['more rows than declared', { entry: { rows: 1 } }, 'LENGTH_MISMATCH'],
    ['another hash', { entry: { bytes: 10 } }, 'LENGTH_MISMATCH'],
  ])('%s', async (_, lies, code) => {
    await refuses(code, [route('example.org', 'mx.example.org'), route('x.example.org', 'mx.example.org')], lies);
  });

  test.each<[string, HopLies, string]>([
    ['no entry', { entry: { sha256: undefined } }, 'BAD_MANIFEST'],
    ['an encoding to come', { entry: { encoding: 'zstd' } }, 'UNSUPPORTED_FORMAT'],
    ['an approval of nothing', { approved: -1 }, 'BAD_MANIFEST'],
    ['too many rows', { entry: { rows: 2 ** 40 } }, 'OVER_LIMIT'],
  ])('%s is refused before anything is fetched', async (_, lies, code) => {
    publishHops(shared, LIST, HOPS, lies);
    await shared.refused(code, ['manifest.json']);
  });

  test('a delta to a foreign next hop', async () => {
    const rows = [...HOPS.slice(0, 1), route('sub.example.org', '[203.0.113.9]')];
    const many = Array.from({ length: 200 }, (_, i) => route(`d${i}.example.org`, `[mx${i * 7919}.in.example.org]`));
    const scene = await open({ hops: [...many, ...HOPS] });
    const { delta } = publishHops(scene, LIST, [...many, ...rows], { from: [...many, ...HOPS] });
    await scene.refused('FOREIGN_NEXT_HOP', ['manifest.json', delta ?? '']);
  });

  test('and a delta that does not work costs the whole table', async () => {
    const many = Array.from({ length: 200 }, (_, i) => route(`d${i}.example.org`, `[mx${i * 7919}.in.example.org]`));
    const scene = await open({ hops: many });
    const next = [...many, ...HOPS];
    const { delta, table } = publishHops(scene, LIST, next, {
      from: many,
      delta: `-absent.example.org\tmx.example.org\n`,
    });
    const { bundle, stderr } = await scene.installs(2, LIST);
    expect([bundle.via, scene.endpoint.take()]).toEqual(['full', ['manifest.json', delta, table]]);
    expect(stderr).toContain('the whole table is taken');
    const more = [...next, route('z.example.org', 'mx.example.org')];
    const again = publishHops(scene, LIST, more, { from: next });
    await scene.installs(3, LIST);
    expect(scene.endpoint.take()).toEqual(['manifest.json', again.table]); // the next cycle takes no delta
    const last = publishHops(scene, LIST, next, { from: more });
    expect((await scene.installs(4, LIST)).bundle.via).toBe('delta');
    expect(scene.endpoint.take()).toEqual(['manifest.json', last.delta]);
    expect(Object.keys(mapOf(scene))).toHaveLength(202);
  });
});

describe('a table that is empty or gone', () => {
  const without = (scene: Scene, kind: string, lies: HopLies = {}): void => {
    if (kind === 'gone') scene.publish(LONGER, { manifest: (m) => ({ ...m, ...approval(lies) }) });
    else publishHops(scene, LONGER, [], lies);
  };

  test.each(['empty', 'gone'])('%s: SHRUNK, however few there were', async (kind) => {
    for (const rows of [HOPS, HOPS.slice(0, 1)]) {
      const scene = await open({ hops: rows });
      without(scene, kind);
      const { bundle } = await scene.refused('SHRUNK', requestsOf(scene, kind));
      expect(bundle.message).toContain('next hops in use would go');
      expect(Object.keys(mapOf(scene))).toHaveLength(rows.length);
    }
  });

  const requestsOf = (scene: Scene, kind: string): string[] => {
    const list = `recipients/${sha256(tableOf(LONGER))}.gz`;
    const empty = `transport/${sha256('')}.gz`;
    expect(scene.forger.files.has(list)).toBe(true);
    return ['manifest.json', list, ...(kind === 'gone' ? [] : [empty])];
  };

  test.each(['empty', 'gone'])('%s with the list as it was: SHRUNK as well', async (kind) => {
    const scene = await open();
    if (kind === 'gone') scene.publish(LIST);
    else publishHops(scene, LIST, []);
    await scene.refused(
      'SHRUNK',
      kind === 'gone' ? ['manifest.json'] : ['manifest.json', `transport/${sha256('')}.gz`],
    );
  });

  test.each(['empty', 'gone'])('%s, and meant: by hand, or by the signed word for it', async (kind) => {
    for (const [args, lies] of [
      [['--accept-shrink'], {}],
      [[], { approved: 0 }],
    ] as const) {
      const scene = await open();
      without(scene, kind, lies);
      await scene.installs(2, LONGER, args);
      expect(mapOf(scene)).toEqual({});
    }
  });

  test('a word for more next hops than there are, or one that has ended, does not do', async () => {
    const scene = await open();
    without(scene, 'empty', { approved: 1 });
    await scene.refused('SHRUNK', requestsOf(scene, 'empty'));
    without(scene, 'empty', { approved: 0, until: -10 });
    await scene.refused('SHRUNK', requestsOf(scene, 'empty'));
  });

  test('a word for the recipients is none for the next hops', async () => {
    const scene = await open();
    const until = `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;
    scene.publish(LONGER, { manifest: (m) => ({ ...m, shrinkApproved: { until, rows: 0, domains: 0 } }) });
    await scene.refused('SHRUNK', requestsOf(scene, 'gone'));
  });

  test('most of them gone: SHRUNK; a few of many: not', async () => {
    const many = Array.from({ length: 60 }, (_, i) => route(`d${i + 10}.example.org`, '[mx.example.org]'));
    const scene = await open({ hops: many });
    const { table } = publishHops(scene, LIST, many.slice(0, 40));
    await scene.refused('SHRUNK', ['manifest.json', table]);
    publishHops(scene, LIST, many.slice(0, 50));
    await scene.installs(3, LIST);
    // Within a day of the first: net rows count.
    const last = publishHops(scene, LIST, many.slice(0, 42));
    await scene.refused('SHRUNK', ['manifest.json', last.table]);
  });

  test('a first table may be empty', async () => {
    const scene = await open({ hops: [] });
    expect(mapOf(scene)).toEqual({});
  });
});

describe('asking', () => {
  test('who does not ask ignores the table, whatever it is', async () => {
    const scene = await open({ bundle: DOMAINS });
    expect(Object.keys(scene.gateway.maps())).not.toContain('transport');
    publishHops(scene, LONGER, [route('evil.example', '[203.0.113.9]')], { absent: true, entry: { encoding: 'zstd' } });
    await scene.installs(2, LONGER);
    expect(scene.endpoint.take().filter((request) => request.startsWith('transport'))).toEqual([]);
  });

  test('who asks and never got one has an empty map, and says so once', async () => {
    const scene = await Scene.open({ bundle: ASKS, installed: false });
    onTestFinished(() => scene.close());
    scene.publish(LIST);
    const first = await scene.installs(1, LIST);
    expect(first.stderr).toContain('no table of next hops has come yet');
    expect(mapOf(scene)).toEqual({});
    scene.publish(LONGER);
    expect((await scene.installs(2, LONGER)).stderr).toBe('');
    publishHops(scene, LONGER, HOPS);
    await scene.installs(3, LONGER);
    expect(Object.keys(mapOf(scene))).toHaveLength(2);
  });

  test('without the network: who stops asking for a host no longer sends mail there', async () => {
    const scene = await open();
    const urls = [scene.endpoint.url];
    await scene.endpoint.stop();
    scene.configure({ urls, bundle: ASKS.replace('"192.0.2.0/24", ', '') });
    const run = await scene.gateway.fetch();
    expect([run.bundle.code, Object.keys(mapOf(scene))]).toEqual(['NETWORK', ['example.org']]);
    expect(run.stderr).toContain('outside of domains or next_hops');
    scene.configure({ urls, bundle: ASKS });
    await scene.gateway.fetch();
    expect(Object.keys(mapOf(scene))).toEqual(['example.org', 'sub.example.org']);
  });

  test('who begins to ask gets the table of the version that is live already', async () => {
    const scene = await open({ bundle: DOMAINS });
    scene.configure({ bundle: ASKS });
    const run = await scene.installs(1, LIST);
    expect(run.bundle.via).toBe('full');
    expect(Object.keys(mapOf(scene))).toHaveLength(2);
    await scene.unchanged(1);
  });
});

describe('a copy is both tables', () => {
  test('rollback moves both, and not to none', async () => {
    const scene = await open();
    publishHops(scene, LONGER, [route('example.org', 'mx.example.org:26'), ...HOPS.slice(1)]);
    await scene.installs(2, LONGER);
    expect(mapOf(scene)['example.org']).toBe('relay:mx.example.org:26');
    expect((await scene.gateway.run(['rollback'])).status).toBe(0);
    expect([mapOf(scene)['example.org'], scene.rows()]).toEqual(['relay:[mx.example.org]', [...LIST].sort()]);
    const diff = await scene.gateway.run(['history', '--diff', '1', '2'], { mayName: true });
    expect(diff.stdout).toContain('-example.org [mx.example.org]\n+example.org mx.example.org:26\n');
  });

  test('a version from before next hops were asked for is SHRUNK', async () => {
    const scene = await open({ bundle: DOMAINS });
    scene.configure({ bundle: ASKS });
    publishHops(scene, LONGER, HOPS);
    await scene.installs(2, LONGER);
    const before = scene.gateway.maps();
    const back = await scene.gateway.run(['rollback']);
    expect([back.status, scene.gateway.maps()]).toEqual([1, before]);
    expect(back.stderr).toContain('next hops in use would go');
  });

  test('maps that are gone or damaged are made again from both, without the network', async () => {
    const scene = await open();
    const good = scene.gateway.maps();
    await scene.endpoint.stop();
    for (const harm of [
      () => rmSync(path.join(scene.gateway.mapDir, 'transport.cdb')),
      () => truncateSync(path.join(scene.gateway.mapDir, 'transport.cdb'), 100),
      () => writeFileSync(path.join(scene.gateway.mapDir, 'transport'), 'evil.example\trelay:[203.0.113.9]\n'),
    ]) {
      harm();
      await scene.gateway.fetch();
      const now = scene.gateway.maps();
      for (const [name, { sha256: hash }] of Object.entries(good))
        expect([name, now[name]?.sha256]).toEqual([name, hash]);
    }
  });

  test('a damaged map that cannot be made again stays where it is, until a good table comes', async () => {
    const scene = await open();
    const copy = path.join(scene.gateway.stateDir, 'bundles/example-org', `${sha256(tableOf(HOPS))}.gz`);
    const map = path.join(scene.gateway.mapDir, 'transport.cdb');
    writeFileSync(copy, 'rotten');
    truncateSync(map, 100);
    const before = scene.gateway.maps();
    await scene.endpoint.stop();
    for (let i = 0; i < 2; i++) {
      const run = await scene.gateway.fetch();
      expect(run.stderr).toContain('stays as it is until a good table comes');
      expect(scene.gateway.maps()).toEqual(before);
      expect(readFileSync(map)).toHaveLength(100);
    }
    const { text } = await scene.gateway.health();
    expect(text).toContain('map damaged: transport.cdb');
  });

  test('the record is rebuilt with both', async () => {
    const scene = await open();
    const before = scene.gateway.maps();
    writeFileSync(path.join(scene.gateway.stateDir, 'state.json'), '{');
    await scene.gateway.fetch();
    const now = scene.gateway.maps();
    for (const name of Object.keys(before)) expect(now[name]?.sha256).toBe(before[name]?.sha256);
    expect(Object.keys(mapOf(scene))).toHaveLength(2);
  });

  test('import takes both from a folder', async () => {
    const scene = await Scene.open({ bundle: ASKS, installed: false });
    onTestFinished(() => scene.close());
    publishHops(scene, LIST, HOPS);
    for (const [name, bytes] of scene.forger.files) {
      const file = scene.gateway.at('stick', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    const run = await scene.gateway.run(['import', scene.gateway.at('stick')]);
    expect([run.status, Object.keys(mapOf(scene))], run.stderr).toEqual([0, ['example.org', 'sub.example.org']]);
  });
});

test('next_hops without domains is CONFIG, and so is an entry that is none', async () => {
  const scene = await Scene.open({ bundle: 'next_hops = ["mx.example.org"]', installed: false });
  onTestFinished(() => scene.close());
  publishHops(scene, LIST, HOPS);
  expect((await scene.failed('CONFIG')).message).toContain('domains is missing');
  scene.configure({ bundle: `${DOMAINS}\nnext_hops = ["192.0.2.7/24"]` });
  expect((await scene.failed('CONFIG')).message).toContain('next_hops.0 has bits set behind its length');
  scene.configure({ bundle: `${DOMAINS}\nnext_hops = []` });
  expect((await scene.failed('CONFIG')).message).toContain('next_hops must not be an empty list');
});
