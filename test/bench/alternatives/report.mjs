// The figures as text, as tables of docs/performance.md, and in docs/performance-alternatives.json beside the picture.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { draw } from './picture.mjs';
import { BACK, PATIENCE, SLOW } from './troubles.mjs';
import { TROUBLES } from './world.mjs';

const docs = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../docs');
const page = path.join(docs, 'performance.md');
const store = path.join(docs, 'performance-alternatives.json');
const BEGIN = '<!-- figures of bench:alternatives -->';
const END = '<!-- end of these figures -->';

/** Above this load at its start a run was not alone on the machine. */
const QUIET = 1;

export const readFigures = () => JSON.parse(readFileSync(store, 'utf8'));

const count = (n) => Math.round(n).toLocaleString('en-US');
/** @param ms @returns with two digits that count, in ms or s */
export const time = (ms) => {
  const digits = (n) => (n >= 10 ? n.toFixed(0) : n.toPrecision(2));
  return ms >= 1000 ? `${digits(ms / 1000)} s` : `${digits(ms)} ms`;
};

function ratesRows(found) {
  const head = [
    'recipients known by',
    'source',
    'RCPTs a second',
    'median',
    'slowest 1 %',
    'one client',
    'greeted in',
    'Postfix',
  ];
  const rows = found.rates.map((r) => [
    code(r.name),
    r.way,
    count(r.perSecond),
    time(r.median),
    time(r.hundredth),
    time(r.alone),
    time(r.greeted * 1000),
    `${r.mib} MiB`,
  ]);
  return [head, ...rows];
}

/** Names as they stand in main.cf are code. */
const code = (name) => (/^[a-z_:]+$/.test(name) ? `\`${name}\`` : name);

/** Milliseconds within which an answer is called prompt. */
const AT_ONCE = 250;

/** Answers to known and unknown recipients, and the slowest of both. */
function answer({ known, unknown }) {
  const codes = (asked) => Object.keys(asked.codes).join(' or ').replace('none', 'no answer');
  const slowest = Math.max(known.slowest, unknown.slowest);
  const when = slowest < AT_ONCE ? 'at once' : `in ${time(slowest)}`;
  if ('none' in known.codes && 'none' in unknown.codes) return `no answer in ${PATIENCE / 1000} s`;
  return `${codes(known)} / ${codes(unknown)} ${when}`;
}

function troublesRows({ troubles: { found } }) {
  const head = ['recipients known by', ...TROUBLES, 'accepted again'];
  const ways = [...new Set(found.map(({ name, list }) => `${name} ${list}`))];
  const rows = ways.map((way) => {
    const of = TROUBLES.map((trouble) => found.find((f) => `${f.name} ${f.list}` === way && f.trouble === trouble));
    return [nameOf(of[0], found), ...of.map((each) => answer(worst(each))), again(of[0])];
  });
  return [head, ...rows];
}

function nameOf({ name, list }, found) {
  if (!found.some((other) => other.name === name && other.list !== list)) return code(name);
  return `${code(name)}, ${list === 'before' ? 'in its cache' : 'not in its cache'}`;
}

/** What was asked while relaymap fetched, and behind that. */
function worst({ known, unknown, after }) {
  if (after === undefined) return { known, unknown };
  const both = (one, other) => ({
    codes: { ...one.codes, ...other.codes },
    slowest: Math.max(one.slowest, other.slowest),
  });
  return { known: both(known, after.known), unknown: both(unknown, after.unknown) };
}

function again({ known, unknown, back }) {
  if ('250' in known.codes && '550' in unknown.codes) return 'never refused';
  if (back === null) return `not within ${BACK} s`;
  return back < 3 ? 'at once' : `after ${time(back * 1000)}`;
}

const markdown = ([head, ...rows]) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

function aligned(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

function conditions(f) {
  const when = `${f.date}, Postfix ${f.postfix}, ${count(f.rows)} recipients, ${f.cores} cores of an ${f.cpu}`;
  const busy =
    f.load <= QUIET
      ? ''
      : ` **These figures are provisional**: the machine was busy with other work (load ${f.load} before the run), ` +
        `so that rates and times near each other stand in no order.`;
  return `Measured on ${when}.${busy}`;
}

const clientsOf = (f) =>
  `${f.clients} SMTP clients at once, ${count(f.seconds)} s each, half of the RCPTs for known recipients; ` +
  `"one client" is the median of one alone, "greeted in" the time until all of them have a first greeting.`;

const troublesOf = ({ troubles: { lasted } }) =>
  `Answers to known / unknown recipients, and the slowest of three, in a trouble of ${lasted} s; ` +
  `slow: ${SLOW / 1000} s a round trip. "Accepted again" is the time after it was down.`;

export const text = (f) =>
  [
    conditions(f),
    clientsOf(f),
    '',
    ...aligned(ratesRows(f)),
    '',
    troublesOf(f),
    '',
    ...aligned(troublesRows(f)),
    `${f.minutes} minutes`,
  ].join('\n');

/** Puts figures, tables and picture into docs/. */
export async function write(f) {
  const old = readFileSync(page, 'utf8');
  const [from, to] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the figures: ${BEGIN} ... ${END}`);
  const parts = [conditions(f), clientsOf(f), markdown(ratesRows(f)), troublesOf(f), markdown(troublesRows(f))];
  const whole = `${old.slice(0, from)}${BEGIN}\n\n${parts.join('\n\n')}\n\n${old.slice(to)}`;
  const style = await resolveConfig(page);
  writeFileSync(page, await format(whole, { ...style, parser: 'markdown' }));
  writeFileSync(store, await format(JSON.stringify(f), { ...style, parser: 'json' }));
  writeFileSync(path.join(docs, 'performance-alternatives.svg'), draw(f));
}
