// The splitter and the cursor: wherever a chunk or a block ends, the rows are the same ones.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareBytes,
  MAX_ROW,
  rowBlocks,
  RowCollector,
  RowCursor,
  RowSplitter,
  type RowBlock,
} from '../../src/bundle/rows.ts';
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
        expect(await walked(cursor)).toEqual(rows);
        expect(cursor.ended).toBe(true);
        expect(await cursor.load()).toBe(false);
      }),
    );
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
      expect.objectContaining({ code: 'NOT_CANONICAL' }),
    );
  });

  test('empty rows, more of them than a block first has room for', () => {
    const collector = new RowCollector();
    for (let i = 0; i < 50_000; i++) collector.add(new Uint8Array(0), 0, 0);
    const block = collector.rest();
    expect([block.count, rowsOf(block).every((row) => row === '')]).toEqual([50_000, true]);
  });
});
