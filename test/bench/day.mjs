// `node test/bench/day.mjs`: two days of unchanged polls (2880) of one `relaymap run`, speeded up by SIGUSR2. Prints the curve of its resident
// memory and the CPU of a poll, children included, and fails if the second day adds to the first. Loopback only.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Site } from './site.mjs';

const TICK = 1 / Number(process.env.CLK_TCK ?? 100);
/** As the service's unit has it: a nursery of 1 MiB and early collections; without them V8 lets 40 MiB of garbage lie about. */
const FLAGS = ['--max-semi-space-size=1', '--initial-heap-size=16', '--heap-growing-percent=20'];
/** MiB that the last quarter may lie above the one before. */
const GROWTH = 4;

const status = (pid, name) =>
  Number(new RegExp(`^${name}:\\s+([0-9]+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** CPU seconds of the process and of its children that have ended. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  return { own: (fields[11] + fields[12]) * TICK, ended: (fields[13] + fields[14]) * TICK };
}

/** Resident MiB, CPU seconds of the process, and those of all its children. */
function usage(pid) {
  const { own, ended } = cpu(pid);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  const living = children.map(cpu).reduce((sum, c) => sum + c.own + c.ended, 0);
  return { resident: status(pid, 'VmRSS') / 1024, own, children: ended + living };
}

/** The published files, each over a connection of its own: with a minute between two polls none lasts. */
async function serve(site) {
  const tls = { key: readFileSync(site.at('tls.key')), cert: readFileSync(site.at('tls.pem')) };
  const server = createServer(tls, (request, response) => {
    const body = readFileSync(path.join(site.at('public'), path.posix.normalize(request.url)));
    const fresh = request.headers['if-none-match'] === '"one"';
    response.writeHead(fresh ? 304 : 200, { etag: '"one"', connection: 'close' }).end(fresh ? undefined : body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const toml = readFileSync(site.at('relaymap.toml'), 'utf8');
  writeFileSync(site.at('relaymap.toml'), toml.replace(site.url, `https://127.0.0.1:${server.address().port}/`));
  return server;
}

const cyclesOf = (site) => {
  const { counters } = JSON.parse(readFileSync(site.at('state/status.json'), 'utf8'));
  return counters.cycles.reduce((sum, c) => sum + c.count, 0);
};

/** Asks for `polls` cycles, one after the other. @returns samples `{ polls, resident }`, and the CPU of all. */
async function poll(site, daemon, polls) {
  const first = cyclesOf(site);
  const before = usage(daemon.pid);
  const samples = [];
  let asked = 0;
  for (let done = 0; done < polls; done = cyclesOf(site) - first) {
    // A signal during a cycle means one more after it: never more than one ahead.
    if (asked <= done) {
      daemon.kill('SIGUSR2');
      asked = done + 1;
    }
    if (done >= samples.length * (polls / 48)) samples.push({ polls: done, resident: usage(daemon.pid).resident });
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
    await sleep(3);
  }
  const after = usage(daemon.pid);
  return { samples, own: (after.own - before.own) / polls, children: (after.children - before.children) / polls };
}

function curve(samples) {
  const most = Math.max(...samples.map((s) => s.resident));
  return samples.map(({ polls, resident }) => {
    const hour = `${String(Math.floor(polls / 60)).padStart(2, '0')}:${String(polls % 60).padStart(2, '0')}`;
    return `${hour}  ${resident.toFixed(1).padStart(6)} MiB  ${'#'.repeat(Math.round((resident / most) * 50))}`;
  });
}

const mean = (list) => list.reduce((sum, s) => sum + s.resident, 0) / list.length;

async function day(polls, rows) {
  const site = new Site();
  let daemon = null;
  let server = null;
  try {
    await site.open(rows);
    server = await serve(site);
    appendFileSync(site.at('relaymap.toml'), '[schedule]\ncron = "0 0 1 1 *"\n[health]\n');
    appendFileSync(site.at('relaymap.toml'), `textfile = "${site.at('relaymap.prom')}"\n`);
    const [program, ...args] = site.relaymap('run', '--config', site.at('relaymap.toml'));
    daemon = spawn(program, [...FLAGS, ...args], {
      env: { ...process.env, ...site.env },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await installed(site, daemon);
    const done = await poll(site, daemon, polls);
    process.stdout.write(`${curve(done.samples).join('\n')}\n`);
    const quarter = done.samples.length / 4;
    const growth = mean(done.samples.slice(-quarter)) - mean(done.samples.slice(-2 * quarter, -quarter));
    process.stdout.write(
      `${polls} polls, ${rows} rows: ${(done.own * 1000).toFixed(1)} ms CPU a poll and ${(done.children * 1000).toFixed(1)} ms of its children; ` +
        `last quarter against the one before: ${growth.toFixed(1)} MiB\n`,
    );
    if (growth > GROWTH) throw new Error(`it grows: ${growth.toFixed(1)} MiB`);
  } finally {
    if (daemon !== null && daemon.exitCode === null) {
      const closed = new Promise((resolve) => daemon.once('close', resolve));
      daemon.kill('SIGTERM');
      await closed;
    }
    server?.close();
    server?.closeAllConnections();
    await site.close();
  }
}

async function installed(site, daemon) {
  for (;;) {
    if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
    try {
      if (cyclesOf(site) > 0) return;
    } catch {
      // no report yet
    }
    await sleep(20);
  }
}

const { values } = parseArgs({
  options: { polls: { type: 'string', default: '2880' }, rows: { type: 'string', default: '10000' } },
});
try {
  await day(Number(values.polls), Number(values.rows));
} catch (error) {
  process.stderr.write(`day: ${error.message}\n`);
  process.exitCode = 1;
}
