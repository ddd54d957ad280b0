// The gateway's own files are damaged, lost or exchanged: a corrupt record is no fresh start, and live maps come
// back by themselves.
// Covers src/gateway/cycle/recover.ts, src/gateway/record
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  mkdirSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

const stateFile = (scene: Scene): string => path.join(scene.gateway.stateDir, 'state.json');
const copies = (scene: Scene): string => path.join(scene.gateway.stateDir, 'bundles', 'example-org');
const stored = (scene: Scene, ending: string): string[] =>
  readdirSync(copies(scene))
    .filter((name) => name.endsWith(ending))
    .map((name) => path.join(copies(scene), name));
const hashes = (scene: Scene): Record<string, string> =>
  Object.fromEntries(Object.entries(scene.gateway.maps()).map(([name, map]) => [name, map.sha256]));
const offline = (scene: Scene): void => scene.configure({ urls: ['https://127.0.0.1:1/'] });

const damages: [string, (file: string) => void][] = [
  ['empty', (file) => truncateSync(file)],
  ['cut in its middle', (file) => truncateSync(file, readFileSync(file).length >> 1)],
  ['garbage', (file) => writeFileSync(file, Buffer.alloc(4096, 0xa5))],
  ['zeros, as after a power cut', (file) => writeFileSync(file, Buffer.alloc(readFileSync(file).length))],
  ['null', (file) => writeFileSync(file, 'null')],
  ['JSON of another kind', (file) => writeFileSync(file, '{"format":1,"bundles":{}}')],
  [
    'a record with a broken hash',
    (file) => writeFileSync(file, readFileSync(file, 'utf8').replace(/"[0-9a-f]{64}"/, '"x"')),
  ],
];

describe('state.json is damaged: rebuilt from the signed envelopes, without loss', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
  });
  afterAll(() => scene.close());

  // The floor still stands: the version before is refused. So does the shrink guard.
  test.each(damages)('%s', async (_name, damage) => {
    const old = scene.forger.files.get('manifest.json') ?? Buffer.alloc(0);
    const { version } = scene.publish(LONGER);
    await scene.installs(version, LONGER);
    const before = hashes(scene);
    damage(stateFile(scene));
    scene.forger.files.set('manifest.json', old);
    const { bundle, stderr } = await scene.gateway.fetch();
    expect([bundle.outcome, bundle.code, bundle.version]).toEqual(['kept', 'ROLLBACK', version]);
    expect(stderr).toMatch(/warning: .*state\.json is damaged/);
    expect(hashes(scene)).toEqual(before);
    const { table } = scene.publish(LIST.slice(40));
    await scene.refused('SHRUNK', ['manifest.json', table]);
  });

  test('what was refused before is remembered too, and the next honest version installs', async () => {
    truncateSync(stateFile(scene));
    scene.publish(LONGER, { version: scene.forger.version });
    const { bundle } = await scene.gateway.fetch();
    expect([bundle.outcome, bundle.code]).toEqual(['kept', 'EQUIVOCATION']);
    const { version } = scene.publish([...LONGER, 'dora@example.org']);
    await scene.installs(version, [...LONGER, 'dora@example.org']);
  });

  test('while the network is down', async () => {
    const scene = await open();
    const before = hashes(scene);
    truncateSync(stateFile(scene));
    offline(scene);
    const { bundle } = await scene.gateway.fetch();
    expect([bundle.code, bundle.version, bundle.rows]).toEqual(['NETWORK', 1, LIST.length]);
    expect(hashes(scene)).toEqual(before);
  });

  test('a pending record that is damaged counts as none', async () => {
    const scene = await open();
    writeFileSync(path.join(scene.gateway.stateDir, 'pending.json'), '{"format":1');
    await scene.unchanged(1);
    expect(readdirSync(scene.gateway.stateDir)).not.toContain('pending.json');
  });
});

describe('STATE_CORRUPT: what cannot be rebuilt', () => {
  const losses: [string, (scene: Scene) => void][] = [
    ['state.json is gone, the maps are live', (scene) => rmSync(stateFile(scene))],
    [
      'the whole state is gone, the maps are live',
      (scene) => {
        rmSync(scene.gateway.stateDir, { recursive: true });
        mkdirSync(scene.gateway.stateDir);
      },
    ],
    [
      'state.json is damaged and no envelope is left',
      (scene) => {
        truncateSync(stateFile(scene));
        for (const file of stored(scene, '.json')) rmSync(file);
      },
    ],
    [
      'the installed version’s envelope is gone',
      (scene) => {
        for (const file of stored(scene, '.json')) rmSync(file);
      },
    ],
    [
      'the installed version’s envelope is cut',
      (scene) => {
        for (const file of stored(scene, '.json')) truncateSync(file, 100);
      },
    ],
    [
      'the installed version’s envelope is another’s',
      (scene) => {
        const other = scene.forger.seal(Buffer.from('{}'));
        for (const file of stored(scene, '.json')) writeFileSync(file, other);
      },
    ],
    [
      'state.json is damaged and the highest envelope is gone',
      (scene) => {
        truncateSync(stateFile(scene));
        for (const file of stored(scene, '.json')) renameSync(file, file.replace('.json', '.lost'));
        writeFileSync(path.join(copies(scene), `1-${'0'.repeat(64)}.json`), scene.forger.seal(Buffer.from('{}')));
      },
    ],
  ];
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open();
  });
  afterAll(() => scene.close());

  test.each(losses)('%s; --rebuild-state mends it', async (_name, lose) => {
    const { version } = scene.publish(LONGER);
    await scene.installs(version, LONGER);
    const before = hashes(scene);
    lose(scene);
    const { message } = await scene.failed('STATE_CORRUPT');
    expect(message).toContain('--rebuild-state');
    const run = await scene.gateway.fetch(['--rebuild-state']);
    expect([run.status, run.bundle.version], run.stdout + run.stderr).toEqual([0, version]);
    expect(run.stderr).toMatch(/floor .*given up/);
    expect(hashes(scene)).toEqual(before);
    expect(scene.gateway.strays()).toEqual([]);
  });

  test('no other flag mends it, health tells it, and the cycles after the mending are as ever', async () => {
    rmSync(stateFile(scene));
    await scene.failed('STATE_CORRUPT', ['--force', '--accept-shrink', '--partial']);
    const health = await scene.gateway.health();
    expect(health.status).toBeGreaterThan(0);
    expect(health.text).toContain('STATE_CORRUPT');
    await scene.gateway.fetch(['--rebuild-state']);
    await scene.unchanged(scene.forger.version);
    const { version } = scene.publish(LIST);
    await scene.installs(version, LIST);
  });
});

describe('a live map is damaged or gone: made again from the copies, even offline', () => {
  const damagesOfMaps: [string, (dir: string) => void][] = [
    ['the recipients are gone', (dir) => rmSync(path.join(dir, 'relay_recipients.cdb'))],
    ['the domains are gone', (dir) => rmSync(path.join(dir, 'relay_domains.cdb'))],
    ['a text is gone', (dir) => rmSync(path.join(dir, 'relay_recipients'))],
    ['all are gone', (dir) => rmSync(dir, { recursive: true })],
    [
      '2048 zeros, an empty map to Postfix',
      (dir) => writeFileSync(path.join(dir, 'relay_recipients.cdb'), Buffer.alloc(2048)),
    ],
    ['cut short', (dir) => truncateSync(path.join(dir, 'relay_recipients.cdb'), 1000)],
    [
      'one byte is another',
      (dir) => {
        const file = path.join(dir, 'relay_recipients.cdb');
        const bytes = readFileSync(file);
        bytes[2060] = (bytes[2060] ?? 0) ^ 1;
        writeFileSync(file, bytes);
      },
    ],
    [
      'a symbolic link',
      (dir) => {
        renameSync(path.join(dir, 'relay_domains.cdb'), path.join(dir, '..', 'aside.cdb'));
        symlinkSync('../aside.cdb', path.join(dir, 'relay_domains.cdb'));
      },
    ],
    [
      'a folder',
      (dir) => {
        rmSync(path.join(dir, 'relay_domains'));
        mkdirSync(path.join(dir, 'relay_domains'));
      },
    ],
  ];
  let shared: Scene;
  beforeAll(async () => {
    shared = await Scene.open();
    offline(shared);
  });
  afterAll(() => shared.close());

  test.each(damagesOfMaps)('%s', async (_name, damage) => {
    const before = hashes(shared);
    damage(shared.gateway.mapDir);
    const health = await shared.gateway.run(['health', '--deep']);
    expect([health.status, health.stdout]).toEqual([2, expect.stringMatching(/^RELAYMAP CRITICAL .*map damaged/)]);
    const { bundle } = await shared.gateway.fetch();
    expect([bundle.code, bundle.version]).toEqual(['NETWORK', 1]);
    expect(hashes(shared)).toEqual(before);
    expect(shared.gateway.strays()).toEqual([]);
  });

  test('healed maps answer, and health is content', async () => {
    expect((await shared.gateway.lookup('alice@example.org')).status).toBe(0);
    expect((await shared.gateway.health(['--deep'])).status).toBe(0);
  });

  test('and its copy too: the damaged map is removed, mail waits, and the next good cycle takes the whole table', async () => {
    const scene = await open();
    const { 'relay_recipients.cdb': damaged, ...good } = scene.gateway.maps();
    expect(damaged).toBeDefined();
    truncateSync(path.join(scene.gateway.mapDir, 'relay_recipients.cdb'), 1000);
    for (const file of stored(scene, '.gz')) writeFileSync(file, 'damaged');
    offline(scene);
    const { bundle, stderr } = await scene.gateway.fetch();
    expect([bundle.outcome, bundle.code, bundle.version]).toEqual(['kept', 'NETWORK', null]);
    expect(stderr).toMatch(/removed, mail is deferred/);
    expect(scene.gateway.maps()).toEqual(good);
    const health = await scene.gateway.health();
    expect([health.status, health.json.bundles[0]?.version]).toEqual([2, null]);
    expect((await scene.gateway.lookup('alice@example.org')).status).toBe(2);
    scene.configure();
    await scene.installs(1, LIST);
    expect(scene.endpoint.take()).toHaveLength(2);
    expect((await scene.gateway.health()).status).toBe(0);
  });

  test('only the copy is damaged: the maps stay, and the guard still counts', async () => {
    const scene = await open();
    for (const file of stored(scene, '.gz')) writeFileSync(file, 'damaged');
    await scene.unchanged(1);
    const { table } = scene.publish(LIST.slice(40));
    await scene.refused('SHRUNK', ['manifest.json', table]);
    scene.publish(LONGER);
    await scene.installs(3, LONGER);
  });

  test('a map that was only touched is left alone', async () => {
    const scene = await open();
    const file = path.join(scene.gateway.mapDir, 'relay_domains.cdb');
    writeFileSync(file, readFileSync(file));
    await scene.unchanged(1);
  });

  test('an expired list is as good as any to heal from: mail first', async () => {
    const scene = await open({ first: { lifetime: 3600 } });
    const before = hashes(scene);
    rmSync(scene.gateway.mapDir, { recursive: true });
    const { bundle } = await scene.gateway.fetch([], { env: clockAt('+2h') });
    expect([bundle.code, bundle.version]).toEqual(['EXPIRED', 1]);
    expect(hashes(scene)).toEqual(before);
  });
});

test('files left by a killed run are overwritten, links laid in their place are not followed', async () => {
  const scene = await open();
  const target = scene.gateway.at('precious');
  writeFileSync(target, 'precious');
  for (const name of ['.relay_recipients.new', '.relay_recipients.cdb.new', '.relay_domains.cdb.new'])
    symlinkSync(target, path.join(scene.gateway.mapDir, name));
  writeFileSync(path.join(scene.gateway.mapDir, '.relay_domains.new'), 'half a ma');
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  expect(readFileSync(target, 'utf8')).toBe('precious');
});

test('another key in the key directory: what is live stays, and is told to be critical', async () => {
  const scene = await open();
  const before = scene.gateway.maps();
  const stranger = await Scene.open();
  onTestFinished(() => stranger.close());
  scene.configure({ trusted: stranger.forger.signers });
  await scene.refused('BAD_SIGNATURE', ['manifest.json']);
  const health = await scene.gateway.health();
  expect([health.status, health.json.bundles[0]?.version]).toEqual([2, 1]);
  expect(scene.gateway.maps()).toEqual(before);
});
