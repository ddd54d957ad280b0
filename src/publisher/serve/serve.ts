/**
 * The embedded HTTPS endpoint for the published files. It refuses to serve them to everyone: they contain every
 * address of the site. It uses a changed certificate, token or CA one second later. If a file is half written or
 * invalid, the old ones stay in use.
 */
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import { HostError } from '../../errors.ts';
import { AccessLog } from '../../io/access/access-log.ts';
import { log, logOnce } from '../../io/log.ts';
import { limitConnections } from '../../io/net/limit-connections.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { FileWatch } from '../watch/file-watch.ts';
import { accessLine } from './access-line.ts';
import { answering, type Noting } from './answer.ts';
import { readFleetPage, type FleetPage } from './fleet-page.ts';
import { readSites, type ServeConfig, type Site } from './sites.ts';
import { clientRule, secureContext } from './tls.ts';

/** Milliseconds. */
const IDLE = 60_000;
const HANDSHAKE = 10_000;
/** Milliseconds that requests under way may take when the server closes. */
const CLOSING = 5_000;
/** Milliseconds between two looks at the files. */
const LOOK = 1_000;
const MOST_CONNECTIONS = 1024;

export interface Serving {
  readonly url: string;
  /** Switches to another configuration. @throws HostError CONFIG; the old one stays in use. */
  reload(config: PublisherConfig): void;
  close(): Promise<void>;
}

/** Wall clock and monotonic milliseconds. */
export type Clocks = Pick<Noting, 'now' | 'steady'>;

/** What is served now, and from which files. */
interface Current {
  readonly output: string;
  readonly serve: ServeConfig;
  readonly sites: readonly Site[];
  readonly page: FleetPage | null;
  readonly context: SecureContextOptions;
  readonly files: FileWatch;
  /** The state of the files when they were read. */
  readonly state: string;
}

/** @throws HostError CONFIG, PublishError SERVE */
export async function serve(config: PublisherConfig, { now, steady }: Clocks): Promise<Serving> {
  const address = config.serve === undefined ? null : listenAddress(config.serve.listen);
  let current = read(config.output, config.serve);
  const { host, port } = address ?? listenAddress(current.serve.listen);
  const server = createServer({ ...current.context, ...clientRule(current.sites), handshakeTimeout: HANDSHAKE });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  limitConnections(server, MOST_CONNECTIONS);
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  server.setTimeout(IDLE); // drops a reader that takes nothing for this long
  let access = accessLog(current.serve);
  answering(server, () => current, { note: (each) => access?.write(accessLine(each)), now, steady });
  try {
    await listening(server, current.serve.listen, host, port);
  } catch (error) {
    current.files.close();
    await access?.close();
    throw error;
  }
  const use = (next: Current) => {
    current.files.close();
    current = next;
    server.setSecureContext(next.context);
    Object.assign(server, clientRule(next.sites)); // Node has no other way to change these two
  };
  const look = setInterval(() => {
    access?.look();
    for (const { tokens } of current.sites) tokens?.look();
    if (current.files.state() === current.state) return;
    try {
      use(read(current.output, current.serve));
      log('notice', 'certificate, tokens and authorities have changed and are read again');
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      logOnce('warning', `${error.message}. What was read before stays in use until the file is right`);
    }
  }, LOOK);
  const bound = (server.address() as AddressInfo).port;
  const name = host === '0.0.0.0' || host === '::' ? 'THIS-HOST' : host.includes(':') ? `[${host}]` : host;
  return {
    url: `https://${name}:${bound}/`,
    reload: (next) => {
      if (next.serve?.listen !== current.serve.listen)
        throw new HostError(
          'CONFIG',
          'serve.listen has changed, and only a new start takes it: systemctl restart relaymap-publish-serve',
        );
      use(read(next.output, next.serve));
      if (access !== null && access.file === next.serve.access_log) access.reopen();
      else {
        void access?.close();
        access = accessLog(next.serve);
      }
    },
    close: async () => {
      clearInterval(look);
      current.files.close();
      await closed(server, sockets);
      if (access !== null) await Promise.race([access.close(), sleep(CLOSING, undefined, { ref: false })]);
    },
  };
}

/** @throws HostError CONFIG */
function read(output: string, options: ServeConfig | undefined): Current {
  if (options === undefined)
    throw new HostError('CONFIG', 'there is no [serve] in the configuration; it needs listen, cert and key');
  const each = [options, ...options.site].flatMap(({ token_file, client_ca }) => [token_file, client_ca]);
  each.push(options.fleet_token_file);
  const files = new FileWatch([options.cert, options.key, ...each].filter((file) => file !== undefined));
  try {
    const state = files.state();
    const sites = readSites(output, options);
    const page = readFleetPage(options, sites);
    return { output, serve: options, sites, page, context: secureContext(options, sites), files, state };
  } catch (error) {
    files.close();
    throw error;
  }
}

const accessLog = ({ access_log: file }: ServeConfig): AccessLog | null =>
  file === undefined ? null : new AccessLog(file, log);

async function listening(server: Server, listen: string, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new PublishError('SERVE', `cannot listen on ${listen}: ${error.message}`, error)),
    );
    server.listen(port, host, resolve);
  });
}

function closed(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => {
      for (const socket of sockets) socket.destroy(); // including those that never started TLS
    }, CLOSING);
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
    server.closeIdleConnections();
  });
}

function listenAddress(listen: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new HostError('CONFIG', `serve.listen "${listen}" is not like "0.0.0.0:8443" or "[::]:8443"`);
  return { host: match[1] ?? match[2] ?? '', port };
}
