// An esbuild plugin that counts, in the parsers under test, how often each branch is taken: what guides the fuzzer.
// Reads the modules.
import { readFile } from 'node:fs/promises';
import { transform } from 'esbuild';
import { parseAst } from 'vitest/node';

/** Put before the bundle: one counter a branch, which stops at 255 instead of starting again. */
export const BANNER = 'const __edges = (globalThis.__edges = new Uint8ClampedArray(65536));';

/**
 * @param filter which modules are counted.
 * @returns the plugin; `edges` and `words` (the texts that the code compares with) are known once it has run.
 */
export function instrumented(filter) {
  const found = { edges: 0, words: new Set() };
  const plugin = {
    name: 'instrumented',
    setup: ({ onLoad }) =>
      onLoad({ filter }, async ({ path }) => {
        // What is logged is not what is looked for here, and there would be much of it.
        const source = (await readFile(path, 'utf8')).replaceAll('writeSync(2, ', '((_) => undefined)(');
        const { code } = await transform(source, { loader: path.endsWith('.ts') ? 'ts' : 'js', target: 'es2022' });
        return { contents: counting(code, found), loader: 'js' };
      }),
  };
  return { plugin, found };
}

/** @returns the code with a counter in each branch, whose number goes on from those found so far. */
export function counting(code, found) {
  const opens = [];
  const closes = [];
  const count = () => `__edges[${found.edges++}]++`;
  // What closes at a place closes before anything opens there; of two that open, the outer one was met first.
  const around = ({ start, end }, before, after) => {
    opens.push({ at: start, text: before });
    return () => closes.push({ at: end, text: after });
  };
  const block = (node) => {
    if (node.type !== 'BlockStatement') return around(node, `{${count()};`, '}');
    opens.push({ at: node.start + 1, text: `${count()};` });
    return null;
  };
  const value = (node) => around(node, `(${count()},`, ')');
  // By type of node: the children that are run, or not, by choice.
  const choices = {
    IfStatement: ({ consequent, alternate }) => [
      [consequent, block],
      ...(alternate === null ? [] : [[alternate, block]]),
    ],
    ForStatement: ({ body }) => [[body, block]],
    ForInStatement: ({ body }) => [[body, block]],
    ForOfStatement: ({ body }) => [[body, block]],
    WhileStatement: ({ body }) => [[body, block]],
    DoWhileStatement: ({ body }) => [[body, block]],
    CatchClause: ({ body }) => [[body, block]],
    FunctionDeclaration: ({ body }) => [[body, block]],
    FunctionExpression: ({ body }) => [[body, block]],
    ArrowFunctionExpression: ({ body }) => [[body, body.type === 'BlockStatement' ? block : value]],
    ConditionalExpression: ({ consequent, alternate }) => [
      [consequent, value],
      [alternate, value],
    ],
    LogicalExpression: ({ right }) => [[right, value]],
    AssignmentPattern: ({ right }) => [[right, value]],
    AssignmentExpression: ({ operator, right }) => (/[|&?]=$/.test(operator) ? [[right, value]] : []),
  };
  const walk = (node, mark = null) => {
    const close = mark?.(node) ?? null;
    const marks = new Map(choices[node.type]?.(node) ?? []);
    if (node.type === 'SwitchCase' && node.consequent.length > 0)
      opens.push({ at: node.consequent[0].start, text: `${count()};` });
    if (node.type === 'Literal' && typeof node.value === 'string' && /^.{2,40}$/.test(node.value))
      found.words.add(node.value);
    const children = Object.values(node)
      .flat()
      .filter((child) => typeof child?.type === 'string' && typeof child.start === 'number');
    for (const child of children) walk(child, marks.get(child) ?? null);
    if (node.type === 'IfStatement' && node.alternate === null)
      closes.push({ at: node.end, text: ` else {${count()};}` });
    close?.();
  };
  walk(parseAst(code));
  const pieces = [...closes, ...opens].map((piece, order) => ({ ...piece, order }));
  pieces.sort((a, b) => a.at - b.at || a.order - b.order);
  let [out, from] = ['', 0];
  for (const { at, text } of pieces) {
    out += code.slice(from, at) + text;
    from = at;
  }
  return out + code.slice(from);
}
