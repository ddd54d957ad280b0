// Draws the dashboard's panels from a Prometheus server's answers, for a person to look at: `node
// packaging/grafana/plot.mjs ANSWERS OUT.png`. With RELAYMAP_PANELS=FILE, test/commands/run-on-a-dashboard writes
// the answers. Needs Debian's gnuplot-nox.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const [answers, out] = process.argv.slice(2);
if (answers === undefined || out === undefined) fail('usage: node packaging/grafana/plot.mjs ANSWERS OUT.png');
/** @type {{title: string, legendFormat?: string, result: {metric: Record<string, string>, values: [number, string][]}[]}[]} */
const asked = JSON.parse(readFileSync(answers, 'utf8'));
const titles = [...new Set(asked.map(({ title }) => title))];
const start = Math.min(...asked.flatMap(({ result }) => result.flatMap(({ values }) => values.map(([at]) => at))));
const columns = 3;
const rows = Math.ceil(titles.length / columns);

const quoted = (text) => `"${text.replace(/["\\`]/g, '')}"`;
const legend = (format, metric) =>
  format === undefined
    ? Object.values(metric).join(' ')
    : format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => metric[name] ?? '');

let script = `set terminal pngcairo size ${columns * 480},${rows * 300} font ",9"
set output ${quoted(out)}
set multiplot layout ${rows},${columns}
set grid; set key below; set offsets graph 0, 0, 0.1, 0.1; set xlabel "seconds"\n`;
for (const [i, title] of titles.entries()) {
  const series = asked
    .filter((panel) => panel.title === title)
    .flatMap(({ legendFormat, result }) =>
      result.map((r) => ({ name: legend(legendFormat, r.metric), values: r.values })),
    );
  for (const [k, { values }] of series.entries()) {
    script += `$p${i}s${k} << EOD\n${values.map(([at, value]) => `${at - start} ${value}`).join('\n')}\nEOD\n`;
  }
  const lines = series.map(({ name }, k) => `$p${i}s${k} using 1:2 with linespoints title ${quoted(name)} noenhanced`);
  script += `set title ${quoted(title)}\nplot ${lines.length > 0 ? lines.join(', ') : 'NaN title "no data"'}\n`;
}
const { status, error, stderr } = spawnSync('gnuplot', { input: `${script}unset multiplot\n`, encoding: 'utf8' });
if (error !== undefined) fail(`gnuplot is missing: apt-get install gnuplot-nox (${error.message})`);
if (status !== 0) fail(stderr);

function fail(message) {
  console.error(message);
  process.exit(2);
}
