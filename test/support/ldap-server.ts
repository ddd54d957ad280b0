// A small LDAP server of the tests' own, for answers that no real one can be brought to give: BER by hand (RFC
// 4511), one handler that says what is sent for each request, byte for byte if it likes.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { certificate, type Certificate } from './endpoint.ts';

/** Tag, length, value. */
export function ber(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const { length } = value;
  const size =
    length < 0x80
      ? [length]
      : length < 0x10000
        ? [0x82, length >> 8, length & 255]
        : [0x83, length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), value]);
}
const integer = (value: number, tag = 0x02): Buffer =>
  ber(tag, Buffer.from([value >> 24, value >> 16, value >> 8, value]));
const octets = (value: Buffer | string): Buffer => ber(0x04, value);
const PAGED = '1.2.840.113556.1.4.319';

export type Attributes = Readonly<Record<string, readonly (string | Buffer)[]>>;

/** Operations of answers. */
export const entry = (dn: string, attributes: Attributes): Buffer =>
  ber(
    0x64,
    octets(dn),
    ber(
      0x30,
      ...Object.entries(attributes).map(([type, values]) => ber(0x30, octets(type), ber(0x31, ...values.map(octets)))),
    ),
  );
export const reference = (url: string): Buffer => ber(0x73, octets(url));
/** @param cookie of the next page; empty: this was the last. */
export const done = (code = 0, message = '', cookie: string | null = ''): Answer => ({
  operation: ber(0x65, integer(code, 0x0a), octets(''), octets(message)),
  controls:
    cookie === null ? undefined : ber(0xa0, ber(0x30, octets(PAGED), octets(ber(0x30, integer(0), octets(cookie))))),
});
const bound = (code: number): Buffer => ber(0x61, integer(code, 0x0a), octets(''), octets(''));
const extended = (): Buffer => ber(0x78, integer(0, 0x0a), octets(''), octets(''));

export interface Answer {
  readonly operation: Buffer;
  readonly controls: Buffer | undefined;
}

export interface Search {
  readonly base: string;
  readonly attributes: readonly string[];
  readonly cookie: string;
  readonly connection: Socket;
}

/** What is sent for a search, in order; null: the connection ends here. */
export type Handler = (search: Search) => readonly (Buffer | Answer | null)[];

interface Element {
  readonly tag: number;
  readonly value: Buffer;
  readonly end: number;
}

/** The element at a place, or null where it is not whole yet. */
function element(bytes: Buffer, at = 0): Element | null {
  const first = bytes[at + 1];
  if (first === undefined) return null;
  const long = first >= 0x80 ? first & 0x7f : 0;
  if (bytes.length < at + 2 + long) return null;
  const length = long === 0 ? first : bytes.readUIntBE(at + 2, long);
  const from = at + 2 + long;
  return bytes.length < from + length
    ? null
    : { tag: bytes[at] ?? 0, value: bytes.subarray(from, from + length), end: from + length };
}

function children(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = element(bytes, at);
    if (next === null) break;
    found.push(next);
    at = next.end;
  }
  return found;
}

export class LdapServer {
  /** Binds seen: DN and password. */
  readonly binds: string[] = [];
  readonly searches: Search[] = [];
  handler: Handler = () => [done()];
  /** The result of a bind. */
  bindResult = 0;
  /** Sent in the clear behind the answer to StartTLS. */
  injected: Buffer | null = null;
  /** False: no TLS follows that answer. */
  tls = true;
  certificate: Certificate = 'good';
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.connections++;
      this.#sockets.add(socket);
      this.#serve(socket);
    });
  }

  static async start(): Promise<LdapServer> {
    const server = new LdapServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `ldap://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #serve(socket: Socket): void {
    let rest = Buffer.alloc(0);
    socket.on('error', () => undefined);
    const read = (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let next = element(rest); next !== null; next = element(rest)) {
        rest = rest.subarray(next.end);
        if (this.#answer(socket, next.value)) {
          socket.off('data', read);
          return;
        }
      }
    };
    socket.on('data', read);
  }

  /** @returns whether the connection is TLS's from now on. */
  #answer(socket: Socket, message: Buffer): boolean {
    const [id, request, controls] = children(message);
    if (id === undefined || request === undefined) return false;
    const send = (operation: Buffer, more?: Buffer) =>
      socket.write(ber(0x30, ber(0x02, id.value), operation, more ?? ''));
    const parts = children(request.value);
    if (request.tag === 0x60) {
      this.binds.push(`${parts[1]?.value.toString()} ${parts[2]?.value.toString()}`);
      send(bound(this.bindResult));
    } else if (request.tag === 0x77) {
      const answer = ber(0x30, ber(0x02, id.value), extended());
      socket.write(this.injected === null ? answer : Buffer.concat([answer, this.injected]));
      if (!this.tls) return true;
      const { key, cert } = certificate(this.certificate);
      this.#serve(new TLSSocket(socket, { isServer: true, key, cert }));
      return true;
    } else if (request.tag === 0x63) this.#search(socket, send, parts, controls);
    return false;
  }

  #search(
    socket: Socket,
    send: (operation: Buffer, more?: Buffer) => void,
    parts: readonly Element[],
    controls: Element | undefined,
  ): void {
    const attributes = children(parts[7]?.value ?? Buffer.alloc(0)).map(({ value }) => value.toString());
    const paged = controls === undefined ? [] : children(children(controls.value)[0]?.value ?? Buffer.alloc(0));
    const value = children(paged.at(-1)?.value ?? Buffer.alloc(0))[0]?.value ?? Buffer.alloc(0);
    const search: Search = {
      base: parts[0]?.value.toString() ?? '',
      attributes,
      cookie: children(value)[1]?.value.toString() ?? '',
      connection: socket,
    };
    this.searches.push(search);
    for (const each of this.handler(search)) {
      if (each === null) socket.destroySoon();
      else if (Buffer.isBuffer(each)) send(each);
      else send(each.operation, each.controls);
    }
  }
}
