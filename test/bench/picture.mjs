// `npm run bench:picture`, `npm run bench:picture -- --most 10000000`: measures a first copy and an update from a
// thousand rows up, with both kinds of list, and where the time of a first copy of a million goes; writes
// docs/performance.json and, by Debian's gnuplot-nox, the two pictures beside it. Up to a million rows it takes less
// than six minutes on a quiet machine. What an earlier run found of larger lists stays. `--draw` measures nothing.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { gnuplot, svg } from './gnuplot.mjs';
import * as firstCopy from './jobs/first-copy.mjs';
import { TOO_MANY } from './jobs/script.mjs';
import * as update from './jobs/update.mjs';
import { KINDS } from './list.mjs';
import { median, stopRunning } from './measure.mjs';
import { docs, readFigures, storeFigures } from './page.mjs';
import { Site } from './site.mjs';
import { steps } from './steps.mjs';

const MILLION = 1_000_000;
/** Enough for a median: a picture's lines are as thick as the rest. The large ones take their time. */
const roundsOf = (rows) => (rows < MILLION ? 5 : 3);

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

/** One point of the lines. */
async function measureOne(kind, rows) {
  const site = new Site();
  try {
    await site.open(rows, kind);
    const first = sides(await firstCopy.measure(site, roundsOf(rows)));
    const next = sides(await update.measure(site, roundsOf(rows)));
    const point = { kind, rows, first, update: next };
    process.stdout.write(`${JSON.stringify(point)}\n`);
    const isLast = rows === MILLION && kind === KINDS[0];
    return { point, steps: isLast ? (await steps(site)).map(([step, ms]) => [step, Math.round(ms)]) : [] };
  } finally {
    await site.close();
  }
}

async function measureAll(most) {
  const began = performance.now();
  const found = { node: process.version, steps: [], rows: [] };
  for (const kind of KINDS) {
    for (let rows = 1000; rows <= most; rows *= 10) {
      // Of more rows than the scripts can do in time the one kind tells enough.
      if (rows > TOO_MANY && kind !== KINDS[0]) continue;
      const { point, steps: whole } = await measureOne(kind, rows);
      found.rows.push(point);
      found.steps.push(...whole);
    }
  }
  process.stdout.write(`${((performance.now() - began) / 60_000).toFixed(1)} minutes\n`);
  const before = readFigures();
  const larger = before.rows.filter(({ rows }) => rows > most);
  return { ...found, steps: found.steps.length > 0 ? found.steps : before.steps, rows: [...found.rows, ...larger] };
}

/** Each kind of list has its colour, each contender its point: ours is filled. */
const COLOURS = ['#1b6ca8', '#d1495b'];

function drawRows(points) {
  const kinds = KINDS.filter((kind) => points.some((point) => point.kind === kind));
  const data = kinds.map((kind) => {
    const lines = points
      .filter((point) => point.kind === kind)
      .toSorted((a, b) => a.rows - b.rows)
      .map(({ rows, first, update: next }) =>
        [rows, ...[first, next].flatMap(({ ours, yardstick }) => [ours.wall, yardstick?.wall ?? '-', ours.peak])].join(
          ' ',
        ),
      );
    return `$${kind} << EOD\n${lines.join('\n')}\nEOD\n`;
  });
  const lines = (column, name, style) =>
    kinds.map((kind, i) => `$${kind} u 1:${column} w lp lw 2 ${style} lc rgb "${COLOURS[i]}" t "${name}${kind}"`);
  const [filled, hollow] = ['dt 1 pt 7 ps 0.7', 'dt 2 pt 6 ps 0.7'];
  const seconds = (title, column, other) => `set title "${title}"; set ylabel "seconds"
set logscale y; set yrange [0.02:200]; set key inside top left Left reverse
plot ${[...lines(column, 'relaymap, ', filled), ...lines(column + 1, `${other}, `, hollow)].join(', \\\n  ')}\n`;
  const memory = (title, column) => `set title "${title}"; set ylabel "peak memory, MiB"
unset logscale y; set yrange [0:*]; set key inside bottom left Left reverse
plot ${lines(column, 'relaymap, ', filled).join(', \\\n  ')}\n`;
  return gnuplot(`${svg(760, 'top left')}${data.join('')}set datafile missing "-"
set multiplot layout 2,2 title "cost against the number of recipients, by kind of list"
set logscale x; set xrange [700:15000000]; set format x "10^%T"; set grid lc rgb "#dddddd"; set xlabel "recipients"
${seconds('first copy', 2, 'script of C tools')}${seconds('update of 100 rows', 5, 'rsync and postmap')}
${memory('first copy', 4)}${memory('update of 100 rows', 7)}
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

const { values } = parseArgs({
  options: { most: { type: 'string', default: String(MILLION) }, draw: { type: 'boolean', default: false } },
});
try {
  if (!values.draw) await storeFigures(await measureAll(Number(values.most)));
  const found = readFigures();
  writeFileSync(path.join(docs, 'performance-rows.svg'), drawRows(found.rows));
  if (found.steps.length > 0) writeFileSync(path.join(docs, 'performance-steps.svg'), drawSteps(found.steps));
} finally {
  await stopRunning();
}
