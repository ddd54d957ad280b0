// `npm run fuzz -- [--seconds N] [--seed N] [--more] [TARGET...]`: builds the parsers with counters in them and
// lets the fuzzer at them, in one worker that is watched: an input that holds it up for too long is kept, and the
// worker begins again. --more adds to last-run.json.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createHash } from 'node:crypto';
import { build } from 'esbuild';
import { BANNER, instrumented } from './instrument.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    more: { type: 'boolean', default: false },
  },
});

const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap fuzzing-'));
process.env.TMPDIR = folder; // the targets' own files go the same way
const ended = () => rmSync(folder, { recursive: true, force: true });
process.on('exit', ended);
/** Set by a signal: the run ends early, in order. */
let [stopped, stop] = [false, () => undefined];
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    stopped = true;
    stop();
  });

const { plugin, found } = instrumented(/[\\/]src[\\/].*\.ts$|[\\/]smol-toml[\\/].*\.js$/);
const bundle = (name, entry, plugins) =>
  build({
    entryPoints: [path.join(here, entry)],
    outfile: path.join(folder, name),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
    external: ['pg-native', 'supports-color'],
    plugins,
    banner: {
      js: `import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);${plugins.length > 0 ? BANNER : ''}`,
    },
  });
await bundle('engine.mjs', 'engine.ts', [plugin]);
await bundle('targets.mjs', 'targets.ts', []);
const { TARGETS } = await import(pathToFileURL(path.join(folder, 'targets.mjs')).href);
const names = TARGETS.map(({ name }) => name);
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exit(2);
}
const targets = positionals.length > 0 ? positionals : names;
const seconds = Number(values.seconds);
const started = Date.now();
const crashes = path.join(here, 'crashes');
console.log(`${targets.length} targets, ${found.edges} branches, ${seconds} s, seed ${values.seed}`);

/** Milliseconds without a new run: nothing that is read from outside may hold the process up for so long. */
const HUNG = 30_000;
let faults = 0;
let tallies = {};
/** What workers that were ended had done. */
let before = {};
const none = { executions: 0, edges: 0, corpus: 0, crashes: 0 };
const summed = (a, b) => {
  const all = { ...a };
  for (const [name, { executions, edges, corpus, crashes: c, ms }] of Object.entries(b)) {
    const old = all[name] ?? { ...none, ms: 0 };
    all[name] = {
      executions: old.executions + executions,
      edges: Math.max(old.edges, edges),
      corpus: Math.max(old.corpus, corpus),
      crashes: old.crashes + c,
      ms: (old.ms ?? 0) + (ms ?? 0),
    };
  }
  return all;
};

function kept(name, input, why) {
  const file = createHash('sha256').update(input).digest('hex').slice(0, 16);
  mkdirSync(path.join(crashes, name), { recursive: true });
  writeFileSync(path.join(crashes, name, file), input);
  console.log(`\n${name}: ${why}\n  test/fuzz/crashes/${name}/${file}`);
  faults++;
}

/** One worker's life. @returns whether it came to its end. */
function live(left, seed) {
  return new Promise((resolve) => {
    const seen = new SharedArrayBuffer(16 + (1 << 16));
    const [head, body] = [new Int32Array(seen, 0, 4), new Uint8Array(seen, 16)];
    const input = () => [names[head[1]], Buffer.from(body.subarray(0, head[2]))];
    const worker = new Worker(path.join(folder, 'engine.mjs'), {
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
      workerData: {
        targets,
        seconds: left,
        seed,
        edges: found.edges,
        words: [...found.words],
        corpus: path.join(here, 'corpus'),
        working: path.join(here, 'working'),
        crashes,
        seen,
      },
    });
    stop = () => Atomics.store(head, 3, 1);
    if (stopped) stop();
    let [last, since, done] = [-1, Date.now(), false];
    const watch = setInterval(() => {
      if (head[0] !== last) [last, since] = [head[0], Date.now()];
      else if (Date.now() - since > HUNG) {
        kept(...input(), `hung for ${HUNG / 1000} s`);
        tallies = summed(tallies, { [input()[0]]: { ...none, crashes: 1 } });
        void worker.terminate();
      }
    }, 1000);
    worker.on('message', (message) => {
      if (message.tallies) ({ tallies } = message);
      if (message.fault) {
        const { target, file, stack } = message.fault;
        console.log(`\n${target}: ${stack}\n  test/fuzz/crashes/${target}/${file}`);
        faults++;
      }
      if (message.stray) kept(...input(), `a rejection that nobody heard: ${message.stray}`);
      if (message.ends) clearInterval(watch); // nothing is run any more, only written
      if (message.done) done = true;
    });
    worker.on('error', (error) => kept(...input(), `the worker ended: ${error.stack ?? error}`));
    worker.on('exit', () => {
      clearInterval(watch);
      before = summed(before, tallies);
      tallies = {};
      resolve(done);
    });
  });
}

const tick = setInterval(() => {
  const all = Object.values(summed(before, tallies));
  const sum = (key) => all.reduce((total, each) => total + each[key], 0);
  const passed = Math.round((Date.now() - started) / 1000);
  console.log(
    `${passed} s: ${sum('executions')} executions, ${sum('edges')} edges, ${sum('corpus')} inputs, ${faults} faults`,
  );
}, 60_000);
const soFar = () => Object.values(before).reduce((sum, { executions }) => sum + executions, 0);
for (let seed = Number(values.seed); ; seed++) {
  const left = seconds - (Date.now() - started) / 1000;
  if ((left <= 0 || stopped) && seed > Number(values.seed)) break;
  const known = soFar();
  if (await live(Math.max(1, left), seed)) break;
  // A worker that runs nothing would be started again for ever.
  if (soFar() === known) process.exit(2);
}
clearInterval(tick);

const passed = (Date.now() - started) / 1000;
const all = Object.fromEntries(Object.entries(before).sort(([a], [b]) => (a < b ? -1 : 1)));
console.log('\ntarget               executions   exec/s    edges  inputs  faults');
for (const [name, { executions, edges, corpus, crashes: c, ms }] of Object.entries(all)) {
  const rate = Math.round(executions / Math.max(1, ms / 1000));
  console.log(
    `${name.padEnd(18)} ${String(executions).padStart(12)} ${String(rate).padStart(8)} ${String(edges).padStart(8)} ${String(corpus).padStart(7)} ${String(c).padStart(7)}`,
  );
}
function head() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return '-'; // an unpacked archive
  }
}
const record = path.join(here, 'last-run.json');
let older = { seconds: 0, targets: {} };
try {
  older = JSON.parse(readFileSync(record, 'utf8'));
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
const told = Object.entries(values.more ? summed(older.targets, all) : all);
for (const [name, tally] of told) {
  delete tally.ms;
  // Those of an earlier run that are mended by now are none any more.
  tally.crashes = all[name]?.crashes ?? tally.crashes;
}
const summary = {
  date: new Date(started).toISOString(),
  commit: head(),
  seconds: Math.round(passed) + (values.more ? older.seconds : 0),
  targets: { ...(positionals.length > 0 ? older.targets : {}), ...Object.fromEntries(told) },
};
writeFileSync(record, `${JSON.stringify(summary, null, 2)}\n`);
process.exitCode = faults > 0 ? 1 : 0;
