// `npm run bench:large`, `npm run bench:large -- --rows 20000000`: publishes of a list that is sorted on disk, of both
// kinds, the first one and one with 1,000 rows changed, in wall time, CPU and memory, and what the disk needs
// meanwhile. No script beside it: `sort` has gigabytes of memory to take.
import {
  closeSync,
  createReadStream,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { domainsOf, KINDS, writeList } from './list.mjs';
import { compare, run, stopRunning } from './measure.mjs';
import { jobDone, machine } from './report.mjs';

const command = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../dist/bin/relaymap-publish.js');
const CHANGED = 1000;

/** A contender that is run as often as `compare` says, the first time without being measured. */
const ours = (name, argv, more) => ({ name, argv, check: published, ...more });

function published(stdout) {
  const { outcome } = JSON.parse(stdout);
  if (outcome !== 'published') throw new Error(`not what was to be published: ${stdout}`);
}

async function bench(kind, rows) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bench-'));
  const at = (...names) => path.join(folder, ...names);
  try {
    writeList(at('list'), rows, kind);
    await run([process.execPath, command, 'keygen', '--out', folder, '--name', 'bench']);
    const top = { name: 'bench', output: at('public'), state_dir: at('state'), keys: [at('bench.key')] };
    const lines = Object.entries(top).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    writeFileSync(at('publish.toml'), `${lines.join('')}[[source]]\ntype = "file"\npath = "${at('list')}"\n`);
    const argv = [process.execPath, command, 'publish', '--config', at('publish.toml'), '--json'];
    const clear = () => ['public', 'state'].forEach((name) => rmSync(at(name), { recursive: true, force: true }));
    const first = ours('the first one', argv, { before: clear });
    const rounds = 1;
    jobDone(`Publish of ${rows} rows, ${kind}`, await compare({ rounds, ours: first, yardstick: null }, folder));
    let round = 0;
    const change = () => changed(at('list'), rows, domainsOf(rows, kind), ++round);
    const next = ours(`${CHANGED} rows changed`, argv, { before: change });
    const measured = await compare({ rounds, ours: next, yardstick: null }, folder);
    const space = await spaceTaken(argv, at('state'), change);
    const note = `the list has ${mib(statSync(at('list')).size)}, its files without a name take ${mib(space)} at most`;
    jobDone(`Publish of ${rows} rows, ${kind}, of which ${CHANGED} changed`, { ...measured, notes: [note] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const mib = (bytes) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Writes the list anew with other people in CHANGED places. */
async function changed(file, rows, domains, round) {
  const fd = openSync(`${file}.new`, 'w');
  const every = Math.floor(rows / CHANGED);
  let [number, text] = [0, ''];
  for await (const line of readline.createInterface({ input: createReadStream(file) })) {
    const isChanged = number++ % every === every - 1 - round;
    text += isChanged ? `new${number}.round${round}@${domains[number % domains.length]}\n` : `${line}\n`;
    if (text.length < 1e6) continue;
    writeSync(fd, text);
    text = '';
  }
  writeSync(fd, text);
  closeSync(fd);
  renameSync(`${file}.new`, file);
}

/** Bytes that a publish has at most in files without a name below the folder. */
async function spaceTaken(argv, folder, prepare) {
  await prepare();
  let most = 0;
  await run(argv, {}, (pid) => {
    most = Math.max(most, namelessBytes(pid, folder));
  });
  return most;
}

function namelessBytes(pid, folder) {
  let sum = 0;
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const name = `/proc/${pid}/fd/${fd}`;
      const link = readlinkSync(name);
      if (link.startsWith(`${folder}/`) && link.endsWith(' (deleted)')) sum += statSync(name).blocks * 512;
    }
  } catch {
    // closed meanwhile, or ended
  }
  return sum;
}

const { values } = parseArgs({ options: { rows: { type: 'string', default: '10000000' } } });
try {
  machine();
  for (const kind of KINDS) await bench(kind, Number(values.rows));
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  await stopRunning();
}
