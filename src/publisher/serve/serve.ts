/** The embedded HTTPS endpoint over the published files. It refuses to serve the world: every address of the site is in these files. */
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { HostError } from '../../errors.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { answering, digest } from './answer.ts';
import { readOption, tlsOptions } from './tls.ts';

/** Milliseconds. */
const IDLE = 60_000;
/** What is under way at the end may take so long, in milliseconds. */
const CLOSING = 5_000;

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws HostError CONFIG, PublishError SERVE */
export async function serve(config: PublisherConfig): Promise<Serving> {
  const options = config.serve;
  if (options === undefined)
    throw new HostError('CONFIG', 'there is no [serve] in the configuration; it needs listen, cert and key');
  if (options.client_ca === undefined && options.token_file === undefined && !options.public) {
    throw new HostError(
      'CONFIG',
      'serve: anyone could read every address; set token_file or client_ca, or say public = true',
    );
  }
  const token = options.token_file === undefined ? null : readToken(options.token_file);
  const { host, port } = listenAddress(options.listen);
  const server = createServer(tlsOptions(options));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  server.setTimeout(IDLE); // a reader that takes nothing for so long is let go
  answering(server, config.output, token);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new PublishError('SERVE', `cannot listen on ${options.listen}: ${error.message}`, error)),
    );
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const name = host === '0.0.0.0' || host === '::' ? 'THIS-HOST' : host.includes(':') ? `[${host}]` : host;
  return {
    url: `https://${name}:${bound}/`,
    close: () =>
      new Promise((resolve) => {
        const patience = setTimeout(() => {
          for (const socket of sockets) socket.destroy(); // also those that never began with TLS
        }, CLOSING);
        server.close(() => {
          clearTimeout(patience);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function readToken(file: string): Buffer {
  const token = readOption('token_file', file).trim();
  if (token.length < 16) throw new HostError('CONFIG', `serve.token_file ${file} holds fewer than 16 characters`);
  return digest(token);
}

function listenAddress(listen: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new HostError('CONFIG', `serve.listen "${listen}" is not like "0.0.0.0:8443" or "[::]:8443"`);
  return { host: match[1] ?? match[2] ?? '', port };
}
