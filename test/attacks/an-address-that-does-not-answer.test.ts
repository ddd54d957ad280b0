// A host has several addresses, and not all of them can be reached from here, or at once. Node's own way is to give
// each but the last a quarter of a second: a host far away, beside an IPv6 address without a route, was never
// reached, while curl reached it.
// Covers src/io/net/race-addresses.ts
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { configure, serving, stop, TOKEN } from '../publisher/serving.ts';
import { Gateway } from '../support/gateway.ts';
import { amongNames } from '../support/host-names.ts';
import { LIST, Scene } from '../support/scene.ts';
import { writeFileSync } from 'node:fs';

/** No address of this block is anybody's. */
const NOWHERE = '2001:db8::9';

/**
 * Takes connections for another port, but none while it is stopped: the kernel then lets a client's first packets
 * fall.
 */
async function stoppedForwarder(port: number): Promise<{ readonly port: number; goOn(): void }> {
  const program = `const net = require('net');
    const server = net.createServer((socket) => {
      const onward = net.connect(${port}, '127.0.0.1');
      for (const each of [socket, onward]) each.on('error', () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    });
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const own = Number(line.toString());
  child.kill('SIGSTOP');
  for (let i = 0; i < 2; i++) {
    const held = connect(own, '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void held.destroy());
    await once(held, 'connect'); // by the kernel alone: the queue is full then
  }
  return { port: own, goOn: () => void child.kill('SIGCONT') };
}

/** Whether a connection to this port of 127.0.0.1 waits for its first answer. */
const waitsFor = (port: number): boolean =>
  new RegExp(`: [0-9A-F:]+ 0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 02 `).test(
    readFileSync('/proc/net/tcp', 'latin1'),
  );

test('a handshake of more than a quarter of a second, beside an address that leads nowhere', async () => {
  const scene = await Scene.open({ installed: false });
  onTestFinished(() => scene.close());
  scene.publish(LIST);
  const forwarder = await stoppedForwarder(scene.endpoint.port);
  scene.configure({ urls: [`https://localhost:${forwarder.port}/list/`] });
  const under = amongNames({ hosts: ['127.0.0.1 localhost', `${NOWHERE} localhost`] });
  const fetched = scene.gateway.fetch([], { under });
  while (!waitsFor(forwarder.port)) await sleep(10);
  await sleep(300); // Node's quarter of a second is over: the client must still wait
  forwarder.goOn();
  const { bundle, stderr } = await fetched;
  expect(bundle, stderr).toMatchObject({ outcome: 'installed', code: null });
  expect(scene.rows()).toEqual([...LIST].sort());
});

test('an IPv6 address that swallows every packet: IPv4 is taken', async () => {
  const central = new Central();
  central.rows(people(30));
  await central.publish();
  configure(central, 'token_file = @token');
  const net = await emptyNetwork();
  const at = await serving(central, net);
  const gateway = new Gateway();
  onTestFinished(async () => {
    await stop(at);
    gateway.remove();
  });
  writeFileSync(gateway.at('token'), TOKEN, { mode: 0o600 });
  const lines = `token_file = "${gateway.at('token')}"`;
  gateway.configure([{ name: 'example-org', urls: [`https://localhost:${at.port}/`], keys: central.keys, lines }]);
  const names = amongNames({ hosts: [`${NOWHERE} localhost`, '127.0.0.1 localhost'] });
  const { bundle, stderr } = await gateway.fetch([], { under: [...net, ...names] });
  expect(bundle, stderr).toMatchObject({ outcome: 'installed', code: null });
});

/**
 * A network of its own, with a device that nobody reads: what is sent to NOWHERE is gone. @returns a command that
 * runs a command in it.
 */
async function emptyNetwork(): Promise<readonly string[]> {
  const make = [
    'ip link set lo up',
    'ip tuntap add mode tun tun0',
    'ip link set tun0 up',
    'ip -6 addr add 2001:db8::1/64 dev tun0 nodad',
    'echo ready',
    'read -r _',
  ].join(' && ');
  const holder = spawn('unshare', ['-n', 'sh', '-c', make], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.stdin.end());
  await once(holder.stdout, 'data');
  return ['nsenter', '-t', String(holder.pid), '-n', '--'];
}
