// What signals make of the daemon: a cycle now, the configuration again, the end; and what they must not.
// Covers src/gateway/daemon/daemon.ts, src/gateway/daemon/cycle-queue.ts, src/gateway/keys/credentials.ts
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Daemon, holdLock, WHEN_TOLD } from '../support/daemon.ts';
import { SigningKey } from '../support/forger.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterEach(() => scene.close());

const status = (): string => readFileSync(path.join(scene.gateway.stateDir, 'status.json'), 'utf8');

/** A daemon that has had its first cycle, unchanged. */
async function begun(options = {}): Promise<Daemon> {
  const daemon = new Daemon(scene.gateway, options);
  await daemon.moreCycles(1, 'unchanged');
  scene.endpoint.take();
  return daemon;
}

/**
 * The endpoint holds each answer back until it is let go. @returns lets one go; how many are held; the most at
 * once.
 */
function hold() {
  const held: (() => void)[] = [];
  const most = { at: 0 };
  scene.endpoint.misbehaviour = ({ response, file }) => {
    held.push(() => response.writeHead(200, { 'content-length': file.length }).end(file));
    most.at = Math.max(most.at, held.length);
  };
  return { held, most, letGo: () => held.shift()?.() };
}

describe('SIGUSR2', () => {
  test('a cycle at once, and what is new is installed', async () => {
    const daemon = await begun();
    scene.publish(LONGER);
    daemon.signal('SIGUSR2');
    await daemon.says(/installed version 2/);
    expect(scene.rows()).toEqual([...LONGER].sort());
    expect((await daemon.stop()).status).toBe(0);
  });

  test('during a cycle: one more after it, however many came, and never two at once', async () => {
    const daemon = await begun();
    const { held, most, letGo } = hold();
    daemon.signal('SIGUSR2');
    await daemon.until(() => held.length === 1, 'a request is held');
    for (let i = 0; i < 5; i++) daemon.signal('SIGUSR2');
    letGo();
    await daemon.until(() => held.length === 1, 'another request is held');
    letGo();
    await daemon.until(() => daemon.cycles('unchanged') === 3, 'three cycles');
    scene.endpoint.misbehaviour = null;
    daemon.signal('SIGUSR2');
    await daemon.moreCycles(1);
    expect([most.at, scene.endpoint.take().length]).toEqual([1, 3]);
    expect((await daemon.stop()).status).toBe(0);
  });
});

describe('SIGHUP', () => {
  test('the new configuration is in use at once, without the network where it needs none', async () => {
    const daemon = await begun();
    scene.configure({ config: `${WHEN_TOLD}[maps]\nvalue = "relayed"` });
    daemon.signal('SIGHUP');
    await daemon.until(() => scene.gateway.text().includes('\trelayed'), 'the new value is in the map');
    expect((await daemon.stop()).status).toBe(0);
  });

  test.each([
    ['is not TOML', () => writeFileSync(scene.gateway.config, '[[bundle]\n'), /line 1/],
    [
      'has a schedule that names no time',
      () => scene.configure({ config: '[schedule]\ncron = "61 * * * *"' }),
      /cron "61 /,
    ],
    ['is gone', () => rmSync(scene.gateway.config), /there is no configuration .* To write one: relaymap init/],
    ['names keys that are gone', () => rmSync(scene.gateway.keyDir(), { recursive: true }), /key directory/],
    [
      'has an address without a port',
      () => scene.configure({ config: '[health]\nlisten = "localhost"' }),
      /health\.listen/,
    ],
  ])('a configuration that %s is refused, with the reason, and the old one goes on', async (_, spoil, reason) => {
    const daemon = await begun();
    const before = scene.gateway.maps();
    const good = readFileSync(scene.gateway.config);
    spoil();
    daemon.signal('SIGHUP');
    await daemon.says(/^error: CONFIG.*\(the old configuration stays in use\)$/);
    expect(daemon.log).toMatch(reason);
    expect(scene.endpoint.take()).toEqual([]);
    daemon.signal('SIGUSR2');
    await daemon.moreCycles(1, 'unchanged');
    expect(scene.gateway.maps()).toEqual(before);
    // Nothing of it sticks.
    writeFileSync(scene.gateway.config, good);
    scene.configure({ config: WHEN_TOLD });
    const next = daemon.moreCycles(1, 'unchanged');
    daemon.signal('SIGHUP');
    await daemon.says(/read again/);
    await next;
    expect((await daemon.stop()).status).toBe(0);
  });

  test('new keys count from then on', async () => {
    const daemon = await begun();
    scene.configure({ trusted: [new SigningKey()] });
    daemon.signal('SIGHUP');
    await daemon.says(/BAD_SIGNATURE/);
    expect(scene.rows()).toEqual([...LIST].sort());
    expect((await daemon.stop()).status).toBe(0);
  });
});

describe('SIGTERM', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s while nothing is to do: ends with 0', async (name) => {
    const daemon = await begun();
    const { status: exit, ms } = await daemon.stop(name);
    expect(exit).toBe(0);
    expect(ms).toBeLessThan(60_000);
  });

  test('in the middle of a download: ends with 0, nothing moved, no failure on record', async () => {
    scene.configure({ config: `${WHEN_TOLD}[limits]\nidle_timeout = "1h"\ntotal_timeout = "3h"` });
    const daemon = await begun();
    const [maps, report] = [scene.gateway.maps(), status()];
    scene.publish(LONGER);
    let sent = false;
    scene.endpoint.misbehaviour = ({ path: asked, response, file }) => {
      if (asked === 'manifest.json') return false;
      response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 20));
      sent = true;
      return true;
    };
    daemon.signal('SIGUSR2');
    await daemon.until(() => sent, 'half of a table is sent');
    const { status: exit, ms } = await daemon.stop();
    expect(exit).toBe(0);
    expect(ms).toBeLessThan(60_000);
    expect(scene.gateway.maps()).toEqual(maps);
    expect(scene.gateway.strays()).toEqual([]);
    expect(status()).toBe(report);
    expect(daemon.log).not.toMatch(/error|warning/);
    scene.endpoint.misbehaviour = null;
    await scene.installs(2, LONGER);
  });

  test('while another run holds the lock: it does not wait for that', async () => {
    const daemon = await begun();
    await holdLock(path.join(scene.gateway.stateDir, 'lock'));
    daemon.signal('SIGUSR2');
    await daemon.says(/waiting for another run/);
    const { status: exit, ms } = await daemon.stop();
    expect(exit).toBe(0);
    expect(ms).toBeLessThan(25_000); // for half a minute it would wait
  });

  test('by kill -9: the lock is free again', async () => {
    const daemon = await begun();
    const { held } = hold();
    daemon.signal('SIGUSR2');
    await daemon.until(() => held.length === 1, 'a cycle is at work');
    await daemon.stop('SIGKILL');
    scene.endpoint.misbehaviour = null;
    await scene.unchanged(1);
  });
});

test('SIGUSR1 opens no debugger', async () => {
  const daemon = await begun();
  daemon.signal('SIGUSR1');
  await daemon.says(/SIGUSR1 means nothing/);
  expect(daemon.log).not.toMatch(/[Dd]ebugger listening/);
  expect((await daemon.stop()).status).toBe(0);
});

test('a fetch by hand goes on beside a cycle of the daemon that waits for the network', async () => {
  const daemon = await begun();
  const { held, letGo } = hold();
  daemon.signal('SIGUSR2');
  await daemon.until(() => held.length === 1, 'a cycle is at work');
  const fetched = scene.gateway.fetch();
  await daemon.until(() => held.length === 2, 'the fetch asks too'); // it waits for no lock
  scene.endpoint.misbehaviour = null;
  letGo();
  letGo();
  expect((await fetched).outcome).toBe('unchanged');
  expect((await daemon.stop()).status).toBe(0);
});
