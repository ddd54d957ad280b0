// `node test/bench/day.mjs`: two days of unchanged polls (2880) of one `relaymap run`, speeded up by SIGUSR2.
// Prints the curve of its resident memory and the CPU of a poll, children included, and fails if the second day
// adds to the first. Loopback only.
import { parseArgs } from 'node:util';
import { Daemon, serveAlone } from './daemon.mjs';
import { Site } from './site.mjs';

/** MiB that the last quarter may lie above the one before. */
const GROWTH = 4;

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
    server = await serveAlone(site);
    daemon = await Daemon.start(site, { url: server.url, more: `textfile = "${site.at('relaymap.prom')}"\n` });
    const samples = [];
    const done = await daemon.poll(polls, (n) => {
      if (n >= samples.length * (polls / 48)) samples.push({ polls: n, resident: daemon.resident });
    });
    process.stdout.write(`${curve(samples).join('\n')}\n`);
    const quarter = samples.length / 4;
    const growth = mean(samples.slice(-quarter)) - mean(samples.slice(-2 * quarter, -quarter));
    process.stdout.write(
      `${polls} polls, ${rows} rows: ${(done.own * 1000).toFixed(1)} ms CPU a poll and ${(done.children * 1000).toFixed(1)} ms of its children; ` +
        `last quarter against the one before: ${growth.toFixed(1)} MiB\n`,
    );
    if (growth > GROWTH) throw new Error(`it grows: ${growth.toFixed(1)} MiB`);
  } finally {
    await daemon?.stop();
    server?.close();
    await site.close();
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
