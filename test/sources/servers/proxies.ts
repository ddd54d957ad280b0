// Proxies between a source and its database: they drop a row, or put other bytes in the place of a statement's.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What makes of a server's bytes those that the client gets. */
type Change = (data: Buffer) => Buffer;
const asItIs: Change = (data) => data;

/** A proxy on loopback until the test ends; gives its port. `changes` is asked once for each connection. */
async function proxyTo(port: number, changes: () => { toServer?: Change; toClient?: Change }): Promise<number> {
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    const { toServer = asItIs, toClient = asItIs } = changes();
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.on('data', (data) => server.write(toServer(data))).on('close', () => server.destroy());
    server.on('data', (data) => client.write(toClient(data))).on('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return (proxy.address() as AddressInfo).port;
}

/** The server gets another statement of the same length. */
export function proxyThatRewrites(port: number, from: string, to: string): Promise<number> {
  if (to.length > from.length) throw new Error('the statement would be longer');
  return proxyTo(port, () => ({
    toServer: (data) => Buffer.from(data.toString('latin1').replace(from, to.padEnd(from.length)), 'latin1'),
  }));
}

/** Passes packets of MySQL's protocol on, but for the row that holds this text. */
export const proxyThatDrops = (port: number, text: string): Promise<number> =>
  proxyTo(port, () => {
    let dropped = 0;
    const packets = whole(4, (held) => held.readUIntLE(0, 3) + 4);
    return {
      toClient: (data) =>
        Buffer.concat(
          packets(data).flatMap((packet) => {
            if (packet.includes(text)) {
              dropped = 1;
              return [];
            }
            // Packets of an answer are numbered.
            if (packet[3] === 1) dropped = 0;
            packet[3] = ((packet[3] ?? 0) - dropped) & 0xff;
            return [packet];
          }),
        ),
    };
  });

/** The same for PostgreSQL's. */
export const postgresProxyThatDrops = (port: number, text: string): Promise<number> =>
  proxyTo(port, () => {
    const messages = whole(5, (held) => held.readUInt32BE(1) + 1);
    const isRow = (message: Buffer) => message[0] === 'D'.charCodeAt(0) && message.includes(text);
    return { toClient: (data) => Buffer.concat(messages(data).filter((message) => !isRow(message))) };
  });

/** Cuts a stream into packets; what is not whole yet is held back. */
function whole(header: number, lengthOf: (held: Buffer) => number): (data: Buffer) => Buffer[] {
  let held: Buffer = Buffer.alloc(0);
  return (data) => {
    held = Buffer.concat([held, data]);
    const packets: Buffer[] = [];
    for (;;) {
      const length = held.length < header ? Infinity : lengthOf(held);
      if (held.length < length) return packets;
      packets.push(Buffer.from(held.subarray(0, length)));
      held = held.subarray(length);
    }
  };
}
