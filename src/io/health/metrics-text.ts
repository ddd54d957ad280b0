/** Prometheus text format: metric families and their samples. Pure. */

type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number | null];

/** A time as seconds since 1970; null if there is none. */
export function seconds(time: string | null): number | null {
  const ms = Date.parse(time ?? '');
  return Number.isNaN(ms) ? null : ms / 1000;
}

export const gauge = (name: string, help: string, samples: readonly Sample[]) => family(name, 'gauge', help, samples);
export const counter = (name: string, help: string, samples: readonly Sample[]) =>
  family(name, 'counter', help, samples);

/** One metric with its samples. Leaves out samples without a value, and the metric if none has one. */
function family(name: string, type: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(([labels, value]) => (value === null ? [] : [`${name}${inBraces(labels)} ${value}\n`]));
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function inBraces(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
