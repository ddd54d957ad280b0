// Names what was tried: each survivor by its function and by what was changed, so that the name outlives the line
// number, and the survivors that docs/mutants.md explains. Touches nothing.
import { parse } from '@babel/parser';

/** How far a piece of code is quoted. */
const QUOTED = 100;

/** What counts as found out by a test. */
const CAUGHT = new Set(['Killed', 'Timeout', 'RuntimeError', 'CompileError']);

/**
 * Each declaration of a source's top level, and each member of its classes, with the lines and columns where they
 * begin and end.
 */
function declarations(source) {
  const found = [];
  const add = (name, node) => found.push({ name, from: node.loc.start, to: node.loc.end });
  const { program } = parse(source, { sourceType: 'module', plugins: ['typescript'] });
  for (const statement of program.body) {
    const node = statement.declaration ?? statement;
    if (node.type === 'VariableDeclaration') {
      for (const each of node.declarations)
        add(source.slice(each.id.start, each.id.typeAnnotation?.start ?? each.id.end), each);
    } else if (node.type === 'ClassDeclaration') {
      add(node.id.name, node);
      for (const member of node.body.body) {
        const key = member.key;
        if (key !== undefined) add(`${node.id.name}.${source.slice(key.start, key.end)}`, member);
      }
    } else if (node.id?.name !== undefined) add(node.id.name, node);
  }
  return found;
}

const before = (a, b) => a.line < b.line || (a.line === b.line && a.column <= b.column);

const quoted = (code) => {
  const flat = code.replace(/\s+/g, ' ').replaceAll('`', "'").trim();
  return flat.length > QUOTED ? `${flat.slice(0, QUOTED)}...` : flat === '' ? '(nothing)' : flat;
};

/** The part of a source between two places lines and columns from 1. */
function between(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1);
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join('\n');
}

/** How many mutants of a file were found out, and each survivor as `function`: `code` -> `what it became`. */
export function judged(file, { source, mutants }) {
  const names = declarations(source);
  const counts = { killed: 0, survived: 0, timeout: 0, noCoverage: 0 };
  const survivors = [];
  for (const { status, location, replacement } of mutants) {
    if (status === 'Ignored') continue;
    if (status === 'Timeout') counts.timeout++;
    else if (status === 'NoCoverage') counts.noCoverage++;
    else counts[CAUGHT.has(status) ? 'killed' : 'survived']++;
    if (CAUGHT.has(status)) continue;
    const at = { line: location.start.line, column: location.start.column - 1 };
    const name = names.filter(({ from, to }) => before(from, at) && before(at, to)).at(-1)?.name ?? 'the file';
    const line = `\`${name}\`: \`${quoted(between(source, location))}\` -> \`${quoted(replacement)}\``;
    survivors.push({ line, at: `${file}:${location.start.line}` });
  }
  return { counts, survivors };
}

/**
 * By file: the survivors that the page explains. An entry reads `- SURVIVOR: reason`, under the heading of its
 * file.
 */
export function explained(page) {
  const files = {};
  let file = '';
  for (const line of page.split('\n')) {
    const heading = /^#+ `?(src\/[^`\s]+)`?/.exec(line);
    if (heading !== null) file = heading[1];
    const entry = /^- (`[^`]+`: `[^`]+` -> `[^`]+`): \S/.exec(line);
    if (entry !== null) (files[file] ??= []).push(entry[1]);
  }
  return files;
}

/** The elements of one list that the other one lacks, each as often as it is missing. */
export function lacking(list, other, of = (each) => each) {
  const rest = [...other];
  return list.filter((each) => {
    const at = rest.indexOf(of(each));
    if (at < 0) return true;
    rest.splice(at, 1);
    return false;
  });
}
