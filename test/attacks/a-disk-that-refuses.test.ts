// The gateway's own disk says no: full, read-only, of another owner; or another run has the lock. The maps are the
// old ones throughout.
// Covers src/gateway/step-error.ts, src/gateway/maps/make-maps.ts, src/gateway/maps/live-maps.ts
// Covers src/gateway/become-owner.ts, src/bin/become-owner.ts, src/bin/start-again.ts
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { publishWithDelta } from '../support/delta.ts';
import type { Fetched, Snapshot } from '../support/gateway.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const NOBODY = 65_534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

function mount(...args: string[]): boolean {
  const mounted = spawnSync('mount', args).status === 0;
  if (mounted) onTestFinished(() => void spawnSync('umount', [args.at(-1) ?? '']));
  return mounted;
}

function give(folder: string): void {
  chownSync(folder, NOBODY, NOBODY);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const inside = path.join(folder, entry.name);
    if (entry.isDirectory()) give(inside);
    else chownSync(inside, NOBODY, NOBODY);
  }
}

// Half a minute passes before that one ends: it begins here, and is looked at last.
let busy: Scene;
let holder: ChildProcess;
let waiting: Promise<Fetched>;
let before: Snapshot;
beforeAll(async () => {
  busy = await Scene.open();
  busy.publish(LONGER);
  const lock = path.join(busy.gateway.stateDir, 'lock');
  holder = spawn('flock', ['-x', '-F', lock, 'sh', '-c', 'echo held; exec sleep 90']);
  if (holder.stdout !== null) await once(holder.stdout, 'data');
  busy.endpoint.take();
  before = busy.gateway.maps();
  waiting = busy.gateway.fetch();
  waiting.catch(() => undefined); // the test tells
});
afterAll(async () => {
  holder.kill();
  await waiting.catch(() => undefined); // where the test was not asked for
  await busy.close();
});

describe('INSTALL_FAILED', () => {
  test('map_dir is read-only', async () => {
    const scene = await open();
    const { mapDir } = scene.gateway;
    const { table } = scene.publish(LONGER);
    expect(mount('--bind', mapDir, mapDir)).toBe(true);
    expect(spawnSync('mount', ['-o', 'remount,ro,bind', mapDir]).status).toBe(0);
    await scene.refused('INSTALL_FAILED', ['manifest.json', table]);
    // The same once more, and then another list under that version: it was verified, so it is remembered.
    await scene.refused('INSTALL_FAILED', ['manifest.json', table]);
    scene.publish([...LIST, 'dora@example.org'], { version: 2 });
    await scene.refused('EQUIVOCATION', ['manifest.json']);
  });

  // A file that something is mounted on cannot be renamed onto: the maps are compiled, and then one of them does
  // not get in.
  test.each(['relay_recipients', 'relay_recipients.cdb', 'relay_domains.cdb'])(
    '%s cannot be replaced',
    async (name) => {
      const scene = await open();
      const before = scene.gateway.maps();
      const rows = [...LONGER, 'x@example.net'];
      const { table } = scene.publish(rows);
      const file = path.join(scene.gateway.mapDir, name);
      expect(spawnSync('mount', ['--bind', file, file]).status).toBe(0);
      try {
        const run = await scene.gateway.fetch();
        expect([run.status, run.bundle.code, run.bundle.version]).toEqual([2, 'INSTALL_FAILED', 1]);
        expect(scene.endpoint.take()).toEqual(['manifest.json', table]);
        expect(scene.gateway.strays()).toEqual([]);
        // Renamed in their order, each is the old or the new one, and none after the one that failed is new.
        const after = scene.gateway.maps();
        const order = ['relay_recipients', 'relay_recipients.cdb', 'relay_domains', 'relay_domains.cdb'];
        for (const later of order.slice(order.indexOf(name))) expect(after[later]).toEqual(before[later]);
      } finally {
        spawnSync('umount', [file]);
      }
      // What was promised is completed, or done again.
      const next = await scene.gateway.fetch();
      expect([next.status, next.bundle.code, next.bundle.version]).toEqual([0, null, 2]);
      expect(scene.rows()).toEqual([...rows].sort());
      expect(scene.rows('relay_domains')).toEqual(['example.net', 'example.org']);
      expect((await scene.gateway.health(['--deep'])).status).toBe(0);
    },
  );

  test('map_dir belongs to someone else', async () => {
    const scene = await open();
    give(scene.gateway.stateDir);
    for (const name of readdirSync(scene.gateway.mapDir)) chmodSync(path.join(scene.gateway.mapDir, name), 0o644);
    const { table } = scene.publish(LONGER);
    const { stderr } = await scene.refused('INSTALL_FAILED', ['manifest.json', table], { under: AS_NOBODY });
    expect(stderr).not.toMatch(/INTERNAL/);
    give(scene.gateway.mapDir);
    const run = await scene.gateway.fetch([], { under: AS_NOBODY });
    expect([run.status, run.outcome, run.bundle.version]).toEqual([0, 'installed', 2]);
    expect(scene.rows()).toEqual([...LONGER].sort());
  });

  test('on the first day: no map is half there', async () => {
    const scene = await open({ installed: false });
    scene.publish(LIST);
    give(scene.gateway.stateDir);
    chmodSync(scene.gateway.mapDir, 0o755);
    const run = await scene.gateway.fetch([], { under: AS_NOBODY });
    expect([run.status, run.bundle.code, run.bundle.version]).toEqual([2, 'INSTALL_FAILED', null]);
    expect(scene.gateway.maps()).toEqual({});
  });
});

describe('NO_SPACE', () => {
  const MANY = [...LIST, ...Array.from({ length: 20_000 }, (_, i) => `many-${i}-${(i * 7919) % 10_007}@example.org`)];

  test('for the maps', async () => {
    const scene = await open({ installed: false });
    expect(mount('-t', 'tmpfs', '-o', 'size=256k,mode=755', 'tmpfs', scene.gateway.mapDir)).toBe(true);
    scene.publish(LIST);
    await scene.installs(1, LIST);
    const { table } = scene.publish(MANY);
    await scene.refused('NO_SPACE', ['manifest.json', table].slice(-2));
    expect((await scene.gateway.lookup('alice@example.org')).status).toBe(0);
    scene.publish(LONGER);
    await scene.installs(3, LONGER);
  });

  test('for the copies', async () => {
    const scene = await open({ installed: false });
    expect(mount('-t', 'tmpfs', '-o', 'size=96k,mode=755', 'tmpfs', scene.gateway.stateDir)).toBe(true);
    scene.publish(LIST);
    await scene.installs(1, LIST);
    scene.endpoint.take();
    const { table } = scene.publish(MANY);
    await scene.refused('NO_SPACE', ['manifest.json', table]);
    scene.publish(LONGER);
    await scene.installs(3, LONGER);
  });

  test('for the table that a delta makes: no crash in the middle of a stream', async () => {
    const scene = await open({ installed: false });
    expect(mount('-t', 'tmpfs', '-o', 'size=320k,mode=755', 'tmpfs', scene.gateway.stateDir)).toBe(true);
    const { table } = scene.publish(MANY);
    await scene.installs(1, MANY);
    const ballast = path.join(scene.gateway.stateDir, 'ballast');
    const free = Number(
      spawnSync('df', ['--output=avail', '-k', scene.gateway.stateDir], { encoding: 'utf8' }).stdout.split('\n')[1],
    );
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=1k', `count=${free - 24}`]);
    const more = [...MANY, 'zoe@example.org'];
    scene.gateway.unspeakable.add('zoe@example.org');
    const { delta } = publishWithDelta(scene.forger, { rows: MANY, table }, more);
    await scene.refused('NO_SPACE', ['manifest.json', delta]);
    spawnSync('rm', [ballast]);
    expect((await scene.installs(2, more)).bundle.via).toBe('delta');
  });

  test('for anything at all', async () => {
    const scene = await open({ installed: false });
    expect(mount('-t', 'tmpfs', '-o', 'size=64k,mode=755', 'tmpfs', scene.gateway.stateDir)).toBe(true);
    scene.publish(LIST);
    await scene.installs(1, LIST);
    const before = scene.gateway.maps();
    const ballast = path.join(scene.gateway.stateDir, 'ballast');
    spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4k']);
    scene.publish(LONGER);
    const run = await scene.gateway.fetch();
    expect([run.status, run.outcome, run.code ?? run.bundle.code]).toEqual([2, 'kept', 'NO_SPACE']);
    expect(scene.gateway.maps()).toEqual(before);
    spawnSync('rm', [ballast]);
    await scene.installs(2, LONGER);
  });
});

test('a lock whose holder ends in time is only waited for', async () => {
  const scene = await open();
  scene.publish(LONGER);
  const holder = spawn('flock', [
    '-x',
    path.join(scene.gateway.stateDir, 'lock'),
    'sh',
    '-c',
    'echo held; exec sleep 1',
  ]);
  await once(holder.stdout, 'data');
  await scene.installs(2, LONGER);
});

test('two runs at once: one does the work, the other finds it done', async () => {
  const scene = await open();
  scene.publish(LONGER);
  const runs = await Promise.all([scene.gateway.fetch(), scene.gateway.fetch()]);
  expect(runs.map((run) => `${run.status} ${run.outcome}`).sort()).toEqual(['0 installed', '0 unchanged']);
  expect(scene.rows()).toEqual([...LONGER].sort());
});

test('started as root, everything becomes the state owner’s; secrets are read first', async () => {
  const scene = await open({ installed: false });
  const { stateDir, mapDir } = scene.gateway;
  for (const folder of [stateDir, mapDir]) chownSync(folder, NOBODY, NOBODY);
  const token = scene.gateway.at('token');
  writeFileSync(token, 'a-secret-token-of-root\n', { mode: 0o600 });
  scene.gateway.unspeakable.add('a-secret-token-of-root');
  scene.configure({ bundle: `token_file = "${token}"` });
  scene.publish(LIST);
  await scene.installs(1, LIST);
  const owners = (folder: string): [string, number][] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => [
      name,
      statSync(path.join(folder, name)).uid,
    ]);
  const all = [...owners(stateDir), ...owners(mapDir)];
  expect(all.length).toBeGreaterThan(8);
  expect(all.filter(([, uid]) => uid !== NOBODY)).toEqual([]);
  expect(scene.endpoint.asked.map((a) => a.headers.authorization)).toEqual(
    Array(2).fill('Bearer a-secret-token-of-root'),
  );
  // What the owner cannot write is not written by root either.
  mkdirSync(path.join(stateDir, 'bundles', 'example-org'), { recursive: true });
  chownSync(mapDir, 0, 0);
  scene.endpoint.take();
  const { table } = scene.publish(LONGER);
  await scene.refused('INSTALL_FAILED', ['manifest.json', table]);
});

test('BUSY: another run has the lock for longer than 30 seconds', async () => {
  const { ms, stderr, status, outcome, code, bundles } = await waiting;
  expect([status, outcome, code, bundles]).toEqual([2, 'kept', 'BUSY', []]);
  expect(ms).toBeGreaterThan(29_000);
  // What it found needed no lock; nothing of it is left.
  expect(busy.endpoint.take()[0]).toBe('manifest.json');
  expect([busy.gateway.maps(), busy.gateway.strays()]).toEqual([before, []]);
  expect(stderr).toMatch(/waiting/);
});
