// Puts what a run of `npm run bench` found into docs/performance.md as a table, and into docs/performance.json.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

export const docs = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs');
const page = path.join(docs, 'performance.md');
const store = path.join(docs, 'performance.json');
const BEGIN = '<!-- figures of bench -->';
const END = '<!-- end of the figures of bench -->';

/** Above this load at its start a run was not alone on the machine. */
const QUIET = 1;

export const readFigures = () => JSON.parse(readFileSync(store, 'utf8'));

/** Keeps what others have found. */
export async function storeFigures(found) {
  const style = await resolveConfig(store);
  const text = JSON.stringify({ ...readFigures(), ...found });
  writeFileSync(store, await format(text, { ...style, parser: 'json' }));
}

/** @param found date, node, cpu, load, minutes, and the table with the names of its columns first. */
export async function writeTable(found) {
  await storeFigures({ bench: found });
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the figures: ${BEGIN} ... ${END}`);
  const { date, node, cpu, load, minutes, table } = found;
  const busy =
    load <= QUIET
      ? ''
      : ` **These figures are provisional**: the machine was busy with other work (load ${load} before the run).`;
  const when = `Measured on ${date} in ${minutes} minutes, ${cpu}, Node ${node}.${busy}`;
  const [head, ...rows] = table;
  const lines = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const whole = `${old.slice(0, from)}${BEGIN}\n\n${when}\n\n${lines.join('\n')}\n\n${old.slice(to)}`;
  writeFileSync(page, await format(whole, { ...(await resolveConfig(page)), parser: 'markdown' }));
}
