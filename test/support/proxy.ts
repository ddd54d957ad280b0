// An HTTP proxy of the test's own: CONNECT only, on loopback, which writes down what it was asked for.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';

export class Proxy {
  readonly asked: { readonly target: string; readonly authorization: string | undefined }[] = [];
  readonly #server = createServer((_, response) => response.writeHead(405).end());
  readonly #sockets = new Set<Socket>();

  /** @param isHere which hosts are this one. */
  static async start(isHere: (host: string) => boolean = (host) => host === 'localhost'): Promise<Proxy> {
    const proxy = new Proxy();
    proxy.#server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      proxy.asked.push({ target: request.url ?? '', authorization: request.headers['proxy-authorization'] });
      const [host = '', port] = (request.url ?? '').split(':');
      const onward = connect(Number(port), isHere(host) ? '127.0.0.1' : host, () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      for (const each of [socket, onward]) {
        proxy.#sockets.add(each);
        each.on('error', () => each.destroy()).on('close', () => proxy.#sockets.delete(each));
      }
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
