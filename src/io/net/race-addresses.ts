/**
 * Opens one TCP connection to whichever address of a host accepts first (RFC 8305, "Happy Eyeballs"). An address
 * that does not answer delays the next one by a quarter of a second and is still tried meanwhile. Node gives up on
 * each address but the last after that quarter: it would never reach a distant host that has an unreachable IPv6
 * address. Node 18 tries only one address.
 */
import { connect, type Socket } from 'node:net';
import type { Address } from './hosts-file.ts';
import type { Addresses } from './resolve-name.ts';

/** Milliseconds. */
const NEXT = 250;
/** Nothing in that address family can be reached from here. The failure of another address says more. */
const UNREACHABLE = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

/** @param signal aborts. @throws the most informative failure of all addresses. */
export function connectFirst({ first, rest }: Addresses, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const waiting = interleaved(first);
    const under = new Set<Socket>();
    const failures: Error[] = [];
    let more = true; // `rest` is still to come
    let timer: NodeJS.Timeout | undefined;

    let over = false;
    const end = () => {
      over = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', give);
      for (const socket of under) socket.destroy();
      under.clear();
    };
    const give = () => {
      end();
      reject(signal.reason as Error);
    };
    const next = () => {
      clearTimeout(timer);
      const address = waiting.shift();
      if (address === undefined) {
        if (under.size > 0 || more) return;
        end();
        reject(
          failures.find((error) => !UNREACHABLE.has(String((error as NodeJS.ErrnoException).code))) ?? failures[0],
        );
        return;
      }
      const socket = connect({ host: address.address, port, autoSelectFamily: false, noDelay: true });
      under.add(socket);
      socket.once('connect', () => {
        under.delete(socket);
        end();
        resolve(socket);
      });
      // Stays attached: an error without a listener would end the process.
      socket.on('error', (error) => {
        if (!under.delete(socket) || over) return;
        failures.push(error);
        next();
      });
      timer = setTimeout(next, NEXT);
    };

    signal.addEventListener('abort', give);
    if (signal.aborted) {
      give();
      return;
    }
    next();
    void rest.then((late) => {
      more = false;
      waiting.push(...late);
      if (under.size === 0 && !over) next();
    });
  });
}

/** IPv6 first, then the families alternate. */
export function interleaved(addresses: readonly Address[]): Address[] {
  const six = addresses.filter(({ family }) => family === 6);
  const four = addresses.filter(({ family }) => family === 4);
  const mixed: Address[] = [];
  for (let i = 0; i < Math.max(six.length, four.length); i++)
    mixed.push(...six.slice(i, i + 1), ...four.slice(i, i + 1));
  return mixed;
}
