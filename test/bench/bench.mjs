// `npm run bench`, `npm run bench -- --rows 1000000`: relaymap's work against what would do it otherwise, in the same run on the
// same machine. Prints goals and measurements side by side and fails on no time; fails if a job is not done. Loopback only.
import { parseArgs } from 'node:util';
import * as firstCopy from './jobs/first-copy.mjs';
import * as health from './jobs/health.mjs';
import * as publish from './jobs/publish.mjs';
import * as unchanged from './jobs/unchanged.mjs';
import * as update from './jobs/update.mjs';
import { stopRunning } from './measure.mjs';
import { jobDone, machine, published, summary } from './report.mjs';
import { missingPackages } from './requirements.mjs';
import { Site } from './site.mjs';

/** In this order: each finds the gateway as the one before has left it. */
const JOBS = [firstCopy, unchanged, health, update, publish];

function rowsAsked() {
  const { values } = parseArgs({ options: { rows: { type: 'string', default: '100000' } } });
  const rows = Number(values.rows);
  if (Number.isInteger(rows) && rows >= 1000 && rows <= 20_000_000) return rows;
  throw new Error(`--rows ${values.rows}: a whole number from 1000 to 20000000`);
}

async function bench(site, rows) {
  machine();
  await site.open(rows);
  published(site.manifest().tables.recipients);
  const done = [];
  for (const { work, title, goal, measure } of JOBS) {
    const measured = await measure(site);
    jobDone(title, measured);
    done.push({ work, measured, goal });
  }
  summary(done);
}

async function main() {
  const rows = rowsAsked();
  const missing = missingPackages();
  if (missing.length > 0) throw new Error(`packages of Debian are missing: apt-get install ${missing.join(' ')}`);
  const site = new Site();
  const stopped = new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => reject(new Error(signal)));
  });
  try {
    const work = bench(site, rows);
    work.catch(() => undefined); // after a signal nobody waits for it any more
    await Promise.race([work, stopped]);
  } finally {
    await stopRunning();
    await site.close();
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exit(1);
}
