// `node test/bench/busy.mjs --rows 1000000`: what a daemon's changed cycle does to everything else: how long its
// /healthz is silent, its memory before, at most and afterwards, and how fast Postfix answers RCPT meanwhile; then
// two gateways on one core. Prints JSON. As root.
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { Daemon, serveAlone } from './daemon.mjs';
import { sampleKeys } from './jobs/keys.mjs';
import { startGateway } from './postfix.mjs';
import { Site } from './site.mjs';
import { Stranger } from './stranger.mjs';

/** Milliseconds between two questions. */
const EVERY = 10;

const round = (value) => Math.round(value * 10) / 10;

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const healthz = (port) =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz', agent: false }, (answer) => answer.resume().on('end', resolve)).on(
      'error',
      reject,
    );
  });

/**
 * Asks again and again until told to end. @returns a function that ends it and gives the milliseconds of each
 * answer.
 */
function asking(ask) {
  const times = [];
  const end = new AbortController();
  const all = (async () => {
    while (!end.signal.aborted) {
      const started = performance.now();
      await ask();
      times.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
  })();
  return async () => {
    end.abort();
    await all;
    return times;
  };
}

function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { answers: sorted.length, median: at(0.5), p99: at(0.99), longest: at(1) };
}

/** What is asked while `work` goes on, and how long that takes. Milliseconds. */
async function during(work, port, stranger, keys) {
  let at = 0;
  const ends = { healthz: asking(() => healthz(port)), rcpt: asking(() => stranger.ask(keys[at++ % keys.length])) };
  const started = performance.now();
  await work();
  const ms = Math.round(performance.now() - started);
  return { ms, healthz: spread(await ends.healthz()), rcpt: spread(await ends.rcpt()) };
}

async function busy(rows) {
  const site = new Site();
  const running = [];
  let server = null;
  let postfix = null;
  try {
    await site.open(rows);
    server = await serveAlone(site);
    const port = await freePort();
    const start = async (options) => {
      const daemon = await Daemon.start(site, { url: server.url, ...options });
      running.push(daemon);
      return daemon;
    };
    const daemon = await start({ more: `listen = "127.0.0.1:${port}"\n` });
    const memory = { afterFirstCopy: round(daemon.resident), peakOfFirstCopy: round(daemon.peak) };
    await daemon.poll(30);
    memory.idle = round(daemon.resident);
    chmodSync(site.folder, 0o755);
    chmodSync(site.at('maps'), 0o755);
    postfix = await startGateway(site, site.at('maps'));
    const stranger = await Stranger.connect(postfix.port);
    const { keys } = sampleKeys(site, 1000);
    const quiet = await during(() => new Promise((resolve) => setTimeout(resolve, 5_000)), port, stranger, keys);
    const updates = [];
    for (let i = 0; i < 3; i++) {
      await site.change(100);
      const before = daemon.usage();
      const update = await during(() => daemon.poll(1), port, stranger, keys);
      const after = daemon.usage();
      const cpu = {
        own: round((after.own - before.own) * 1000),
        children: round((after.children - before.children) * 1000),
      };
      updates.push({ ...update, cpu, residentAfter: round(daemon.resident) });
    }
    await daemon.poll(30);
    memory.idleAfterUpdates = round(daemon.resident);
    memory.peak = round(daemon.peak);
    stranger.end();
    await daemon.stop();
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    const under = ['taskset', '-c', '0'];
    const two = [await start({ under, name: '1' }), await start({ under, name: '2' })];
    await site.change(100);
    const started = performance.now();
    await Promise.all(two.map((d) => d.poll(1)));
    const twoOnOneCore = {
      bothUpdatedMs: Math.round(performance.now() - started),
      pollCpuMs: round((await two[0].poll(30)).own * 1000),
    };
    process.stdout.write(`${JSON.stringify({ rows, memory, quiet, updates, twoOnOneCore }, null, 1)}\n`);
  } finally {
    for (const daemon of running) await daemon.stop();
    await postfix?.stop();
    server?.close();
    await site.close();
  }
}

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } });
try {
  await busy(Number(values.rows));
} catch (error) {
  process.stderr.write(`busy: ${error.stack}\n`);
  process.exitCode = 1;
}
