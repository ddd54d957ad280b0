// What systemd hears on a real NOTIFY_SOCKET: ready after the first look and not before, news and nothing else,
// signs of life, the end.
// Covers src/gateway/daemon/systemd-notify.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { Daemon, holdLock, WHEN_TOLD } from '../support/daemon.ts';
import { LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterEach(() => scene.close());

/** Prints each datagram. Perl takes no descriptors along, which is what systemd-notify waits for before it ends. */
const RECEIVE = `use Socket; socket(S, PF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); $| = 1;
  while (defined recv(S, $m, 65536, 0)) { $m =~ s/\\n*$/\\n/; print $m }`;

/** A unix datagram socket, and what was said to it. */
async function listener() {
  const socket = scene.gateway.at('notify');
  const child = spawn('perl', ['-e', RECEIVE, socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part));
  while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
  return {
    socket,
    heard: () => text.split('\n').filter((line) => line !== ''),
    /** Waits for so many words of farewell: whatever was said before them has been heard then. */
    farewells: async (count: number) => {
      while (words(text.split('\n'), 'STOPPING').length < count) await once(child.stdout, 'data');
    },
  };
}

const words = (heard: string[], word: string): string[] => heard.filter((h) => h.startsWith(`${word}=`));

test('ready once, news once, a reload between its two words, and the end', async () => {
  const { socket, heard, farewells } = await listener();
  const daemon = new Daemon(scene.gateway, { env: { NOTIFY_SOCKET: socket } });
  const hears = (word: string, times: number) =>
    daemon.until(() => words(heard(), word).length === times, `${word} heard ${times} times: ${heard().join(' | ')}`);
  await hears('READY', 1);
  await daemon.until(() => heard().some((h) => h.includes('version 1, 63 rows')), 'the status');
  await daemon.until(() => daemon.cycles('unchanged') === 1, 'the first cycle');
  for (let i = 0; i < 3; i++) {
    daemon.signal('SIGUSR2');
    await daemon.moreCycles(1, 'unchanged');
  }
  const before = heard();
  expect(words(before, 'STATUS')).toEqual(['STATUS=ok: example-org version 1, 63 rows']);
  expect(words(before, 'WATCHDOG')).toEqual([]);
  scene.publish(LONGER);
  daemon.signal('SIGUSR2');
  await daemon.until(() => heard().some((h) => h.includes('version 2, 64 rows')), 'the new status');
  daemon.signal('SIGHUP');
  await hears('READY', 2);
  const order = heard().map((h) => h.split('=')[0]);
  expect(order.indexOf('RELOADING')).toBeLessThan(order.lastIndexOf('READY'));
  expect(words(heard(), 'MONOTONIC_USEC')[0]).toMatch(/=[0-9]+$/);
  expect((await daemon.stop()).status).toBe(0);
  await farewells(1);
  expect(words(heard(), 'STOPPING')).toEqual(['STOPPING=1']);
});

test('not ready before the maps are looked at', async () => {
  const { socket, heard } = await listener();
  const lock = await holdLock(`${scene.gateway.stateDir}/lock`);
  const daemon = new Daemon(scene.gateway, { env: { NOTIFY_SOCKET: socket } });
  await daemon.says(/waiting for another run/);
  expect(words(heard(), 'READY')).toEqual([]);
  lock.release();
  await daemon.until(() => words(heard(), 'READY').length === 1, 'ready');
  expect((await daemon.stop()).status).toBe(0);
});

test('signs of life at half of the time allowed, and only for the process that is meant', async () => {
  const { socket, heard, farewells } = await listener();
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '400000' };
  const daemon = new Daemon(scene.gateway, { env });
  await daemon.until(() => words(heard(), 'WATCHDOG').length >= 3, 'three signs of life');
  expect((await daemon.stop()).status).toBe(0);
  await farewells(1);
  const silent = new Daemon(scene.gateway, { env: { ...env, WATCHDOG_PID: '1' } });
  const before = words(heard(), 'WATCHDOG').length;
  await silent.moreCycles(1, 'unchanged');
  expect((await silent.stop()).status).toBe(0);
  await farewells(2);
  expect(words(heard(), 'WATCHDOG')).toHaveLength(before);
});

test('a socket that nobody reads: one warning, and the work goes on', async () => {
  const daemon = new Daemon(scene.gateway, { env: { NOTIFY_SOCKET: scene.gateway.at('nobody') } });
  await daemon.says(/systemd cannot be told/);
  await daemon.moreCycles(1, 'unchanged');
  expect((await daemon.stop()).status).toBe(0);
  expect(daemon.log.match(/systemd cannot be told/g)).toHaveLength(1);
});

test('a host that is busy, where telling takes seconds: ready is heard all the same', async () => {
  const { socket, heard, farewells } = await listener();
  const slow = `[ -e "$0.was" ] || { : >"$0.was"; sleep 6; }; PATH=/usr/bin:/bin exec systemd-notify "$@"`;
  writeFileSync(scene.gateway.at('bin', 'systemd-notify'), `#!/bin/sh\n${slow}\n`, { mode: 0o755 });
  const daemon = new Daemon(scene.gateway, { env: { NOTIFY_SOCKET: socket } });
  await daemon.until(() => words(heard(), 'READY').length === 1, 'ready');
  expect((await daemon.stop()).status).toBe(0);
  await farewells(1);
  expect(daemon.log).not.toMatch(/cannot be told/);
});
