// The daemon is there for years: nothing on the host ends it but the signals that are meant to. What is live stays,
// and it says what is wrong, once.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Daemon, EVERY_SECOND, holdLock, WHEN_TOLD } from '../support/daemon.ts';
import { command } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: EVERY_SECOND });
});
afterEach(() => scene.close());

/** The process numbers of a process' children, and theirs. */
function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

describe('a file in the place of map_dir', () => {
  const spoil = () => {
    renameSync(scene.gateway.mapDir, scene.gateway.at('away'));
    writeFileSync(scene.gateway.mapDir, 'no folder');
  };
  const mend = () => {
    rmSync(scene.gateway.mapDir);
    renameSync(scene.gateway.at('away'), scene.gateway.mapDir);
  };

  test('while it runs, and when it starts: it says so, and goes on when the folder is back', async () => {
    const running = new Daemon(scene.gateway);
    await running.moreCycles(1, 'unchanged');
    spoil();
    await running.says(/^(error|warning): /);
    expect((await running.stop()).status).toBe(0);
    const started = new Daemon(scene.gateway);
    await started.says(/^(error|warning): /, 1);
    mend();
    scene.publish(LONGER);
    started.signal('SIGUSR2');
    await started.says(/installed version 2/);
    expect(scene.rows()).toEqual([...LONGER].sort());
    expect((await started.stop()).status).toBe(0);
  });
});

test('no descriptor is left for the child that takes the lock: no cycle, and then again cycles', async () => {
  scene.configure({ config: WHEN_TOLD });
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'unchanged');
  const limit = (most: number) =>
    once(spawn('prlimit', ['--pid', String(daemon.pid), `--nofile=${most}:`], { stdio: 'ignore' }), 'close');
  const open = new Set(readdirSync(`/proc/${daemon.pid}/fd`).map(Number));
  let free = 0;
  while (open.has(free)) free++;
  await limit(free);
  // The shell that takes the lock goes, and a new one needs four descriptors for its pipes.
  process.kill(descendants(daemon.pid)[0] ?? 0, 'SIGKILL');
  await daemon.until(() => descendants(daemon.pid).length === 0, 'the shell is gone');
  daemon.signal('SIGUSR2');
  await daemon.says(/^error: INTERNAL/);
  await limit(4096);
  daemon.signal('SIGUSR2');
  await daemon.moreCycles(1, 'unchanged');
  expect(scene.rows()).toEqual([...LIST].sort());
  expect((await daemon.stop()).status).toBe(0);
});

describe('signals for the daemon reach all processes of its unit', () => {
  test('the helpers that take the lock and tell systemd go on', async () => {
    scene.configure({ config: WHEN_TOLD });
    const daemon = new Daemon(scene.gateway);
    await daemon.moreCycles(1, 'unchanged');
    const helpers = descendants(daemon.pid);
    expect(helpers.length).toBeGreaterThan(0);
    for (const name of ['SIGUSR2', 'SIGHUP', 'SIGUSR1'] as const) for (const pid of helpers) process.kill(pid, name);
    daemon.signal('SIGUSR2');
    await daemon.moreCycles(1, 'unchanged');
    expect(descendants(daemon.pid)).toContain(helpers[0]);
    expect(daemon.log).not.toMatch(/error|warning/);
    expect((await daemon.stop()).status).toBe(0);
  });

  test('a run by hand that waits for the lock goes on waiting', async () => {
    const held = await holdLock(scene.gateway.at('state', 'lock'));
    const args = [command, 'fetch', '--config', scene.gateway.config];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    await once(child.stderr, 'data'); // it waits
    for (const pid of descendants(child.pid ?? 0)) process.kill(pid, 'SIGUSR2');
    held.release();
    const [status] = (await once(child, 'close')) as [number];
    expect(status).toBe(0);
  });

  test.each(['SIGUSR2', 'SIGHUP'] as const)('%s before it is ready does not end it', async (name) => {
    const daemon = new Daemon(scene.gateway);
    // As soon as the process can be told at all, which is before its configuration is read.
    await daemon.listens();
    daemon.signal(name);
    await daemon.moreCycles(1, 'unchanged');
    expect((await daemon.stop()).status).toBe(0);
  });
});
