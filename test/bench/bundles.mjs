// `npm run bench:bundles -- [--bundles N] [--rows N] [--total 5m]`: one gateway with 1,000 bundles of 1,000 rows.
// Version 1 of all is honest. Then each has a version 2, and ten are hostile, each in a way of its own. Says after how
// many seconds how many of the others are live in the maps, with how much memory, and what becomes of the hostile ones.
// Loopback only.
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const relaymap = path.resolve(here, '../../dist/bin/relaymap.cjs');
const { values } = parseArgs({
  options: {
    bundles: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '1000' },
    total: { type: 'string', default: '5m' },
  },
});
const COUNT = Number(values.bundles);
const ROWS = Number(values.rows);

const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bundles-'));
chmodSync(dir, 0o755);
const at = (...names) => path.join(dir, ...names);

/** The tests' own publisher, which can lie, and their certificates: TypeScript. */
async function supportParts() {
  const entryPoints = ['forger', 'endpoint', 'colliding'].map((name) => path.resolve(here, `../support/${name}.ts`));
  const options = { bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' } };
  await build({ entryPoints, outdir: at('parts'), logLevel: 'warning', ...options });
  const [forger, endpoint, colliding] = await Promise.all(
    entryPoints.map((file) => import(pathToFileURL(at('parts', `${path.basename(file, '.ts')}.mjs`)).href)),
  );
  return { ...forger, ...endpoint, ...colliding };
}

const { Forger, SigningKey, authority, certificate, colliding, CDB, fnv } = await supportParts();
const rowsOf = (name) => Array.from({ length: ROWS }, (_, i) => `person${i}@${name}.example`);
/** One row more than version 1 has. */
const nextRowsOf = (name) => [...rowsOf(name), `new@${name}.example`];
const drip = (response, every) => {
  const timer = setInterval(() => response.write(' '), every);
  response.on('close', () => clearInterval(timer));
};

/** `publish` puts a bundle's files in place; `answer` takes the server's place, and is true where it answered. */
const HOSTILE = {
  'a mirror that drips': {
    answer: (_file, response) => {
      response.writeHead(200, { 'content-length': 100_000 });
      drip(response, 1000);
      return true;
    },
  },
  'a name that does not resolve': { url: () => 'https://nobody-has-this-name.invalid/' },
  'rows of one cdb hash': { publish: (forger) => forger.publish(colliding(CDB, 16, '', `@${forger.name}.example`)) },
  'a gzip bomb within the limits': {
    publish: (forger) => forger.publish([], { text: Buffer.alloc(100_000_000, `a@${forger.name}.example\n`) }),
  },
  'a manifest from the future': {
    publish: (forger) => forger.publish(nextRowsOf(forger.name), { created: Date.now() + 30 * 86_400_000 }),
  },
  'two lists under one version': {
    publish: (forger) => forger.publish(nextRowsOf(forger.name)),
    // One of two origins gives another list than the other.
    mirror: (forger) => forger.publish(nextRowsOf(forger.name).slice(1), { version: 2 }),
  },
  'a signature of a stranger': {
    publish: (forger) => forger.publish(nextRowsOf(forger.name), { signers: [new SigningKey()] }),
  },
  'a body without an end': {
    publish: (forger) => forger.publish(nextRowsOf(forger.name)),
    answer: (file, response) => {
      if (file === 'manifest.json') return false;
      response.writeHead(200);
      const more = () => response.write(Buffer.alloc(65_536)) && setImmediate(more);
      response.on('drain', more);
      more();
      return true;
    },
  },
  '65,536 domains of one hash': {
    publish: (forger) => forger.publish(colliding(fnv(0x811c9dc5), 16, 'a@', '.example')),
  },
  'a redirect': {
    answer: (_file, response, url) => {
      response.writeHead(302, { location: `${url}manifest.json` }).end();
      return true;
    },
  },
};

const ways = Object.entries(HOSTILE);
const bundles = Array.from({ length: COUNT }, (_, i) => {
  const name = `b${i}`;
  // Spread among the others: the hostile ones stand neither first nor last.
  const place = i / (COUNT / ways.length) - 0.5;
  const [what, way] = Number.isInteger(place) ? ways[place] : [null, {}];
  return { name, what, way, forger: new Forger(name) };
});
const files = new Map();
const put = (folder, forger) => {
  for (const [file, bytes] of forger.files) files.set(`/${folder}/${file}`, bytes);
};
for (const { name, forger } of bundles) {
  forger.publish(rowsOf(name));
  put(name, forger);
  put(`${name}-mirror`, forger);
}
let isHostile = false;
function becomeHostile() {
  isHostile = true;
  for (const { name, way, forger } of bundles) {
    if (way.publish !== undefined) way.publish(forger);
    else forger.publish(nextRowsOf(name));
    put(name, forger);
    way.mirror?.(forger);
    put(`${name}-mirror`, forger);
  }
}

let open = 0;
let most = 0;
const byName = new Map(bundles.map((bundle) => [bundle.name, bundle]));
const server = createServer(certificate('good'), (request, response) => {
  const [, name, file] = /^\/([^/]+)\/(.*)$/.exec(request.url) ?? [];
  if (isHostile && byName.get(name)?.way.answer?.(file, response, `${base}${name}/elsewhere/`) === true) return;
  const bytes = files.get(request.url);
  response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
});
server.on('connection', (socket) => {
  most = Math.max(most, ++open);
  socket.on('close', () => open--);
});
await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
const base = `https://127.0.0.1:${server.address().port}/`;

for (const folder of ['state', 'maps', 'keys']) mkdirSync(at(folder));
writeFileSync(at('ca.pem'), authority().cert);
let toml = `state_dir = ${JSON.stringify(at('state'))}\nmap_dir = ${JSON.stringify(at('maps'))}\n`;
for (const { name, way, forger } of bundles) {
  mkdirSync(at('keys', name));
  writeFileSync(at('keys', name, '0.pub'), forger.signers[0].publicPem);
  const urls = [`${base}${name}/`];
  if (way.mirror !== undefined) urls.push(`${base}${name}-mirror/`);
  const domains = [`${name}.example`];
  const table = { name, urls, keys: at('keys', name), ca_file: at('ca.pem'), domains };
  const lines = Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
  toml += `\n[[bundle]]\n${lines.join('')}`;
}
toml += `\n[limits]\ntotal_timeout = "${values.total}"\n`;
writeFileSync(at('relaymap.toml'), toml);

/** One command under GNU time. @returns its stdout, seconds, and the largest process in MiB. */
async function timed(...args) {
  const started = performance.now();
  const argv = ['-q', '-f', '%M', '-o', at('peak'), process.execPath, relaymap, ...args];
  const stdout = await new Promise((resolve) => {
    execFile('/usr/bin/time', argv, { maxBuffer: 1 << 28 }, (_error, out, err) => resolve(out === '' ? err : out));
  });
  return {
    stdout,
    seconds: (performance.now() - started) / 1000,
    peak: Number(readFileSync(at('peak'), 'utf8')) / 1024,
  };
}

const load = () =>
  os
    .loadavg()
    .map((n) => n.toFixed(1))
    .join(' ');
try {
  const good = bundles.filter(({ what }) => what === null);
  console.log(`${os.cpus().length} cores, load ${load()}, Node ${process.version}`);
  const first = await timed('fetch', '--json', '--config', at('relaymap.toml'));
  if (JSON.parse(first.stdout).outcome !== 'installed') throw new Error(first.stdout.slice(0, 2000));
  console.log(
    `all honest, first fetch: ${first.seconds.toFixed(1)} s, peak ${first.peak.toFixed(0)} MiB, load ${load()}`,
  );
  becomeHostile();
  for (const { name, way } of bundles)
    if (way.url !== undefined) toml = toml.replace(`"${base}${name}/"`, `"${way.url()}"`);
  writeFileSync(at('relaymap.toml'), toml);
  const started = performance.now();
  let seen = statSync(at('maps', 'relay_recipients')).ino;
  const looks = setInterval(() => {
    const { ino } = statSync(at('maps', 'relay_recipients'));
    if (ino === seen) return;
    seen = ino;
    const live = new Set(readFileSync(at('maps', 'relay_recipients'), 'latin1').match(/^new@[^.]+/gm) ?? []);
    const current = good.filter(({ name }) => live.has(`new@${name}`)).length;
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`after ${seconds} s: ${current} of ${good.length} are live, load ${load()}`);
  }, 100);
  const { stdout, seconds, peak } = await timed('fetch', '--json', '--config', at('relaymap.toml'));
  clearInterval(looks);
  console.log(
    `the fetch ended after ${seconds.toFixed(1)} s, peak ${peak.toFixed(0)} MiB, ${most} connections at most`,
  );
  const report = JSON.parse(stdout);
  const told = new Map(report.bundles.map((bundle) => [bundle.name, bundle]));
  for (const { name, what } of bundles.filter((bundle) => bundle.what !== null)) {
    const { outcome, code, version, ms, message } = told.get(name) ?? {};
    console.log(`  ${what}: ${outcome} ${code ?? ''} version ${version} ${ms} ms ${(message ?? '').slice(0, 110)}`);
  }
  const codes = good.map(({ name }) => told.get(name)?.code).filter((code) => code !== null);
  if (codes.length > 0) console.log(`  of the others: ${[...new Set(codes)].join(', ')}`);
} finally {
  server.close();
  server.closeAllConnections();
  rmSync(dir, { recursive: true });
}
