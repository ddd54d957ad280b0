// `npm run bench:alternatives`, `npm run bench:alternatives -- --rows 100000`: what a postmaster would use instead of a
// list that is fetched: tables in LDAP, PostgreSQL and MariaDB, and probes of the primary, in one run on this host.
// Prints what was measured; with `--write` it goes into docs/performance.md with its picture, and `--draw` makes both
// anew from the figures of the last run. As root, on loopback only, with these packages of Debian:
//   postfix postfix-cdb postfix-lmdb postfix-ldap postfix-pgsql postfix-mysql slapd postgresql mariadb-server openssl
import { parseArgs } from 'node:util';
import os from 'node:os';
import { run, stopRunning } from '../measure.mjs';
import { machine } from '../report.mjs';
import { rates } from './rates.mjs';
import { readFigures, text, write } from './report.mjs';
import { obstacle } from './requirements.mjs';
import { troubles } from './troubles.mjs';
import { World } from './world.mjs';

/** Minutes after which a run is given up. */
const LIMIT = 25;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    clients: { type: 'string', default: '16' },
    seconds: { type: 'string', default: '5' },
    write: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false },
  },
});
const say = (line) => process.stdout.write(`${line}\n`);

function number(name, least, most) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} ${values[name]}: a whole number from ${least} to ${most}`);
}

async function measure(world) {
  const settings = { clients: number('clients', 1, 64), seconds: number('seconds', 1, 60) };
  const rows = number('rows', 1000, 10_000_000);
  const from = performance.now();
  const begun = { date: new Date().toISOString().slice(0, 10), load: Number(os.loadavg()[0].toFixed(1)) };
  machine();
  await world.open(rows);
  say(`${rows} rows; seconds to load them: ${JSON.stringify(world.timings)}`);
  const found = { rows, ...settings, ...begun, postfix: await version(world), cores: os.cpus().length };
  found.cpu = os.cpus()[0]?.model.trim();
  found.rates = await rates(world, settings, (one) => say(JSON.stringify(one)));
  found.troubles = await troubles(world, (one) => say(JSON.stringify(one)));
  found.minutes = Number(((performance.now() - from) / 60_000).toFixed(1));
  return found;
}

async function version(world) {
  return (await run(['postconf', '-dh', 'mail_version'], world.site.env)).stdout.trim();
}

async function main() {
  if (values.draw) return await write(readFigures());
  const why = obstacle();
  if (why !== undefined) throw new Error(why);
  const world = new World();
  let timer;
  const stopped = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => reject(new Error(signal)));
    timer = setTimeout(() => reject(new Error(`not done in ${LIMIT} minutes`)), LIMIT * 60_000);
  });
  try {
    const work = measure(world);
    work.catch(() => undefined); // after a signal nobody waits for it any more
    const found = await Promise.race([work, stopped]);
    say(`\n${text(found)}`);
    if (values.write) await write(found);
  } finally {
    clearTimeout(timer);
    await stopRunning();
    await world.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench:alternatives: ${error.stack}\n`);
  process.exitCode = 1;
}
