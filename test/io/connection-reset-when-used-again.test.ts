// A server closes a connection that was kept, just when it is used again. That is no failure of the server: one
// more try, at once, over a new connection; and never more than one.
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HttpClient } from '../../src/io/http.ts';
import { authority, certificate } from '../support/endpoint.ts';

const LIMITS = { idle: 60_000, total: 60_000 };
let server: Server;
let client: HttpClient;
/** By request: the number of the connection on which it came. */
let asked: number[];
/** Requests, by their number, that are answered by a reset. */
let reset: (request: number) => boolean;

beforeEach(async () => {
  asked = [];
  reset = () => false;
  const connections = new Map<number, { readonly number: number; readonly socket: Socket }>();
  server = createServer({ ...certificate('good'), keepAliveTimeout: 60_000 }, (request, response) => {
    const { number = 0, socket } = connections.get(request.socket.remotePort ?? 0) ?? {};
    asked.push(number);
    if (reset(asked.length)) socket?.resetAndDestroy();
    else response.end('yes');
  });
  server.on('connection', (socket: Socket) =>
    connections.set(socket.remotePort ?? 0, { number: connections.size + 1, socket }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = new HttpClient({ ca: authority().cert }, 60_000, {});
});
afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  server.close();
});

async function get(): Promise<string> {
  const url = new URL(`https://localhost:${(server.address() as AddressInfo).port}/`);
  const answer = await client.get(url, {}, LIMITS);
  let text = '';
  for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
  for (let i = 0; i < 3; i++) await new Promise(setImmediate); // a connection rests for a moment before it is used again
  return text;
}

test('the connection is used again while it stands', async () => {
  expect([await get(), await get()]).toEqual(['yes', 'yes']);
  expect(asked).toEqual([1, 1]);
});

test('reset when it is used again: the request goes out once more, over a new one', async () => {
  await get();
  reset = (request) => request === 2;
  expect(await get()).toBe('yes');
  expect(asked).toEqual([1, 1, 2]);
});

test('reset twice: a failure, and no third try', async () => {
  await get();
  reset = (request) => request > 1;
  await expect(get()).rejects.toMatchObject({ code: 'NETWORK' });
  expect(asked).toEqual([1, 1, 2]);
});

test('reset when it is new: a failure at once', async () => {
  reset = () => true;
  await expect(get()).rejects.toMatchObject({ code: 'NETWORK' });
  expect(asked).toEqual([1]);
});
