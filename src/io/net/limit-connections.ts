/**
 * Keeps idle connections from filling a server. When it has as many connections as it may, it closes the oldest
 * idle one of the host that has most of them. A client that opens connections and sends nothing harms only itself.
 */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';

/** Descriptors that a process needs besides its connections. */
const OTHERS = 100;

/** @param most connections at a time. There are fewer if the process may not open that many files. */
export function limitConnections(server: Server, most: number): void {
  const limit = Math.max(8, Math.min(most, openFiles() - OTHERS));
  /** Oldest first. */
  const open = new Map<string, Socket>();
  const answering = new Map<string, number>();

  server.on('connection', (socket: Socket) => {
    if (open.size >= limit) {
      const victim = oldestIdle([...open].filter(([peer]) => !answering.has(peer)).map(([, idle]) => idle));
      if (victim === undefined) {
        socket.destroy(); // all of them are being answered
        return;
      }
      victim.destroy();
      open.delete(peerOf(victim));
    }
    const peer = peerOf(socket);
    open.set(peer, socket);
    socket.once('close', () => {
      if (open.get(peer) === socket) open.delete(peer);
    });
  });
  const begin = ({ socket }: IncomingMessage, response: ServerResponse) => {
    const peer = peerOf(socket);
    answering.set(peer, (answering.get(peer) ?? 0) + 1);
    response.once('close', () => {
      const left = (answering.get(peer) ?? 1) - 1;
      if (left > 0) answering.set(peer, left);
      else answering.delete(peer);
    });
  };
  server.on('request', begin);
  server.on('checkContinue', begin);
}

/** The same for a TCP connection and for the TLS socket on it. */
const peers = new WeakMap<object, string>();
function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  const known = peers.get(socket) ?? `${socket.remoteAddress ?? ''} ${socket.remotePort ?? ''}`;
  peers.set(socket, known); // a closed socket no longer says it
  return known;
}

const hostOf = (socket: Socket): string => peerOf(socket).split(' ', 1)[0] ?? '';

function oldestIdle(idle: readonly Socket[]): Socket | undefined {
  const counts = new Map<string, number>();
  for (const socket of idle) counts.set(hostOf(socket), (counts.get(hostOf(socket)) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  return idle.find((socket) => counts.get(hostOf(socket)) === most);
}

/** How many files this process may have open. */
function openFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files +([0-9]+)/m.exec(limits)?.[1] ?? 1024);
  } catch {
    return 1024;
  }
}
