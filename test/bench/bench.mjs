// `npm run bench`, `npm run bench -- --rows 10000000`: relaymap's work against what would do it otherwise, in the
// same run on the same machine. Prints goals and measurements side by side and fails on no time; fails if a job is
// not done. `npm run bench -- --write` puts the table into docs/performance.md (page.mjs). Loopback only. First copy
// and update are measured with both kinds of list (list.mjs). For a list of more than TOO_MANY rows only what grows
// with it is measured, without the scripts, and a tenth of the rows before it: is ten times the list ten times the
// work?
import { parseArgs } from 'node:util';
import * as daemon from './jobs/daemon.mjs';
import * as firstCopy from './jobs/first-copy.mjs';
import * as health from './jobs/health.mjs';
import * as postmapQuery from './jobs/postmap-query.mjs';
import * as publish from './jobs/publish.mjs';
import { TOO_MANY } from './jobs/script.mjs';
import * as smtpd from './jobs/smtpd.mjs';
import * as unchanged from './jobs/unchanged.mjs';
import * as update from './jobs/update.mjs';
import { stopRunning } from './measure.mjs';
import { writeTable } from './page.mjs';
import { growth, jobDone, machine, published, summary, table } from './report.mjs';
import { missingPackages } from './requirements.mjs';
import { Site } from './site.mjs';

/** In this order: each finds the gateway as the one before has left it. */
const JOBS = [firstCopy, unchanged, health, update, daemon, postmapQuery, smtpd, publish];

const GROWING = [firstCopy, update];

const MILLION = 1_000_000;

function asked() {
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: String(MILLION) }, write: { type: 'boolean', default: false } },
  });
  const rows = Number(values.rows);
  if (!Number.isInteger(rows) || rows < 1000 || rows > 20_000_000)
    throw new Error(`--rows ${values.rows}: a whole number from 1000 to 20000000`);
  if (values.write && rows !== MILLION) throw new Error('--write: the table on the page is of a million rows');
  return { rows, write: values.write };
}

async function bench(rows, jobs, kind = 'organisation') {
  const site = new Site();
  open.add(site);
  await site.open(rows, kind);
  published(site);
  const done = [];
  for (const { work, title, goal, measure } of jobs) {
    const measured = await measure(site);
    jobDone(title, measured);
    const name = GROWING.some((job) => job.work === work) ? `${work}, ${kind}` : work;
    done.push({ work: name, measured, goal: typeof goal === 'function' ? goal(rows, kind) : goal });
  }
  await site.close();
  open.delete(site);
  return done;
}

/** Sites that are not closed yet. */
const open = new Set();

async function run({ rows, write }) {
  const began = performance.now();
  const where = machine();
  if (rows > TOO_MANY) {
    const tenth = await bench(Math.round(rows / 10), GROWING);
    const whole = await bench(rows, GROWING);
    summary(table([...tenth, ...whole]));
    return growth(tenth, whole);
  }
  const found = table([...(await bench(rows, JOBS)), ...(await bench(rows, GROWING, 'provider'))]);
  summary(found);
  const minutes = Number(((performance.now() - began) / 60_000).toFixed(1));
  process.stdout.write(`\n${minutes} minutes\n`);
  if (write) await writeTable({ ...where, minutes, table: found });
}

async function main() {
  const wanted = asked();
  const missing = missingPackages();
  if (missing.length > 0) throw new Error(`packages of Debian are missing: apt-get install ${missing.join(' ')}`);
  const stopped = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => reject(new Error(signal)));
  });
  try {
    const work = run(wanted);
    work.catch(() => undefined); // after a signal nobody waits for it any more
    await Promise.race([work, stopped]);
  } finally {
    await stopRunning();
    for (const site of open) await site.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exit(1);
}
