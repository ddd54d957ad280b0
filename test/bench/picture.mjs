// `npm run bench:picture`, `npm run bench:picture -- --most 10000000`: measures a first copy and an update from a
// thousand rows up, and where the time of a first copy of a million goes; writes docs/performance.json and, by
// Debian's gnuplot-nox, the two pictures beside it.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gnuplot, svg } from './gnuplot.mjs';
import * as firstCopy from './jobs/first-copy.mjs';
import * as update from './jobs/update.mjs';
import { median, stopRunning } from './measure.mjs';
import { Site } from './site.mjs';
import { steps } from './steps.mjs';

const MILLION = 1_000_000;
const docs = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs');
const { values } = parseArgs({
  options: { most: { type: 'string', default: String(MILLION) }, draw: { type: 'boolean', default: false } },
});
const store = path.join(docs, 'performance.json');

/** Medians of the runs: seconds and MiB. */
const sides = ({ ours, yardstick }) =>
  Object.fromEntries(
    [
      ['ours', ours],
      ['yardstick', yardstick],
    ].map(([side, measured]) => {
      if (measured === null) return [side, null];
      const { runs } = measured;
      const of = (what) => median(runs.map((r) => r[what]));
      const seconds = (what) => Number((of(what) / 1000).toFixed(3));
      return [side, { wall: seconds('wall'), cpu: seconds('cpu'), peak: Math.round(of('peak')) }];
    }),
  );

async function measureAll(most) {
  const found = { node: process.version, steps: [], rows: [] };
  for (let rows = 1000; rows <= most; rows *= 10) {
    const site = new Site();
    try {
      await site.open(rows);
      const first = sides(await firstCopy.measure(site));
      const next = sides(await update.measure(site));
      found.rows.push({ rows, first, update: next });
      if (rows === MILLION) found.steps = (await steps(site)).map(([step, ms]) => [step, Math.round(ms)]);
      process.stdout.write(`${JSON.stringify(found.rows.at(-1))}\n`);
    } finally {
      await site.close();
    }
  }
  return found;
}

function drawRows(rows) {
  const lines = rows.map(({ rows: n, first, update: next }) =>
    [
      n,
      first.ours.wall,
      first.yardstick?.wall ?? '-',
      next.ours.wall,
      next.yardstick?.wall ?? '-',
      first.ours.peak,
      next.ours.peak,
    ].join(' '),
  );
  return gnuplot(`${svg(420, 'bottom right')}set multiplot layout 1,2 title "cost against the number of recipients"
set logscale xy; set xrange [700:15000000]; set format x "10^%T"; set grid lc rgb "#dddddd"; set xlabel "recipients"
$d << EOD
${lines.join('\n')}
EOD
set datafile missing "-"
set ylabel "seconds"; set yrange [0.005:20]
plot $d u 1:2 w lp lw 2 pt 7 lc rgb "#1b6ca8" t "first copy: relaymap", \\
  $d u 1:3 w lp lw 2 pt 6 lc rgb "#d1495b" t "first copy: script of C tools", \\
  $d u 1:4 w lp lw 2 dt 2 pt 5 lc rgb "#1b6ca8" t "100 rows changed: relaymap", \\
  $d u 1:5 w lp lw 2 dt 2 pt 4 lc rgb "#d1495b" t "100 rows changed: rsync, postmap"
unset logscale y; set ylabel "peak memory, MiB"; set yrange [0:*]
plot $d u 1:6 w lp lw 2 pt 7 lc rgb "#1b6ca8" t "first copy", \\
  $d u 1:7 w lp lw 2 dt 2 pt 5 lc rgb "#1b6ca8" t "100 rows changed"
unset multiplot\n`);
}

function drawSteps(all) {
  const lines = all.toReversed().map(([step, ms]) => `"${step}" ${ms}`);
  return gnuplot(`${svg(460, 'off')}set title "where the time of a first copy of 1,000,000 rows goes"
$d << EOD
${lines.join('\n')}
EOD
set style fill solid; set boxwidth 0.4; set grid xtics lc rgb "#dddddd"; set lmargin 30; set xlabel "milliseconds of the main thread"
set yrange [-0.6:${all.length - 0.4}]; set ytics scale 0; set xrange [0:*]
plot $d using ($2/2):0:($2/2):(0.35):ytic(1) with boxxyerror lc rgb "#1b6ca8", \\
  $d using 2:0:2 with labels left offset 0.6,0\n`);
}

try {
  const found = values.draw ? JSON.parse(readFileSync(store, 'utf8')) : await measureAll(Number(values.most));
  if (!values.draw) writeFileSync(store, `${JSON.stringify(found, null, 1)}\n`);
  writeFileSync(path.join(docs, 'performance-rows.svg'), drawRows(found.rows));
  if (found.steps.length > 0) writeFileSync(path.join(docs, 'performance-steps.svg'), drawSteps(found.steps));
} finally {
  await stopRunning();
}
