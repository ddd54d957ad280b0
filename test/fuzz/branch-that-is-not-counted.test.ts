// The counters that guide the fuzzer: each branch has one, and the code does what it did without them.
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';

interface Found {
  edges: number;
  words: Set<string>;
}
const { counting } = (await import(new URL('./instrument.mjs', import.meta.url).href)) as {
  counting: (code: string, found: Found) => string;
};

/** What the code gives for each value of `x`, as it is and with its counters; and which of these each value counts. */
function run(code: string, values: readonly unknown[]) {
  const found: Found = { edges: 0, words: new Set() };
  const counted = counting(`out = ((x) => { ${code} })(x)`, found);
  return {
    ...found,
    paths: values.map((x) => {
      const plain: Record<string, unknown> = { x };
      runInNewContext(`out = ((x) => { ${code} })(x)`, plain);
      const context: Record<string, unknown> = { x, __edges: new Uint8ClampedArray(100) };
      runInNewContext(counted, context);
      expect(context['out']).toEqual(plain['out']);
      return Array.from(context['__edges'] as Uint8ClampedArray)
        .slice(0, found.edges)
        .join('');
    }),
  };
}

test.each<[string, string, readonly unknown[]]>([
  ['if', 'if (x) return 1; return 2;', [true, false]],
  ['if and else', 'if (x) return 1; else return 2;', [true, false]],
  ['an else that belongs to the inner if', 'let r = 0; if (x > 0) if (x > 1) r = 2; else r = 1; return r;', [0, 1, 2]],
  ['else if', 'if (x === 1) { return 1 } else if (x === 2) { return 2 } return 3;', [1, 2, 3]],
  ['a choice', 'return x ? { a: 1 } : [2];', [true, false]],
  ['choices in a choice', 'return x > 1 ? (x > 2 ? 3 : 2) : x > 0 ? 1 : 0;', [0, 1, 2, 3]],
  ['and, or, otherwise', 'return (x && 1) || (x ?? 2);', [0, 1, null]],
  ['a value by default', 'return ((a = 1, { b = 2 } = {}) => a + b)(x);', [undefined, 5]],
  ['an assignment by default', 'let y = x; y ??= 3; y ||= 4; return y;', [null, 0, 1]],
  [
    'loops',
    'let n = 0; for (const i of [1, 2]) if (i < x) n++; while (n < x) n++; do n++; while (n < 3); return n;',
    [0, 2, 5],
  ],
  ['cases', 'switch (x) { case 1: case 2: return 1; case 3: { return 3 } default: return 4; }', [1, 3, 4]],
  ['an error', 'try { if (x) throw 1; return 0 } catch { return 1 } finally { x = 0 }', [true, false]],
  [
    'functions',
    'const f = (y) => ({ y }); class C { #p = 1; m() { return this.#p } static s = () => 2 } return x ? f(new C().m()) : C.s();',
    [1, 0],
  ],
  ['a generator', 'function* g() { if (x) yield 1; yield* [2] } return [...g()];', [true, false]],
])('%s: each way has its own count', (_, code, values) => {
  const { paths, edges } = run(code, values);
  expect(new Set(paths).size).toBe(values.length);
  expect(edges).toBeGreaterThan(1);
});

test('a loop counts its rounds, and stops at 255', () => {
  const { paths } = run('for (let i = 0; i < x; i++); return x;', [3, 1000]);
  expect(paths.map((path) => path.slice(-3))).toEqual([expect.stringMatching(/3$/), '255']);
});

test('the texts that the code compares with are known to the fuzzer', () => {
  expect([...run("return x === 'recipients' || x === 'é';", ['x']).words]).toEqual(['recipients']);
});
