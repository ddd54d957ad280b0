// The splitter and the cursor: wherever a chunk or a block ends, the rows are the same ones.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareBytes,
  cut as cutRows,
  MAX_ROW,
  rowBlocks,
  RowCollector,
  RowCursor,
  RowSplitter,
  type RowBlock,
  type RowStream,
} from '../../src/bundle/table/rows.ts';
import { blocks, byBytes, chunk, collected, cut, rowsOf, Stream, stream, table, textOf } from './blocks.ts';

const rows = ['a@example.org', 'ä@example.org', 'b@example.org', 'c'.repeat(500), '李@example.org'];

test('at every size of chunk', () => {
  const text = textOf(rows);
  for (let size = 1; size <= text.length; size++) {
    expect(blocks(rows, size).flatMap(rowsOf), String(size)).toEqual(rows);
  }
});

test('any table, any chunks', async () => {
  await fc.assert(
    fc.asyncProperty(table, chunk, async (rows, size) => {
      expect(await collected(stream(rows, size))).toEqual(rows);
    }),
  );
});

test('more rows than a block first has room for', () => {
  const many = Array.from({ length: 5000 }, () => '');
  expect(blocks(many, 5000).map(({ count }) => count)).toEqual([5000]);
});

test('the memory of one chunk is used for the next, whichever is the longer, and no row is lost with it', () => {
  const long = Array.from({ length: 4000 }, (_, i) => `${i}@x.org`);
  const texts = [long, ['a@x.org'], long, [''], ['b@x.org', 'c@x.org'], long].map((each) => textOf(each));
  const splitter = new RowSplitter();
  const seen = texts.map((text) => rowsOf(splitter.push(text)));
  expect(seen).toEqual([long, ['a@x.org'], long, [''], ['b@x.org', 'c@x.org'], long]);
  const [one, two] = [splitter.push(textOf(long)), splitter.push(textOf(long))];
  expect([two.bytes.buffer === one.bytes.buffer, two.starts === one.starts]).toEqual([true, true]);
});

test('what is left of a chunk is kept in front of the next, also where that one needs more memory', () => {
  for (const [size, left] of [
    [3, 1],
    [600, 500],
    [100_000, 511],
  ] as const) {
    const splitter = new RowSplitter();
    const rest = 'r'.repeat(left);
    expect(rowsOf(splitter.push(Buffer.from(`a@x.org\n${rest}`)))).toEqual(['a@x.org']);
    expect(rowsOf(splitter.push(Buffer.from(`\n${'\n'.repeat(size)}`)))).toEqual([
      rest,
      ...Array.from({ length: size }, () => ''),
    ]);
    splitter.end();
    expect(splitter.fault).toBeNull();
  }
});

test('a text cut at once has room for its starts, and takes more where rows are short', () => {
  for (const count of [0, 1, 15, 16, 17, 1000]) {
    const block = cutRows(textOf(Array.from({ length: count }, () => '')));
    expect([block.count, block.starts[count], block.starts.length > count]).toEqual([count, count, true]);
  }
});

describe('the splitter finds', () => {
  function faultOf(text: string, size: number): RowSplitter {
    const splitter = new RowSplitter();
    for (const piece of cut(Buffer.from(text), size)) splitter.push(piece);
    splitter.end();
    return splitter;
  }

  test.each([1, 3, 512, 10_000])('a last row without its LF, in pieces of %i', (size) => {
    expect(faultOf('a@x.org\nb@x.org', size).fault).toEqual({ row: 2, rule: 'is the last one and has no LF' });
    expect(faultOf('a@x.org', size).fault?.row).toBe(1);
    expect(faultOf('', size).fault).toBeNull();
    expect(faultOf('a@x.org\n', size).fault).toBeNull();
  });

  test.each([1, 3, 512, 10_000])('a row that never ends, in pieces of %i', (size) => {
    const long = `a@x.org\n${'b'.repeat(MAX_ROW + 2)}`;
    expect(faultOf(long, size).fault).toEqual({ row: 2, rule: 'is longer than 512 bytes' });
  });

  test.each([511, 512, 513])('nothing wrong with a row of %i bytes whose LF has yet to come', (length) => {
    const splitter = new RowSplitter();
    const row = 'b'.repeat(length); // the longest row, and its sign
    expect(splitter.push(Buffer.from(`a@x.org\n${row}`)).count).toBe(1);
    expect(splitter.fault).toBeNull();
    expect(rowsOf(splitter.push(Buffer.from('\n')))).toEqual([row]);
    splitter.end();
    expect(splitter.fault).toBeNull();
  });

  test('and gives no row after it', () => {
    const splitter = new RowSplitter();
    expect(splitter.push(Buffer.from(`a@x.org\n${'b'.repeat(1000)}`)).count).toBe(1);
    expect(splitter.push(Buffer.from('c@x.org\nd@x.org\n')).count).toBe(0);
    splitter.end();
    expect(splitter.fault?.row).toBe(2);
  });

  test('and holds no more of it than it needs to say so', () => {
    const splitter = new RowSplitter();
    const piece = Buffer.alloc(64 * 1024, 0x61);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) splitter.push(piece);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });
});

test('rowBlocks says NOT_CANONICAL with the row, after the rows before it', async () => {
  const seen: string[] = [];
  const read = async () => {
    for await (const block of rowBlocks(pieces())) seen.push(...rowsOf(block));
  };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const piece of ['a@x.org\nb@x', '.org\nc@x.org']) yield Buffer.from(await Promise.resolve(piece));
  }
  await expect(read()).rejects.toMatchObject({
    code: 'NOT_CANONICAL',
    message: 'row 3 is the last one and has no LF',
  });
  expect(seen).toEqual(['a@x.org', 'b@x.org']);
});

test('rowBlocks gives no block without rows, ends where the text ends, and asks for nothing behind a fault', async () => {
  let asked = 0;
  async function* pieces(texts: readonly string[]): AsyncGenerator<Uint8Array> {
    for (const piece of texts) {
      asked++;
      yield Buffer.from(await Promise.resolve(piece));
    }
  }
  const counts: number[] = [];
  for await (const { count } of rowBlocks(pieces(['a@', 'x.org', '\nb', '@x.org\n']))) counts.push(count);
  expect([counts, asked]).toEqual([[1, 1], 4]);
  asked = 0;
  const read = async () => {
    for await (const _ of rowBlocks(pieces(['b'.repeat(514), 'c', 'd']))) void _;
  };
  await expect(read()).rejects.toMatchObject({ message: 'row 1 is longer than 512 bytes' });
  expect(asked).toBe(1);
});

test('what stands behind a row in memory has no part in its order', () => {
  // Each is followed by a dot, which sorts behind the minus.
  const compare = (a: string, b: string) => {
    const [x, y] = [Buffer.from(`.${a}.`), Buffer.from(`..${b}.`)];
    return Math.sign(compareBytes(x, 1, x.length - 1, y, 2, y.length - 1));
  };
  expect([compare('a', 'a-'), compare('a-', 'a'), compare('', '-'), compare('-', ''), compare('a', 'a')]).toEqual([
    -1, 1, -1, 1, 0,
  ]);
});

test('bytes are compared, not characters', () => {
  const compare = (a: string, b: string) => {
    const [x, y] = [Buffer.from(`.${a}.`), Buffer.from(`..${b}`)];
    return Math.sign(compareBytes(x, 1, x.length - 1, y, 2, y.length));
  };
  // In UTF-16 the pair would sort before the private-use character.
  expect(compare('\u{1f4ee}', '\ue000')).toBe(1);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(compare(a, b)).toBe(byBytes(a, b));
    }),
  );
});

describe('the cursor', () => {
  async function walked(cursor: RowCursor): Promise<string[]> {
    const seen: string[] = [];
    for (let on = await cursor.load(); on; on = cursor.step() || (await cursor.load())) {
      seen.push(Buffer.from(cursor.bytes.subarray(cursor.start, cursor.end)).toString());
    }
    return seen;
  }

  test('steps over empty blocks and block ends', async () => {
    await fc.assert(
      fc.asyncProperty(table, chunk, async (rows, size) => {
        const cursor = new RowCursor(stream(rows, size));
        expect([cursor.step(), cursor.ended]).toEqual([false, false]); // before the first block is there
        expect(await walked(cursor)).toEqual(rows);
        expect(cursor.ended).toBe(true);
        expect(await cursor.load()).toBe(false);
      }),
    );
  });

  test('closes a stream that knows nothing of being closed', async () => {
    const rows = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }) };
    await expect(new RowCursor(rows as RowStream).close()).resolves.toBeUndefined();
  });

  test('lets go of its stream when it is closed early', async () => {
    const rows = new Stream(['a@x.org', 'b@x.org'], 8);
    const cursor = new RowCursor(rows);
    await cursor.load();
    expect(rows.open).toBe(true);
    await cursor.close();
    expect(rows.open).toBe(false);
  });
});

describe('the cursor copies', () => {
  /** What is copied of the stream's first block, and where the cursor then stands: on a row, or at the block's end. */
  async function copied(rows: readonly string[], how: (cursor: RowCursor, out: RowCollector) => boolean, skip = 0) {
    const cursor = new RowCursor(stream(rows, 1 << 20));
    const out = new RowCollector();
    await cursor.load();
    for (let i = 0; i < skip; i++) cursor.step();
    const on = how(cursor, out);
    const stands = on ? Buffer.from(cursor.bytes.subarray(cursor.start, cursor.end)).toString() : null;
    return { rows: rowsOf(out.rest()), stands };
  }
  const before = (row: string) => (cursor: RowCursor, out: RowCollector) => {
    const bytes = Buffer.from(`..${row}.`);
    return cursor.copyBefore(out, bytes, 2, bytes.length - 1);
  };

  test('the rows before another one, however many they are, and stands behind them', async () => {
    const rows = Array.from({ length: 70 }, (_, i) => `${100 + i}@x.org`);
    for (let skip = 0; skip < 5; skip++) {
      for (let end = skip + 1; end <= rows.length; end++) {
        const kept = { rows: rows.slice(skip, end), stands: rows[end] ?? null };
        // A row that the stream has, and one between two of it.
        expect(await copied(rows, before(rows[end] ?? '999'), skip)).toEqual(kept);
        expect(await copied(rows, before(`${rows[end - 1]}.`), skip)).toEqual(kept);
      }
    }
  });

  test('a row, whatever stands behind it in its block', async () => {
    expect(await copied(['0', 'a', 'c'], before('a\u0001'))).toEqual({ rows: ['0', 'a'], stands: 'c' });
  });

  test('nothing of what an earlier, longer block left in the memory of this one', async () => {
    const [long, short] = [
      Array.from({ length: 50 }, (_, i) => `${100 + i}@x.org`),
      ['200@x.org', '201@x.org', '202@x.org'],
    ];
    const texts = [textOf(long), textOf(short)];
    const cursor = new RowCursor(
      rowBlocks(
        (async function* () {
          for (const text of texts) yield await Promise.resolve(text);
        })(),
      ),
    );
    for (const rows of [long, short]) {
      const out = new RowCollector();
      await cursor.load();
      const row = Buffer.from('999@x.org');
      expect(cursor.copyBefore(out, row, 0, row.length)).toBe(false);
      expect(rowsOf(out.rest())).toEqual(rows);
    }
  });

  test('all that is left of the block', async () => {
    const rows = ['a@x.org', 'b@x.org', 'c@x.org'];
    const all = (cursor: RowCursor, out: RowCollector) => cursor.copyAll(out);
    for (let skip = 0; skip < 3; skip++)
      expect(await copied(rows, all, skip)).toEqual({ rows: rows.slice(skip), stands: null });
  });
});

describe('the collector', () => {
  test('loses no row where a block is full', () => {
    const collector = new RowCollector();
    const made: RowBlock[] = [];
    const all = Array.from({ length: 3000 }, (_, i) => `${'x'.repeat((i * 37) % 500)}${i}`);
    for (const row of all) {
      const bytes = Buffer.from(row);
      collector.add(bytes, 0, bytes.length);
      const full = collector.full();
      if (full !== null) made.push(full);
    }
    made.push(collector.rest());
    expect(made.length).toBeGreaterThan(2);
    expect(made.flatMap(rowsOf)).toEqual(all);
  });

  test('takes the longest row and refuses one byte more', () => {
    const bytes = Buffer.alloc(MAX_ROW + 1, 0x61);
    new RowCollector().add(bytes, 0, MAX_ROW, 0x2b);
    expect(() => new RowCollector().add(bytes, 0, MAX_ROW + 1)).toThrow(
      expect.objectContaining({ code: 'NOT_CANONICAL', message: 'a row is longer than 512 bytes' }),
    );
  });

  test('takes a row from anywhere in a buffer, with any byte before it', () => {
    const [bytes, collector] = [Buffer.alloc(2000, 0x61), new RowCollector()];
    collector.add(bytes, 1400, 1900);
    collector.add(bytes, 1999, 2000, 0);
    collector.add(bytes, 1999, 2000, 0x2d);
    expect(rowsOf(collector.rest())).toEqual(['a'.repeat(500), '\0a', '-a']);
  });

  const blockOf = (rows: readonly string[]) => cutRows(textOf(rows));
  const KIB_256 = 256 * 1024;
  const some = Array.from({ length: 3000 }, (_, i) => `${'x'.repeat((i * 37) % 500)}${i}`);

  test('runs of rows: none is lost where a block is full, and none is cut', () => {
    const [block, collector] = [blockOf(some), new RowCollector()];
    const made: RowBlock[] = [];
    for (let at = 0; at < some.length;) {
      const count = collector.addRun(block, at, some.length);
      expect(count).toBeGreaterThan(0);
      at += count;
      const full = collector.full();
      if (full !== null) made.push(full);
    }
    made.push(collector.rest());
    expect(made.flatMap(rowsOf)).toEqual(some);
    for (const { bytes } of made) expect(bytes.length).toBeLessThanOrEqual(KIB_256);
    // Long runs, not row by row: each block but the last is nearly full.
    for (const { bytes } of made.slice(0, -1)) expect(bytes.length).toBeGreaterThan(KIB_256 - 514);
  });

  test('runs and single rows in turn', () => {
    const [block, collector] = [blockOf(some), new RowCollector()];
    const row = Buffer.from('.single@x.org.');
    collector.add(row, 1, row.length - 1);
    expect(collector.addRun(block, 5, 8)).toBe(3);
    collector.add(row, 1, row.length - 1, 0x2b);
    expect(collector.addRun(block, 2999, 3000)).toBe(1);
    expect(rowsOf(collector.rest())).toEqual([
      'single@x.org',
      ...some.slice(5, 8),
      '+single@x.org',
      ...some.slice(2999, 3000),
    ]);
  });

  test('a run that fills a block to its last byte is taken whole, and one byte more is not', () => {
    const rows = Array.from({ length: KIB_256 / 512 }, () => 'x'.repeat(511));
    const exact = new RowCollector();
    expect(exact.addRun(blockOf(rows), 0, rows.length)).toBe(rows.length);
    expect([exact.full()?.count, exact.rest().count]).toEqual([rows.length, 0]);
    const over = new RowCollector();
    expect(over.addRun(blockOf(['', ...rows]), 0, rows.length + 1)).toBe((rows.length + 1) >>> 1);
  });

  test('a run of rows that a block first has no room for the starts of', () => {
    const [block, collector] = [blockOf(Array.from({ length: 100_000 }, () => '')), new RowCollector()];
    expect(collector.addRun(block, 0, 16_384)).toBe(16_384);
    expect(collector.addRun(block, 16_384, 100_000)).toBe(83_616);
    const made = collector.rest();
    expect([made.count, made.bytes.length, made.starts[100_000], rowsOf(made).every((row) => row === '')]).toEqual([
      100_000,
      100_000,
      100_000,
      true,
    ]);
  });

  test('a row for which a block has no room is refused, not cut', () => {
    const [collector, row] = [new RowCollector(), 'x'.repeat(KIB_256)];
    expect(() => collector.addRun(blockOf([row]), 0, 1)).toThrow(
      expect.objectContaining({ code: 'NOT_CANONICAL', message: 'a row is longer than 512 bytes' }),
    );
    expect(rowsOf(collector.rest())).toEqual([]);
  });

  test('a block that was given is not written over', () => {
    const collector = new RowCollector();
    collector.addRun(blockOf(['a@x.org', 'b@x.org']), 0, 2);
    const first = collector.rest();
    collector.addRun(blockOf(['c@x.org', 'd@x.org']), 0, 2);
    const second = collector.rest();
    expect([first, second].map(rowsOf)).toEqual([
      ['a@x.org', 'b@x.org'],
      ['c@x.org', 'd@x.org'],
    ]);
  });

  test('a block is full while the longest row with its sign still fits, and not before', () => {
    const collector = new RowCollector();
    const filled = (bytes: number) => {
      collector.rest();
      for (let left = bytes; left > 0; left -= 512) collector.add(new Uint8Array(511), 0, Math.min(left, 512) - 1);
      return collector.full()?.bytes.length ?? null;
    };
    expect([filled(KIB_256 - 514), filled(KIB_256 - 513)]).toEqual([null, KIB_256 - 513]);
  });

  test('empty rows, more of them than a block first has room for', () => {
    const collector = new RowCollector();
    for (let i = 0; i < 50_000; i++) collector.add(new Uint8Array(0), 0, 0);
    const block = collector.rest();
    expect([block.count, block.starts[50_000], rowsOf(block).every((row) => row === '')]).toEqual([
      50_000,
      50_000,
      true,
    ]);
  });
});
