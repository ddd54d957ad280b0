// Tries every mutant of one source file: the file is instrumented so that each of its mutants can be switched on,
// bundled with the tests that import it, and run in a thread that is ended where a mutant loops.
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { build } from 'esbuild';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Tests that take their time over what a shorter one shows as well, or that read files beside themselves. */
const LEFT_OUT = new Set(['cdb-that-passes-four-gibibytes.test.ts', 'format-page-that-does-not-hold.test.ts']);
/** What a test may take of the processor with a mutant, beside three times what it takes without. */
const GRACE_MS = 2000;
/** What the loading of a bundle may take, with what its tests do before the first of them begins. */
const LOAD_MS = 5000;
/** A mutant that is reached so many times more often than the code itself is in a loop. */
const HITS = 100;
/** Loads of the bundle before a thread is replaced: a module once loaded is never let go. */
const LOADS = 200;

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The tests that import this file themselves, and need nothing but Node. */
function testsOf(root, file) {
  return ['bundle', 'map', 'gateway'].flatMap((room) =>
    readdirSync(path.join(root, 'test', room))
      .filter((name) => name.endsWith('.test.ts') && !LEFT_OUT.has(name))
      .map((name) => path.join(root, 'test', room, name))
      .filter((test) =>
        [...readFileSync(test, 'utf8').matchAll(/from '\.\.\/\.\.\/(src\/[^']+)'/g)].some(([, from]) => from === file),
      ),
  );
}

const quiet = () => undefined;
const logger = { isDebugEnabled: () => false, debug: quiet, info: quiet, warn: quiet, error: quiet };

/** Stryker's instrumenter, without the rest of Stryker. */
function instrumenter() {
  const injector = (values) => ({
    provideValue: (name, value) => injector({ ...values, [name]: value }),
    injectClass: (Class) => new Class(...Class.inject.map((name) => values[name])),
  });
  return createInstrumenter(injector({ logger }));
}

class Thread {
  #worker = null;
  #heard = quiet;
  #loads = 0;
  #bundle;

  constructor(bundle) {
    this.#bundle = bundle;
  }

  /**
   * The worker's answer; 'timeout' where the processor worked longer than `ms` on the whole of it, or longer than
   * `msOf` says on one of its tests, or the thread died of its mutant.
   */
  async ask(task, ms, msOf = () => ms) {
    if (this.#loads++ % LOADS === 0) await this.end();
    this.#worker ??= this.#begun();
    let timer;
    const { answer, fault } = await new Promise((resolve) => {
      let [begun, most] = [cpuMs(), ms];
      this.#heard = (said) => {
        if (said.test === undefined) resolve(said);
        else [begun, most] = [cpuMs(), msOf(said.test)];
      };
      timer = setInterval(() => {
        if (cpuMs() - begun > most) resolve({ answer: 'timeout' });
      }, 100);
      this.#worker.postMessage(task, []);
    });
    clearInterval(timer);
    if (fault !== undefined) throw new Error(fault);
    if (answer === 'timeout') await this.end();
    return answer;
  }

  #begun() {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { bundle: this.#bundle },
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    worker.on('message', (said) => this.#heard(said));
    worker.on('error', () => this.#heard({ answer: 'timeout' }));
    return worker;
  }

  async end() {
    const worker = this.#worker;
    this.#worker = null;
    this.#heard = quiet;
    await worker?.terminate();
  }
}

/**
 * @param out a folder below `root`, for the bundle.
 * @returns the source, and each mutant with its status: Killed, Survived, Timeout or NoCoverage; lines and columns
 * from 1.
 */
export async function tryMutants(root, file, out) {
  const content = readFileSync(path.join(root, file), 'utf8');
  const { files, mutants } = await instrumenter().instrument([{ name: file, mutate: true, content }], {
    excludedMutations: [],
    ignorers: [],
    plugins: null,
    noHeader: false,
  });
  mkdirSync(out, { recursive: true });
  const bundle = path.join(out, `${file.replaceAll('/', '-')}.mjs`);
  const tests = testsOf(root, file);
  await build({
    stdin: { contents: tests.map((test) => `import ${JSON.stringify(test)};`).join('\n'), resolveDir: root },
    outfile: bundle,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
    plugins: [
      {
        name: 'mutants',
        setup(build) {
          build.onResolve({ filter: /^vitest$/ }, () => ({
            path: new URL('harness.mjs', import.meta.url).href,
            external: true,
          }));
          build.onLoad({ filter: /\.ts$/ }, ({ path: name }) => {
            const text = path.relative(root, name) === file ? files[0].content : readFileSync(name, 'utf8');
            // What a test reads beside itself is found from the bundle too.
            const own = JSON.stringify(pathToFileURL(name).href);
            return { contents: text.replaceAll('import.meta.url', own), loader: 'ts' };
          });
        },
      },
    ],
  });

  const thread = new Thread(bundle);
  try {
    const { times, coverage } = await thread.ask('survey', 300_000);
    const fastFirst = (list) => list.sort((a, b) => times[a] - times[b]);
    const everyTest = times.map((_, i) => i);
    const tried = [];
    for (const mutant of mutants) {
      const reached = Object.entries(coverage.perTest).filter(([, hits]) => hits[mutant.id] !== undefined);
      const isStatic = coverage.static[mutant.id] !== undefined;
      const hits = reached.reduce((sum, [, of]) => sum + of[mutant.id], coverage.static[mutant.id] ?? 0);
      // The tests that reach it first. What it leaves behind (a table made once) may show in the others, too.
      const first = reached.map(([i]) => Number(i));
      const rest = everyTest.filter((i) => !first.includes(i));
      let status = isStatic || first.length > 0 ? 'Survived' : 'NoCoverage';
      for (const order of [first, rest]) {
        if (status !== 'Survived' || order.length === 0) continue;
        const task = { id: mutant.id, order: fastFirst(order), hitLimit: HITS * (hits + 1) };
        const answer = await thread.ask(task, LOAD_MS, (i) => GRACE_MS + 3 * times[i]);
        if (answer === 'timeout') status = 'Timeout';
        else if (answer) status = 'Killed';
      }
      const [start, end] = [mutant.location.start, mutant.location.end].map(({ line, column }) => ({
        line: line + 1,
        column: column + 1,
      }));
      tried.push({ ...mutant, status, location: { start, end } });
    }
    return { source: content, mutants: tried };
  } finally {
    await thread.end();
  }
}
