// Two real publishers of one list, and what happens to them by a seed: sources that change, differ and lag, kills,
// pauses, partitions, clocks that are set, a store and a network with faults. Lists hold for seconds, so that they are
// renewed all the time. After each storm it is quiet: then the list of one of them is out, and the other has
// the same or says DIVERGED.
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../support/random.ts';
import { Line, tableOf, type Out } from './line.ts';
import type { PublisherHost } from './publisher-host.ts';

/** Where they publish. */
export interface Place {
  /** What is out now; null for nothing. */
  read(): Promise<Uint8Array | null>;
  /** Faults begin, by this seed. */
  storm(seed: number): void;
  /** Faults end. */
  quiet(): void;
  /** Cuts or heals one publisher's way to the store; false where there is no way to cut. */
  cut(who: number, isCut: boolean): boolean;
  /** How often each fault of the store has happened. */
  injected(): Readonly<Record<string, number>>;
}

export interface Figures {
  readonly seed: number;
  readonly rounds: number;
  /** Lists that had to come out in the end, and those that did not. */
  readonly lists: number;
  readonly lost: readonly string[];
  readonly versions: number;
  /** Of the versions, those that only renewed the list. */
  readonly renewals: number;
  readonly doubled: readonly number[];
  readonly back: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
}

/** Milliseconds for both to come to rest. For what hangs, not for what is slow. */
const PATIENCE = 180_000;
const STEPS = 7;
/**
 * How far a host's clock may be ahead. A list is renewed once half its validity has passed by the clock of the host
 * that renews; for a gateway, whose clock is right, the list of the slowest one holds a minute longer.
 */
export const CLOCKS = ['+60s', '+120s', '+180s', '+240s', '+300s'] as const;

export interface Run {
  readonly hosts: readonly [PublisherHost, PublisherHost];
  readonly place: Place;
  readonly line: Line;
  readonly seed: number;
  /** After each round; ends the run with false. */
  readonly goOn: (rounds: number) => boolean;
  /** At each quiet time, with what is out. */
  readonly atRest?: (out: Out) => Promise<void>;
}

export async function interleave({ hosts, place, line, seed, goOn, atRest }: Run): Promise<Figures> {
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);
  const lost: string[] = [];
  const truth = new Set(Array.from({ length: 80 }, (_, i) => `user${i}@example.org`));
  let next = truth.size;
  const change = () => {
    if (random.once(3)) truth.delete(random.pick([...truth]));
    truth.add(`user${next++}@example.org`);
  };
  const watching = watch(place, line);
  let rounds = 0;
  try {
    for (const host of hosts) {
      host.list(truth);
      host.start();
    }
    do {
      place.storm(random.number(2 ** 31));
      for (let step = 0; step < STEPS; step++) {
        const who = random.number(2);
        const host = who === 0 ? hosts[0] : hosts[1];
        if (!host.isUp) host.start();
        switch (random.number(9)) {
          case 0:
            await host.kill();
            count('killed');
            break;
          case 1:
            if (host.isPaused) host.goOn();
            else {
              host.pause();
              count('paused');
            }
            break;
          case 2:
            if (place.cut(who, random.once(2))) count('cut or healed');
            break;
          case 3: // one sees it, the other lags
          case 4:
            change();
            host.list(truth);
            count('sources that differ');
            break;
          case 5: // the later clock finds the list due, while the other publishes
            await host.kill();
            host.clock = random.pick(CLOCKS);
            count('clocks set');
            break;
          case 6:
            host.list([...truth, `only-${host.name}-${next}@example.org`]);
            count('sources that differ');
            break;
          default:
            change();
            for (const each of hosts) each.list(truth);
        }
        await sleep(random.number(900));
      }
      place.quiet();
      for (const [i, host] of hosts.entries()) {
        place.cut(i, false);
        if (host.isPaused) host.goOn();
        if (!host.isUp) host.start();
      }
      change();
      const differ = random.once(3);
      const lists = hosts.map(({ name }) => (differ ? [...truth, `only-${name}-${next}@example.org`] : [...truth]));
      for (const [i, host] of hosts.entries()) host.list(lists[i] ?? []);
      const tables = lists.map((list) => tableOf(list));
      const found = await rest(hosts, place, line, tables);
      if (typeof found === 'string') lost.push(`round ${rounds}: ${found}`);
      else await atRest?.(found);
      rounds++;
    } while (goOn(rounds));
  } finally {
    await watching.stop();
    for (const host of hosts) await host.kill();
  }
  const { versions, renewals, doubled, back } = line;
  const faults = { ...counts, ...place.injected() };
  return { seed, rounds, lists: rounds, lost, versions, renewals, doubled: [...doubled], back, faults };
}

/** Waits until the list of one is out, and the other has the same or says DIVERGED. @returns what is out, or wrong */
async function rest(hosts: Run['hosts'], place: Place, line: Line, tables: readonly string[]): Promise<Out | string> {
  let why = 'nothing is out';
  for (const began = Date.now(); Date.now() - began < PATIENCE; await sleep(100)) {
    const bytes = await place.read();
    const out = bytes === null ? null : line.see(bytes, false); // `watch` reads in order
    const stand = hosts.map((host) => host.status());
    const isEach = tables.map((table, i) => {
      const status = stand[i] ?? null;
      if (status === null) return false;
      if (table !== out?.table) return status.code === 'DIVERGED';
      // Renewals go on meanwhile, so it need not be the version that is out now.
      return status.outcome !== 'failed' && status.version !== null && line.tableOf(status.version) === table;
    });
    if (out !== null && isEach.every(Boolean) && tables.includes(out.table)) return out;
    const words = stand.map((status) => `${status?.outcome} ${status?.code} at ${status?.version}`);
    why = `version ${out?.version} is out, table ${tables.indexOf(out?.table ?? '')}; ${words.join('; ')}`;
  }
  return `${why}; the last words: ${hosts.map(({ said }) => said.slice(-1500)).join('\n--\n')}`;
}

/** Reads what is out all the time. */
function watch(place: Place, line: Line): { stop(): Promise<void> } {
  const over = new AbortController();
  const reading = (async () => {
    while (!over.signal.aborted) {
      const bytes = await place.read();
      if (bytes !== null) line.see(bytes, true);
      await sleep(30);
    }
  })();
  return {
    stop: async () => {
      over.abort();
      await reading;
    },
  };
}
