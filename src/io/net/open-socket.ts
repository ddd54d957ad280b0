/**
 * A TCP connection for a driver that speaks a protocol of its own. By themselves the drivers ask getaddrinfo(3): four
 * names whose nameserver is silent would stop every other one, and all files of this process.
 */
import type { Socket } from 'node:net';
import { resolveName } from './resolve-name.ts';
import { connectFirst } from './race-addresses.ts';

/**
 * @param milliseconds for the name and the connection together. @param signal aborts.
 * @throws what name resolution and sockets throw, and an Error that names the stage when the time is over.
 */
export async function openSocket(
  host: string,
  port: number,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<Socket> {
  let stage = `no address for the name ${host}`;
  const abort = new AbortController();
  const give = () => abort.abort(signal?.reason);
  const timer = setTimeout(
    () => abort.abort(new Error(`${stage} before the timeout of ${milliseconds / 1000} s`)),
    milliseconds,
  );
  signal?.addEventListener('abort', give);
  if (signal?.aborted === true) give();
  try {
    const addresses = await resolveName(host, abort.signal);
    stage = 'no connection';
    const socket = await connectFirst(addresses, port, abort.signal);
    socket.setKeepAlive(true, 60_000);
    return socket;
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', give);
    abort.abort(new Error('over')); // stops waiting for nameservers
  }
}
