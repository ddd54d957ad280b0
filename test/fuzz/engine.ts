// The fuzzer itself: runs in a worker, keeps each input that takes a branch as no other did, and tells what broke.
// Guided by the counters that instrument.mjs puts into the parsers. Writes to the working corpus and to
// test/fuzz/crashes.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Random } from '../support/random.ts';
import { mutated } from './mutate.ts';
import { Broken, hashOf, type Target } from './target.ts';
import { TARGETS } from './targets.ts';

interface Work {
  readonly targets: readonly string[];
  readonly seconds: number;
  readonly seed: number;
  readonly edges: number;
  readonly words: readonly string[];
  /** Folders: the corpus in the repository, the larger one beside it, and where crashes go. */
  readonly corpus: string;
  readonly working: string;
  readonly crashes: string;
  /**
   * What the supervisor sees: a counter of runs, the target, the input's length, whether to end, and the input's
   * bytes.
   */
  readonly seen: SharedArrayBuffer;
}

export interface Tally {
  readonly executions: number;
  readonly edges: number;
  readonly corpus: number;
  readonly crashes: number;
  /** Time spent on it. */
  readonly ms: number;
}

const { __edges: counters } = globalThis as unknown as { readonly __edges: Uint8ClampedArray };
const work = workerData as Work;
const random = new Random(work.seed);
const head = new Int32Array(work.seen, 0, 4);
const body = new Uint8Array(work.seen, 16);
const SLICE = 4000;
/** Ends that tell inputs apart: with more of them a target repeats its input in its words. */
const MANY = 100;
/** CPU milliseconds; a single input that takes longer is a way to hold the process up. */
const SLOW = 2000;

/** How often a branch was taken, in eight steps. */
const STEP = Uint8Array.from({ length: 256 }, (_, n) =>
  n < 4 ? n : n < 8 ? 4 : n < 16 ? 5 : n < 32 ? 6 : n < 128 ? 7 : 8,
);

/** To the supervisor. */
const tell = (message: object): void => parentPort?.postMessage(message, []);

const nameOf = (input: Uint8Array): string => createHash('sha256').update(input).digest('hex').slice(0, 16);

/** Path and content of a folder's files; none where there is no folder. */
const filesOf = (folder: string): Map<string, Buffer> =>
  new Map(
    (existsSync(folder) ? readdirSync(folder) : [])
      .sort()
      .map((name) => path.join(folder, name))
      .map((file) => [file, readFileSync(file)]),
  );

const cost = ({ chosen, input, ms }: Entry): number => (chosen + 1) * (64 + ms * 100) + input.length;

/** Before the name of an input that once broke a promise. */
const MENDED = 'mended-';

interface Entry {
  readonly input: Buffer;
  readonly features: readonly number[];
  /** What it costs to run, and how often it was chosen. */
  readonly ms: number;
  chosen: number;
}

class Fuzzing {
  readonly target: Target;
  executions = 0;
  crashes = 0;
  ms = 0;
  readonly #words: readonly string[];
  readonly #entries: Entry[] = [];
  readonly #known = new Set<number>();
  readonly #faults = new Set<string>();
  /** The words in which inputs have ended. */
  readonly #ends = new Set<number>();

  constructor(target: Target) {
    this.target = target;
    this.#words = [
      ...target.words,
      ...target.words,
      ...work.words.filter((_, i) => i % 4 === 0 || target.form !== 'bytes'),
    ];
  }

  /**
   * Seeds, the corpus of the repository, and what earlier runs have found. A crash that is mended goes to the
   * corpus, to stay.
   */
  async begin(): Promise<void> {
    const files = [work.corpus, work.working].flatMap((folder) => [
      ...filesOf(path.join(folder, this.target.name)).values(),
    ]);
    for (const input of [...this.target.seeds().map((seed) => Buffer.from(seed)), ...files])
      await this.#try(input, false);
    for (const [file, input] of filesOf(path.join(work.crashes, this.target.name))) {
      if ((await this.#features(input)) === null) continue;
      this.#keep(work.corpus, input, MENDED);
      rmSync(file);
    }
  }

  async spend(ms: number): Promise<void> {
    const start = performance.now();
    while (performance.now() < start + ms && head[3] === 0) {
      for (let i = 0; i < 20; i++) {
        const entry = this.#choose();
        const other = random.pick(this.#entries).input;
        await this.#try(mutated(this.target, entry.input, other, this.#words, random), true);
      }
    }
    this.ms += performance.now() - start;
  }

  get edges(): number {
    return new Set([...this.#known].filter((f) => f >= 0).map((f) => f >> 4)).size;
  }

  get tally(): Tally {
    return {
      executions: this.executions,
      edges: this.edges,
      corpus: this.#entries.length,
      crashes: this.crashes,
      ms: this.ms,
    };
  }

  /** Small and seldom chosen first, the rest by chance. */
  #choose(): Entry {
    let best = random.pick(this.#entries);
    for (let i = 0; i < 3; i++) {
      const each = random.pick(this.#entries);
      if (cost(each) < cost(best)) best = each;
    }
    best.chosen++;
    return best;
  }

  async #try(input: Buffer, shorten: boolean): Promise<void> {
    const features = await this.#features(input);
    const fresh = features?.filter((f) => !this.#known.has(f)) ?? [];
    if (features === null || fresh.length === 0) return;
    // Only what comes a second time hangs on the input.
    const start = performance.now();
    const again = new Set(await this.#features(input));
    const ms = performance.now() - start;
    const stable = fresh.filter((f) => again.has(f));
    for (const f of fresh) this.#known.add(f);
    if (stable.length === 0) return;
    const small = shorten ? await this.#shortened(input, stable) : input;
    const all = small === input ? features : ((await this.#features(small)) ?? stable);
    this.#entries.push({ input: small, features: all, ms, chosen: 0 });
    if (shorten) this.#keep(work.working, small);
  }

  /** Without the stretches that the new branches do not need. */
  async #shortened(input: Buffer, wanted: readonly number[]): Promise<Buffer> {
    let best = input;
    let left = 200;
    const end = performance.now() + 1000;
    for (let size = best.length >> 1; size >= 1 && left > 0 && performance.now() < end; size >>= 1) {
      for (let at = 0; at < best.length && left > 0 && performance.now() < end; left--) {
        const less = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
        const found = new Set(await this.#features(less));
        if (wanted.every((f) => found.has(f))) best = less;
        else at += size;
      }
    }
    return best;
  }

  /** Which branches an input takes and how often, and how it ends; null where it breaks a promise. */
  async #features(input: Buffer): Promise<number[] | null> {
    this.executions++;
    counters.fill(0, 0, work.edges);
    head[1] = TARGETS.indexOf(this.target);
    head[2] = Math.min(input.length, body.length);
    body.set(input.subarray(0, body.length));
    Atomics.add(head, 0, 1);
    const before = process.cpuUsage();
    let end: string;
    try {
      // A copy of its own: a parser that writes into its input, or past it, is found out.
      const given = Buffer.from(input);
      end = await this.target.run(given);
      if (!given.equals(input)) throw new Error('the input was written to');
    } catch (error) {
      this.#fault(input, error);
      return null;
    }
    const { user } = process.cpuUsage(before);
    if (user > SLOW * 1000) this.#fault(input, new Error(`slow: ${user / 1000} ms of CPU`));
    const found: number[] = [];
    for (let i = 0; i < work.edges; i++) {
      const times = counters[i] ?? 0;
      if (times !== 0) found.push(i * 16 + (STEP[times] ?? 0));
    }
    const word = -1 - hashOf(Buffer.from(end));
    if (this.#ends.size < MANY) this.#ends.add(word);
    if (this.#ends.has(word)) found.push(word);
    return found;
  }

  #fault(input: Buffer, error: unknown): void {
    const { message, stack = '' } = error instanceof Error ? error : { message: String(error) };
    const where =
      error instanceof Broken
        ? ''
        : (/^\s+at .*$/m.exec(stack.slice(stack.indexOf(message) + message.length))?.[0] ?? '');
    const kind = `${message
      .split(':', 1)[0]
      ?.replace(/[0-9]+/g, '0')
      .slice(0, 60)}${where}`;
    if (this.#faults.has(kind)) return;
    this.#faults.add(kind);
    this.crashes++;
    this.#keep(work.crashes, input);
    tell({ fault: { target: this.target.name, file: nameOf(input), stack: stack.slice(0, 1500) } });
  }

  #keep(folder: string, input: Buffer, kind = ''): void {
    const own = path.join(folder, this.target.name);
    mkdirSync(own, { recursive: true });
    writeFileSync(path.join(own, kind + nameOf(input)), input);
  }

  /**
   * Makes the working corpus, or the one of the repository, as small as it can be: for each branch the smallest
   * input that takes it.
   */
  distil(folder: string, byTimes: boolean): void {
    const covered = new Set<number>();
    const kept: Buffer[] = [];
    for (const { input, features } of this.#entries.sort((a, b) => a.input.length - b.input.length)) {
      const wanted = new Set(features.map((f) => (byTimes || f < 0 ? f : f >> 4)));
      const fresh = [...wanted].filter((f) => !covered.has(f));
      if (fresh.length === 0) continue;
      kept.push(input);
      for (const f of fresh) covered.add(f);
    }
    const names = new Set(kept.map(nameOf));
    for (const file of filesOf(path.join(folder, this.target.name)).keys()) {
      const name = path.basename(file);
      if (!names.delete(name) && !name.startsWith(MENDED)) rmSync(file);
    }
    for (const input of kept) if (names.has(nameOf(input))) this.#keep(folder, input);
  }
}

const all = TARGETS.filter(({ name }) => work.targets.includes(name)).map((target) => new Fuzzing(target));
const tallies = () => Object.fromEntries(all.map((each) => [each.target.name, each.tally]));

process.on('unhandledRejection', (error) => tell({ stray: error instanceof Error ? error.stack : String(error) }));

const end = performance.now() + work.seconds * 1000;
for (const each of all) await each.begin();
while (performance.now() < end && head[3] === 0) {
  for (const each of all) {
    const left = end - performance.now();
    if (left <= 0 || head[3] !== 0) break;
    await each.spend(Math.min(SLICE, left));
    tell({ tallies: tallies() });
  }
}
tell({ tallies: tallies(), ends: true });
for (const each of all) {
  each.distil(work.working, true);
  each.distil(work.corpus, false);
}
tell({ done: true });
