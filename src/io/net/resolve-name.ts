/**
 * The addresses of a host name. Node's own lookup is getaddrinfo(3) in two of libuv's four threads: two names whose nameserver does not
 * answer would hold up every other name. So: /etc/hosts first, then the nameservers by c-ares, which needs no thread; and only what these
 * do not know goes to getaddrinfo, which asks whatever else nsswitch.conf(5) names, for two names at once.
 */
import { lookup, Resolver } from 'node:dns';
import { isIP } from 'node:net';
import { addressesInHostsFile, type Address } from './hosts-file.ts';

export interface Addresses {
  /** Not empty. */
  readonly first: readonly Address[];
  /** Those of the other family, where its answer came later; empty where it never came. */
  readonly rest: Promise<readonly Address[]>;
}

/** Milliseconds until a nameserver is asked again, or the next one is. */
const PATIENCE = { timeout: 2_500, tries: 2 };
/** Milliseconds for which the answer of one family waits for the other's (RFC 8305 section 3). */
const OTHER_FAMILY = 50;
/** So many names may be with getaddrinfo at once: libuv would not ask for more, and each costs a thread. */
const MOST_THREADS = 2;

/** @param signal gives up. @throws what the nameservers or getaddrinfo said: an Error with a `code`. */
export async function resolveName(host: string, signal: AbortSignal): Promise<Addresses> {
  const none = Promise.resolve([]);
  const literal = isIP(host);
  if (literal === 4 || literal === 6) return { first: [{ address: host, family: literal }], rest: none };
  const name = host.toLowerCase().replace(/\.$/, '');
  const known = addressesInHostsFile(name);
  if (known.length > 0) return { first: known, rest: none };
  if (/(^|\.)localhost$/.test(name)) return { first: LOOPBACK, rest: none };
  // A name of one label means one in a search domain, which c-ares does not try; .local is not the nameservers' (RFC 6762).
  if (!name.includes('.') || name.endsWith('.local')) return { first: await askSystem(name, signal), rest: none };
  try {
    return await askNameservers(name, signal);
  } catch (error) {
    // Where the nameservers are dead getaddrinfo has no better ones, and would hold its thread until it has found out.
    if (signal.aborted || codeOf(error) === 'ETIMEOUT') throw error;
    return { first: await askSystem(name, signal), rest: none };
  }
}

const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** Both families at once. A new resolver each time: it reads resolv.conf(5) as it is now, and can be given up. */
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

/** A while after the first answer with an address; never, where there is none. */
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

/** That one family has no address says nothing, where the other could not be asked. */
function mostTelling(answers: readonly Asked[]): Error {
  const errors = answers.flatMap((a) => ('error' in a ? [a.error] : []));
  const failed = errors.find((error) => !['ENODATA', 'ENOTFOUND'].includes(String(codeOf(error))));
  return failed ?? errors.find((error) => codeOf(error) === 'ENOTFOUND') ?? errors[0] ?? new Error('no address');
}

let busy = 0;
const queue: (() => void)[] = [];

/** getaddrinfo(3), for a few names at once; the others wait their turn, or give up waiting. */
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
