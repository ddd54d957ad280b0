// How the daemon begins: with the last good copy, before any network; and with words for whoever waits for it.
// Covers src/gateway/daemon, src/bin/gateway/run-command.ts
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { LIST, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterEach(() => scene.close());

/** Nobody answers there: what is done is done without the network. */
const unreachable = (config = WHEN_TOLD): void => scene.configure({ urls: ['https://127.0.0.1:1/'], config });

describe('without the network', () => {
  const map = (): string => path.join(scene.gateway.mapDir, 'relay_recipients.cdb');

  test.each([
    ['missing', () => rmSync(map())],
    ['cut short', () => truncateSync(map(), 2048)],
    ['of zeros, as long as before', () => writeFileSync(map(), Buffer.alloc(readFileSync(map()).length))],
  ])('a map that is %s is made again from the copy', async (_, damage) => {
    const { sha256 } = scene.gateway.maps()['relay_recipients.cdb'] ?? {};
    unreachable();
    damage();
    const daemon = new Daemon(scene.gateway);
    await daemon.says(/made again from the last good copies/);
    await daemon.says(/NETWORK/);
    expect(scene.gateway.maps()['relay_recipients.cdb']?.sha256).toBe(sha256);
    expect((await scene.gateway.run(['health', '--deep'])).status).toBe(0);
    expect((await daemon.stop()).status).toBe(0);
  });

  test('a setting that has changed is in the maps', async () => {
    unreachable(`${WHEN_TOLD}[maps]\nvalue = "relayed"`);
    const daemon = new Daemon(scene.gateway);
    await daemon.until(() => scene.gateway.text().includes('\trelayed'), 'the new value is in the map');
    expect((await daemon.stop()).status).toBe(0);
  });

  test('a map that is damaged while the daemon runs is made again at the next cycle', async () => {
    const daemon = new Daemon(scene.gateway);
    await daemon.moreCycles(1, 'unchanged');
    truncateSync(map(), 2048);
    const next = daemon.moreCycles(1, 'unchanged');
    daemon.signal('SIGUSR2');
    await daemon.says(/made again/);
    await next;
    expect((await scene.gateway.run(['health', '--deep'])).status).toBe(0);
    expect((await daemon.stop()).status).toBe(0);
  });
});

test('a first list is fetched at once: mail waits for it, whatever the schedule and the jitter say', async () => {
  const fresh = await Scene.open({ installed: false, config: '[schedule]\ncron = "0 0 1 1 *"\njitter = "24h"' });
  try {
    fresh.publish(LIST);
    const daemon = new Daemon(fresh.gateway);
    await daemon.says(/installed version 1/);
    expect(fresh.rows()).toEqual([...LIST].sort());
    expect((await daemon.stop()).status).toBe(0);
  } finally {
    await fresh.close();
  }
});

test('where a list is installed the first request waits for its chance too', async () => {
  scene.configure({ config: '[schedule]\ncron = "* * * * * *"\njitter = "24h"' });
  const daemon = new Daemon(scene.gateway);
  await daemon.listens();
  const before = daemon.cycles();
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect(scene.endpoint.take()).toEqual([]);
  expect(daemon.cycles()).toBe(before);
  expect((await daemon.stop()).status).toBe(0);
});

describe('it never began', () => {
  test('a configuration that is wrong: 2, with the reason', async () => {
    scene.configure({ config: '[schedule]\ncron = "0 0 31 2 *"' });
    const { status, stderr } = await scene.gateway.run(['run']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/CONFIG.*schedule\.cron "0 0 31 2 \*"/)]);
  });

  test('keys that cannot be read: 2, and health and the textfile know of it', async () => {
    const textfile = scene.gateway.at('relaymap.prom');
    scene.configure({ config: `${WHEN_TOLD}[health]\ntextfile = ${JSON.stringify(textfile)}` });
    rmSync(scene.gateway.keyDir(), { recursive: true });
    const { status, stderr } = await scene.gateway.run(['run']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/CONFIG.*key directory/)]);
    const record = readFileSync(path.join(scene.gateway.stateDir, 'status.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({ failure: { code: 'CONFIG' } });
    expect(readFileSync(textfile, 'utf8')).toContain(
      'relaymap_cycles_total{bundle="",outcome="kept",code="CONFIG"} 1\n',
    );
  });
});
