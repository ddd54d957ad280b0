// A server that takes the connection and then gives nothing, or so little that it would never end: TIMEOUT, and in
// time.
// Covers src/io/http.ts
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Misbehaviour } from '../support/endpoint.ts';
import { LONGER, Scene } from '../support/scene.ts';

/**
 * The limit that is meant, and the other one far beyond it: a machine that is busy decides nothing. One URL gets a
 * third of the total.
 */
const IDLE = '[limits]\nidle_timeout = "2s"\ntotal_timeout = "3h"';
const TOTAL = '[limits]\nidle_timeout = "2h"\ntotal_timeout = "9s"';
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

async function times(
  which: 'manifest' | 'table',
  misbehaviour: Misbehaviour,
  limit: typeof IDLE | typeof TOTAL,
): Promise<void> {
  const { table } = scene.publish(LONGER);
  scene.configure({ config: limit });
  scene.endpoint.misbehaviour = (exchange) =>
    (exchange.path === 'manifest.json') === (which === 'manifest') ? misbehaviour(exchange) : false;
  onTestFinished(() => void (scene.endpoint.misbehaviour = null));
  const requests = which === 'manifest' ? ['manifest.json'] : ['manifest.json', table];
  const { bundle } = await scene.refused('TIMEOUT', requests);
  expect(bundle.message).toMatch(limit === IDLE ? /no byte for 2 s/ : /not done within/);
}

const drip: Misbehaviour = ({ response, file }) => {
  response.writeHead(200, { 'content-length': file.length });
  let at = 0;
  const timer = setInterval(() => response.write(file.subarray(at, ++at)), 100);
  response.on('close', () => clearInterval(timer));
};

test('TLS never begins', async () => {
  const open: Socket[] = [];
  const deaf = createServer((socket) => void open.push(socket.on('error', () => undefined)));
  deaf.listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  scene.configure({ config: IDLE, urls: [`https://localhost:${(deaf.address() as AddressInfo).port}/`] });
  onTestFinished(() => {
    scene.configure();
    for (const socket of open) socket.destroy();
    deaf.close();
  });
  await scene.refused('TIMEOUT', []);
});

test('no header comes', () => times('manifest', () => undefined, IDLE));

test('headers come without end', () =>
  times(
    'manifest',
    ({ connection, response }) => {
      const socket = response.socket;
      socket?.write('HTTP/1.1 200 OK\r\n');
      const timer = setInterval(() => socket?.write('X-More: x\r\n'), 100);
      connection.on('close', () => clearInterval(timer));
    },
    TOTAL,
  ));

test('the manifest stops in its middle', () =>
  times(
    'manifest',
    ({ response, file }) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 50));
    },
    IDLE,
  ));

test('the manifest drips', () => times('manifest', drip, TOTAL));

test('no header comes for the table', () => times('table', () => undefined, IDLE));

test('the table stops in its middle', () =>
  times(
    'table',
    ({ response, file }) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 50));
    },
    IDLE,
  ));

test('the table drips', () => times('table', drip, TOTAL));

test('the last byte never comes', () =>
  times(
    'table',
    ({ response, file }) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, -1));
    },
    IDLE,
  ));

test('then an honest version installs', async () => {
  scene.configure({ config: '' });
  const { version } = scene.publish(LONGER);
  await scene.installs(version, LONGER);
});
