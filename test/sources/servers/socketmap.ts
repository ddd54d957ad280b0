// A server of Postfix's socketmap protocol: a netstring `NAME KEY` in, a netstring `OK VALUE` or `NOTFOUND ` out.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What a table of this name has for this key; null if it has nothing. */
export type Resolve = (name: string, key: string) => string | null;

export interface Socketmap {
  /** A table of Postfix. */
  readonly map: (name: string) => string;
  readonly stop: () => Promise<void>;
}

export async function startSocketmap(resolve: Resolve): Promise<Socketmap> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let held = '';
    sockets.add(socket.on('error', () => undefined));
    socket.setEncoding('latin1').on('data', (data: string) => {
      held += data;
      for (;;) {
        const [head, length] = /^([0-9]+):/.exec(held) ?? [];
        if (head === undefined || held.length < head.length + Number(length) + 1) return;
        const request = Buffer.from(held.slice(head.length, head.length + Number(length)), 'latin1').toString();
        held = held.slice(head.length + Number(length) + 1);
        const blank = request.indexOf(' ');
        const value = resolve(request.slice(0, blank), request.slice(blank + 1));
        const reply = Buffer.from(value === null ? 'NOTFOUND ' : `OK ${value}`);
        socket.write(`${reply.length}:${reply.toString('latin1')},`, 'latin1');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    map: (name) => `socketmap:inet:127.0.0.1:${port}:${name}`,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
