/**
 * Resolves host names. Node's own lookup calls getaddrinfo(3) in two of libuv's four threads, so two names whose
 * nameserver is silent would block every other name. Instead, the order is: /etc/hosts; then DNS by c-ares, which
 * needs no thread; then getaddrinfo, two names at a time, for whatever else nsswitch.conf(5) lists.
 */
import { lookup, Resolver } from 'node:dns';
import { isIP } from 'node:net';
import { addressesInHostsFile, type Address } from './hosts-file.ts';

export interface Addresses {
  /** Not empty. */
  readonly first: readonly Address[];
  /** The addresses of the other family if they came later; empty if they never came. */
  readonly rest: Promise<readonly Address[]>;
}

/** Milliseconds before a nameserver is asked again, or the next one is. */
const PATIENCE = { timeout: 2_500, tries: 2 };
/** Milliseconds that the answer of one family waits for the other (RFC 8305 section 3). */
const OTHER_FAMILY = 50;
/** At most this many names are with getaddrinfo at once. libuv would not run more, and each takes a thread. */
const MOST_THREADS = 2;

/** @param signal aborts. @throws what DNS or getaddrinfo reported: an Error with a `code`. */
export async function resolveName(host: string, signal: AbortSignal): Promise<Addresses> {
  const none = Promise.resolve([]);
  const literal = isIP(host);
  if (literal === 4 || literal === 6) return { first: [{ address: host, family: literal }], rest: none };
  const name = host.toLowerCase().replace(/\.$/, '');
  const known = addressesInHostsFile(name);
  if (known.length > 0) return { first: known, rest: none };
  if (/(^|\.)localhost$/.test(name)) return { first: LOOPBACK, rest: none };
  // A name without a dot is in a search domain, which c-ares does not try. DNS does not serve .local (RFC 6762).
  if (!name.includes('.') || name.endsWith('.local')) return { first: await askSystem(name, signal), rest: none };
  try {
    return await askNameservers(name, signal);
  } catch (error) {
    // If no nameserver answers, getaddrinfo has no better one and would block its thread until it found out.
    if (signal.aborted || codeOf(error) === 'ETIMEOUT') throw error;
    return { first: await askSystem(name, signal), rest: none };
  }
}

const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/**
 * Asks for both families at once. A new resolver each time: it reads the current resolv.conf(5) and can be
 * cancelled.
 */
async function askNameservers(name: string, signal: AbortSignal): Promise<Addresses> {
  const resolver = new Resolver(PATIENCE);
  const give = () => resolver.cancel();
  signal.addEventListener('abort', give);
  if (signal.aborted) throw signal.reason;
  const here: { 4?: Asked; 6?: Asked } = {};
  const v4 = asked(4, (done) => resolver.resolve4(name, done)).then((answer) => (here[4] = answer));
  const v6 = asked(6, (done) => resolver.resolve6(name, done)).then((answer) => (here[6] = answer));
  const both = Promise.all([v4, v6]);
  void both.then(() => signal.removeEventListener('abort', give));
  await Promise.race([both, headStart([v4, v6])]);
  const first = [here[6], here[4]].flatMap((answer) => (answer === undefined ? [] : addresses(answer)));
  const late = here[6] === undefined ? v6 : here[4] === undefined ? v4 : null;
  if (first.length > 0) return { first, rest: late?.then(addresses) ?? Promise.resolve([]) };
  throw mostTelling(await both);
}

/** Resolves shortly after the first answer that has an address. Never resolves if there is none. */
async function headStart(answers: readonly Promise<Asked>[]): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const answer of answers)
      void answer.then((a) => addresses(a).length > 0 && setTimeout(resolve, OTHER_FAMILY).unref());
  });
}

type Asked = { readonly found: readonly Address[] } | { readonly error: Error };

function asked(
  family: 4 | 6,
  ask: (done: (error: NodeJS.ErrnoException | null, found: string[]) => void) => void,
): Promise<Asked> {
  return new Promise((resolve) => {
    ask((error, found) => {
      if (error !== null) resolve({ error });
      else resolve({ found: found.map((address) => ({ address, family })) });
    });
  });
}

const addresses = (a: Asked): readonly Address[] => ('found' in a ? a.found : []);

/** "No address" for one family says nothing if the other family could not be asked. */
function mostTelling(answers: readonly Asked[]): Error {
  const errors = answers.flatMap((a) => ('error' in a ? [a.error] : []));
  const failed = errors.find((error) => !['ENODATA', 'ENOTFOUND'].includes(String(codeOf(error))));
  return failed ?? errors.find((error) => codeOf(error) === 'ENOTFOUND') ?? errors[0] ?? new Error('no address');
}

let busy = 0;
const queue: (() => void)[] = [];

/** getaddrinfo(3), for a few names at once. The others wait, until their signal aborts. */
async function askSystem(name: string, signal: AbortSignal): Promise<readonly Address[]> {
  if (busy >= MOST_THREADS) await turn(signal);
  if (signal.aborted) throw signal.reason;
  busy++;
  return await new Promise((resolve, reject) => {
    const give = () => reject(signal.reason as Error);
    signal.addEventListener('abort', give);
    lookup(name, { all: true, verbatim: true }, (error, found) => {
      busy--;
      queue.shift()?.();
      signal.removeEventListener('abort', give);
      if (error !== null) reject(error);
      else resolve(found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })));
    });
  });
}

function turn(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      signal.removeEventListener('abort', give);
      resolve();
    };
    const give = () => {
      const place = queue.indexOf(go);
      if (place >= 0) queue.splice(place, 1);
      resolve();
    };
    queue.push(go);
    signal.addEventListener('abort', give);
  });
}
