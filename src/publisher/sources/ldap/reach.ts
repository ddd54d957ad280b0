/** The connection to a directory, made before ldapts needs it: ldapts would ask getaddrinfo(3) for the name. */
import type { Socket } from 'node:net';
import { connect as startTls, type ConnectionOptions } from 'node:tls';
import { openSocket } from '../../../io/net/open-socket.ts';

/**
 * @param options for ldaps; its certificate is verified when this returns. Null for a plain connection.
 * @param patience milliseconds for TCP and again for TLS.
 * @throws Error if there is no connection in that time.
 */
export async function reach(url: URL, options: ConnectionOptions | null, patience: number): Promise<Socket> {
  const host = bare(url.hostname);
  const standard = options === null ? 389 : 636;
  const socket = await openSocket(host, url.port === '' ? standard : Number(url.port), patience);
  return options === null ? socket : await encrypted(socket, { ...options, socket, host }, patience);
}

/** An IPv6 address without its brackets. */
export const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

function encrypted(socket: Socket, options: ConnectionOptions, patience: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tls = startTls(options);
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const timer = setTimeout(() => fail(new Error(`no TLS within ${patience / 1000} s`)), patience);
    tls.on('error', fail); // stays: an error without a listener would end the process
    tls.once('close', () => fail(new Error('the connection was closed during the TLS handshake')));
    tls.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(tls);
    });
  });
}
