// What must not break the daemon: a central side that is down, a clock that is set, a day of polls.
// Covers src/gateway/daemon/daemon.ts, src/io/lock.ts
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Daemon, EVERY_SECOND, WHEN_TOLD } from '../support/daemon.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger, SigningKey } from '../support/forger.ts';
import { LIST, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: EVERY_SECOND });
});
afterEach(() => scene.close());

test('a bundle that fails is left alone for a while, the other one is not', async () => {
  const other = new Forger('example-net', [new SigningKey()]);
  const endpoint = await Endpoint.start(other.files);
  try {
    other.publish(['postmaster@example.net']);
    const bundle = (forger: Forger, url: string, domain: string) => ({
      name: forger.name,
      urls: [url],
      keys: forger.signers,
      lines: `domains = ["${domain}"]`,
    });
    scene.gateway.configure(
      [bundle(scene.forger, scene.endpoint.url, 'example.org'), bundle(other, endpoint.url, 'example.net')],
      EVERY_SECOND,
    );
    const daemon = new Daemon(scene.gateway);
    await daemon.moreCycles(2, 'unchanged', 'example-net');
    endpoint.misbehaviour = ({ response }) => void response.writeHead(500).end();
    await daemon.moreCycles(1, 'kept', 'example-net');
    const from = performance.now();
    scene.endpoint.take();
    endpoint.take();
    await daemon.moreCycles(5, 'unchanged', 'example-org');
    expect(scene.endpoint.take().length).toBeGreaterThanOrEqual(5);
    // Half a minute at least: nothing, where five cycles take no longer.
    expect(endpoint.take().length).toBeLessThanOrEqual((performance.now() - from) / 30_000);
    // SIGUSR2 asks all the same, and what is good again is asked each time again.
    endpoint.misbehaviour = null;
    daemon.signal('SIGUSR2');
    await daemon.moreCycles(3, 'unchanged', 'example-net');
    expect((await daemon.stop()).status).toBe(0);
  } finally {
    await endpoint.stop();
  }
});

test('what does not change is logged once, not every minute', async () => {
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'unchanged');
  scene.configure({ config: `${EVERY_SECOND}[health]\nwarn_after = "1s"`, urls: ['https://127.0.0.1:1/'] });
  daemon.signal('SIGHUP');
  await daemon.moreCycles(4, 'kept');
  expect(daemon.log.match(/NETWORK/g)).toHaveLength(1);
  scene.configure({ config: EVERY_SECOND });
  daemon.signal('SIGHUP');
  await daemon.says(/unchanged, version 1/);
  expect((await daemon.stop()).status).toBe(0);
});

test('a wall clock that is set back by an hour, and forward by a year: cycles go on', async () => {
  // libfaketime reads the offset anew each time; timers and the steady clock stay real, as they do when a clock is set.
  const offset = scene.gateway.at('offset');
  const set = (to: string) => (writeFileSync(`${offset}.new`, to), renameSync(`${offset}.new`, offset)); // never half written
  set('+0');
  const daemon = new Daemon(scene.gateway, {
    env: {
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  });
  const endedAt = () =>
    Date.parse(
      (JSON.parse(readFileSync(`${scene.gateway.stateDir}/status.json`, 'utf8')) as { endedAt: string }).endedAt,
    );
  await daemon.moreCycles(2, 'unchanged');
  set('-1h');
  await daemon.moreCycles(4, 'unchanged');
  expect(endedAt()).toBeLessThan(Date.now() - 3_000_000);
  set('+365d');
  await daemon.moreCycles(1); // certificate and list have expired by then: not a good one, but one
  expect(endedAt()).toBeGreaterThan(Date.now() + 364 * 86_400_000);
  expect((await daemon.stop()).status).toBe(0);
});

test('three hundred unchanged polls: no growth that goes on, no file left open', async () => {
  scene.configure({ config: WHEN_TOLD });
  const daemon = new Daemon(scene.gateway, {
    node: ['--max-semi-space-size=1', '--initial-heap-size=16', '--heap-growing-percent=20'],
  });
  await daemon.moreCycles(1, 'unchanged');
  const resident = () =>
    Number(/^VmRSS:\s+([0-9]+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1024;
  const files = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      daemon.signal('SIGUSR2');
      await daemon.moreCycles(1, 'unchanged');
    }
  };
  await polls(50);
  const [before, open] = [resident(), files()];
  await polls(250);
  expect(resident() - before).toBeLessThan(25);
  expect(files()).toBeLessThanOrEqual(open + 2);
  expect(scene.rows()).toEqual([...LIST].sort());
  expect((await daemon.stop()).status).toBe(0);
});
