// `npm run bench:fleet -- [--gateways N] [--real N] [--minutes M] [--out FOLDER]`: N gateways at one poll a minute
// against one nginx: what the central side sees, how fast a version spreads, and what happens when it was down;
// against a fleet that polls at second 0. First in simulated time, all gateways; then in real time, `--real` of
// them, each poll a TLS connection of its own. Loopback only.
// `-- --front true`: the same gateways against an nginx that caches a bucket, and what a month costs (needs the
// packages of test/buckets/setup).
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { month } from './fleet/cost.mjs';
import { Bucket, cacheBefore, cacheFigures } from './fleet/front.mjs';
import { Fleet, seeded, ticksOf, WAYS } from './fleet/gateways.mjs';
import { Nginx } from './fleet/nginx.mjs';
import { plots } from './fleet/plots.mjs';
import { RealWorld, SimulatedWorld } from './fleet/worlds.mjs';
import { Site } from './site.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const MINUTE = 60_000;
/**
 * Of the simulated play: a version after 5 min; down for 5 min, with a version meanwhile. Nothing of it at second
 * 0.
 */
const SCRIPT = { length: 30 * MINUTE, published: 320_000, down: 620_000, back: 920_000 };
/** The same of the real play, which has less time. */
const REAL = { published: 80_000, down: 220_000, back: 260_000 };
const ROWS = 10_000;

/** relaymap's own schedule and pace, which are TypeScript. */
async function ownParts(site) {
  const daemon = path.resolve(here, '../../src/gateway/daemon');
  const entryPoints = ['schedule.ts', 'backoff.ts'].map((name) => path.join(daemon, name));
  const outdir = site.at('parts');
  const options = {
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  };
  await build({ entryPoints, outdir, ...options });
  const [{ Schedule }, { Pace, afterTick }] = await Promise.all(
    ['schedule.mjs', 'backoff.mjs'].map((name) => import(pathToFileURL(path.join(outdir, name)).href)),
  );
  return { Schedule, Pace, afterTick };
}

const round = (value, digits = 1) => Number(value.toFixed(digits));

/** Seconds from `since` until a share of the fleet had this version. */
function spread(fleet, count, version, since) {
  const times = fleet.arrivals.get(version) ?? [];
  const at = (share) => {
    const needed = Math.ceil(count * share);
    return times.length < needed ? null : round((times[needed - 1] - since) / 1000);
  };
  return { half: at(0.5), most: at(0.99), all: at(1) };
}

/** Requests a second from one time to another. */
function rate(fleet, from, to) {
  const seconds = Array.from({ length: (to - from) / 1000 }, (_, i) => fleet.requests[from / 1000 + i] ?? 0);
  return { mean: round(seconds.reduce((a, b) => a + b, 0) / seconds.length), peak: Math.max(...seconds) };
}

async function simulated(way, count, parts) {
  const { length, published, down, back } = SCRIPT;
  const world = new SimulatedWorld((ms) => (ms < published ? 1 : ms < down ? 2 : ms < back ? null : 3));
  const fleet = new Fleet(
    count,
    WAYS[way],
    world,
    { ...parts, ticks: await ticksOf(parts, '* * * * *', length / MINUTE) },
    seeded(1),
  );
  await world.play();
  const figures = {
    quiet: rate(fleet, MINUTE, 5 * MINUTE),
    version: spread(fleet, count, 2, published),
    whileDown: rate(fleet, down, back),
    afterDown: rate(fleet, back, length),
    recovered: spread(fleet, count, 3, back),
  };
  return { figures, requests: Array.from(fleet.requests, (n) => n ?? 0), arrivals: fleet.arrivals };
}

function spreadOf(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { median: at(0.5), p99: at(0.99), longest: at(1) };
}

/**
 * A version, and a central side that is down for a while with a version meanwhile.
 * @returns what becomes of it while `cpu` is measured.
 */
const downForAWhile = (site, nginx) => (cpu) => [
  { ms: REAL.published, run: () => site.change(100) },
  {
    ms: REAL.down,
    run: async () => {
      cpu.ended = nginx.cpu() - cpu.before;
      cpu.before = 0;
      await nginx.stop();
      await site.change(100);
    },
  },
  { ms: REAL.back, run: () => nginx.start() },
];

/** Plays for real, with what happens at the central side. `length` in milliseconds. */
async function real(way, count, length, site, nginx, parts, script) {
  const world = new RealWorld(site, nginx.port);
  const { published, back } = REAL;
  const ticks = await ticksOf(parts, '* * * * *', Math.ceil(length / MINUTE));
  const has = await world.current();
  const fleet = new Fleet(count, WAYS[way], world, { ...parts, ticks, has }, seeded(2));
  const [own, cpu] = [process.cpuUsage(), { before: nginx.cpu(), ended: 0 }];
  await world.play(length, script(cpu, fleet));
  const used = process.cpuUsage(own);
  const asked = fleet.requests.reduce((sum, n) => sum + (n ?? 0), 0);
  const answered = world.polls.length;
  if (answered === 0) throw world.lastError;
  const { greeted, unchanged, changed } = world.wire;
  const each = ({ count: n, up, down: got }) => ({
    polls: n,
    bytesUp: n && Math.round(up / n),
    bytesDown: n && Math.round(got / n),
  });
  const versions = {
    version: spread(fleet, count, has.version + 1, published),
    recovered: spread(fleet, count, has.version + 2, back),
  };
  return {
    gateways: count,
    minutes: length / MINUTE,
    asked,
    answered,
    failed: fleet.failures,
    perSecond: { mean: round(asked / (length / 1000)), peak: Math.max(...Array.from(fleet.requests, (n) => n ?? 0)) },
    pollMs: spreadOf(world.polls),
    unchanged: each(unchanged),
    unchangedNewSession: each(greeted),
    changed: each(changed),
    nginxCpuMsPerPoll: round(((cpu.ended + nginx.cpu() - cpu.before) * 1000) / answered, 2),
    clientCpuMsPerPoll: round((used.user + used.system) / 1000 / answered, 2),
    /** How far this machine fell behind the play. */
    latestStartMs: Math.round(world.largestDelay),
    ...versions,
  };
}

/** Bytes of a gateway in a day of a poll a minute and `changes` versions, TLS included, TCP's own not. */
function aDay({ unchanged, changed }, changes = 24) {
  const one = (c) => c.bytesUp + c.bytesDown;
  return { changes, bytes: (1440 - changes) * one(unchanged) + changes * one(changed) };
}

function table(figures) {
  const lines = [['', ...Object.keys(WAYS)]];
  const add = (name, value) =>
    lines.push([name, ...Object.keys(WAYS).map((way) => String(value(figures.simulated[way])))]);
  const seconds = ({ half, most, all }) => [half, most, all].map((s) => (s === null ? 'never' : `${s} s`)).join(' / ');
  add('requests a second, mean / peak', (f) => `${f.quiet.mean} / ${f.quiet.peak}`);
  add('a version reaches 50 % / 99 % / all after', (f) => seconds(f.version));
  add('while down, a second, mean / peak', (f) => `${f.whileDown.mean} / ${f.whileDown.peak}`);
  add('after it is back, a second, peak', (f) => f.afterDown.peak);
  add('back: 50 % / 99 % / all have the version after', (f) => seconds(f.recovered));
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function bench({ gateways, share, minutes, out }) {
  const site = new Site();
  let nginx = null;
  try {
    await site.open(ROWS);
    const parts = await ownParts(site);
    const played = {};
    for (const way of Object.keys(WAYS)) played[way] = await simulated(way, gateways, parts);
    nginx = await Nginx.open(site.at('nginx'), site.at('public'), {
      cert: site.at('tls.pem'),
      key: site.at('tls.key'),
    });
    const ours = await real('ours', share, minutes * MINUTE, site, nginx, parts, downForAWhile(site, nginx));
    const fixed = await real('fixed', share, 2.5 * MINUTE, site, nginx, parts, () => []);
    const figures = {
      gateways,
      simulated: Object.fromEntries(Object.keys(WAYS).map((way) => [way, played[way].figures])),
      real: { ours, fixed },
      day: aDay(ours),
    };
    process.stdout.write(`${JSON.stringify(figures, null, 1)}\n\n${table(figures)}\n`);
    if (out !== undefined) {
      mkdirSync(out, { recursive: true });
      for (const [name, svg] of Object.entries(plots(played, gateways, SCRIPT)))
        writeFileSync(path.join(out, name), svg);
    }
  } finally {
    await nginx?.stop();
    await site.close();
  }
}

/** Of the play before a bucket: two versions, each put into the bucket as soon as it is made. */
const CHANGES = [REAL.published, 200_000];
/** Polls and versions a day, and the caches of a delivery network. */
const MONTHS = {
  'a poll a minute': { polls: 1440, versions: 24, edges: 400 },
  'a poll in five minutes': { polls: 288, versions: 24, edges: 400 },
};
const FLEETS = [1e3, 1e5, 1e6];

async function benchFront({ share, minutes }) {
  const site = new Site();
  let [bucket, nginx] = [null, null];
  try {
    await site.open(ROWS);
    const parts = await ownParts(site);
    bucket = await Bucket.open(site.at('parts'));
    await bucket.fill(site.at('public'));
    const tls = { cert: site.at('tls.pem'), key: site.at('tls.key') };
    nginx = await cacheBefore(site.at('nginx'), bucket, tls);
    const change = async () => {
      await site.change(100);
      await bucket.fill(site.at('public'));
    };
    const script = () => CHANGES.map((ms) => ({ ms, run: change }));
    const { recovered: _, ...played } = await real('ours', share, minutes * MINUTE, site, nginx, parts, script);
    await nginx.stop(); // writes down the rest
    const cache = cacheFigures(site.at('nginx'));
    // A manifest lasts ten seconds, whoever asks.
    const edge = { manifest: 6, blobs: round((cache.blobs?.atBucket ?? 0) / CHANGES.length, 2) };
    const each = { unchanged: played.unchanged.bytesDown, changed: played.changed.bytesDown };
    const months = Object.fromEntries(
      Object.entries(MONTHS).map(([name, play]) => [
        name,
        Object.fromEntries(FLEETS.map((count) => [count, month(count, each, edge, play)])),
      ]),
    );
    process.stdout.write(`${JSON.stringify({ played, cache, months }, null, 1)}\n`);
  } finally {
    await nginx?.stop();
    await bucket?.stop();
    await site.close();
  }
}

function asked() {
  const options = { gateways: '10000', real: '', minutes: '6', out: '', front: '' };
  const { values } = parseArgs({
    options: Object.fromEntries(
      Object.entries(options).map(([name, value]) => [name, { type: 'string', default: value }]),
    ),
  });
  const whole = (name, least, most) => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new Error(`--${name} ${values[name]}: a whole number from ${least} to ${most}`);
  };
  const gateways = whole('gateways', 10, 100_000);
  const share = values.real === '' ? gateways : whole('real', 10, gateways);
  return {
    gateways,
    share,
    minutes: whole('minutes', 6, 60),
    out: values.out === '' ? undefined : values.out,
    front: values.front !== '',
  };
}

try {
  const wanted = asked();
  await (wanted.front ? benchFront(wanted) : bench(wanted));
} catch (error) {
  process.stderr.write(`fleet: ${error.message}\n`);
  process.exit(1);
}
