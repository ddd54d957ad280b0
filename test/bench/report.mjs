// Prints what was measured: each job's runs, and at the end one table of goals and measurements. Judges nothing.
import os from 'node:os';
import { median, ratios } from './measure.mjs';

const say = (line = '') => process.stdout.write(`${line}\n`);
const count = (n) => n.toLocaleString('en-US');
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Where and when a run was made, and how busy the machine was before it. */
export function machine() {
  const cpus = os.cpus();
  const cpu = `${cpus.length} cores (${cpus[0]?.model.trim()})`;
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  const load = Number(os.loadavg()[0].toFixed(1));
  say(`machine: ${cpu}, ${memory}, ${os.type()} ${os.release()}, load ${load}`);
  say(`Node ${process.version}`);
  return { date: new Date().toISOString().slice(0, 10), node: process.version, cpu, load };
}

export function published(site) {
  const { rows, bytes, wireBytes } = site.manifest().tables.recipients;
  const domains = `${count(site.domains.length)} domains`;
  say(
    `\n${site.kind}'s list: ${count(rows)} rows in ${domains}, ${megabytes(bytes)} of text, ${megabytes(wireBytes)} as served`,
  );
}

/**
 * One job: both sides' runs, then the ratio pair by pair, the median ratio last; or figures that stand for
 * themselves.
 */
export function jobDone(title, measured) {
  if (measured.figures !== undefined) return figuresDone(title, measured);
  const { ours, yardstick } = measured;
  const sides = yardstick === null ? [ours] : [ours, yardstick];
  const wide = Math.max(...sides.map(({ name }) => name.length));
  say(`\n${title}`);
  say(
    `  ${''.padEnd(wide)}  ${'wall, ms'.padStart(22)}  ${'CPU, ms'.padStart(22)}  ${'peak of one, of all'.padStart(24)}`,
  );
  for (const { name, runs, together } of sides) {
    const one = median(runs.map((r) => r.peak));
    const peak = `${one.toFixed(0)} MiB, ${Math.max(one, together).toFixed(0)} MiB`;
    say(`  ${name.padEnd(wide)}  ${spread(runs, 'wall')}  ${spread(runs, 'cpu')}  ${peak.padStart(24)}`);
  }
  const compared = [
    ['wall', 'wall'],
    ['cpu', 'CPU'],
  ];
  for (const [what, label] of yardstick === null ? [] : compared) {
    const pairs = ratios(measured, what);
    say(`  ${label.padEnd(4)} ratio by pair: ${pairs.map(ratio).join(' ')}   median ${ratio(median(pairs))}`);
  }
  for (const { what, measured: found, goal } of measured.more ?? []) say(`  ${what}: ${found} (goal: ${goal})`);
  for (const note of measured.notes ?? []) say(`  ${note}`);
}

function figuresDone(title, { figures, notes = [] }) {
  say(`\n${title}`);
  const wide = Math.max(...figures.map(({ what }) => what.length));
  for (const { what, measured, goal } of figures)
    say(`  ${what.padEnd(wide)}  ${measured.padStart(8)}  (goal: ${goal})`);
  for (const note of notes) say(`  ${note}`);
}

/** What ten times the rows cost, in tens of what the tenth did: 1 is linear. */
export function growth(tenth, whole) {
  say();
  for (const [i, { work, measured }] of whole.entries()) {
    const of = ({ runs }, what) => median(runs.map((r) => r[what]));
    const times = (what) => ratio(of(measured.ours, what) / of(tenth[i].measured.ours, what) / 10);
    say(
      `${work}: ten times the rows, ${times('wall')} x ten times the wall, ${times('cpu')} x ten times the CPU; goal 1.15 x`,
    );
  }
}

/** `min / median / max`. */
function spread(runs, what) {
  const values = runs.map((r) => r[what]);
  const three = [Math.min(...values), median(values), Math.max(...values)];
  return three.map((v) => v.toFixed(0).padStart(6)).join(' /');
}

const ratio = (value) => value.toFixed(2);

/**
 * Goals and measurements side by side, the names of the columns first.
 * @param jobs `{ work, measured, goal }`, the goal in words or undefined.
 */
export const table = (jobs) => [
  ['work', 'against', 'wall', 'CPU', 'our peak', 'goal'],
  ...jobs.flatMap(({ work, measured, goal }) => rowsOf(work, measured, goal)),
];

export function summary(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  say();
  for (const row of rows)
    say(
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
}

const figureRow = (work, { what, measured, goal }) => [work, what, measured, '-', '-', goal];

function rowsOf(work, measured, goal) {
  if (measured.figures !== undefined) return measured.figures.map((f) => figureRow(work, f));
  const alone = (what) => `${(median(measured.ours.runs.map((r) => r[what])) / 1000).toFixed(2)} s`;
  const cell = (what) => (measured.yardstick === null ? alone(what) : `${ratio(median(ratios(measured, what)))} x`);
  return [
    [
      work,
      measured.yardstick?.name ?? '-',
      cell('wall'),
      cell('cpu'),
      `${Math.max(...measured.ours.runs.map((r) => r.peak)).toFixed(0)} MiB`,
      goal ?? '-',
    ],
    ...(measured.more ?? []).map((f) => figureRow(work, f)),
  ];
}
