/**
 * The union of sorted row streams, each limited to the domains it may speak for; one sorted stream without
 * duplicates. Pure.
 */
import { compareBytes, RowCollector, RowCursor, type RowBlock, type RowStream } from '../bundle/table/rows.ts';
import { domainStart } from '../bundle/address/row-domain.ts';

export interface Member {
  readonly rows: RowStream;
  /** Which domains' rows count; null for all. */
  readonly speaksFor: ((domain: string) => boolean) | null;
}

export async function* union(members: readonly Member[]): AsyncGenerator<RowBlock> {
  const [only] = members;
  if (members.length === 1 && only !== undefined) {
    yield* only.speaksFor === null ? only.rows : limited(only.rows, only.speaksFor);
    return;
  }
  const all = members.map(({ rows, speaksFor }) => new RowCursor(speaksFor === null ? rows : limited(rows, speaksFor)));
  try {
    yield* merged(all);
  } finally {
    for (const cursor of all) await cursor.close();
  }
}

async function* merged(all: readonly RowCursor[]): AsyncGenerator<RowBlock> {
  const cursors: RowCursor[] = [];
  for (const cursor of all) if (await cursor.load()) cursors.push(cursor);
  const out = new RowCollector();
  while (cursors.length > 0) {
    const least = cursors.reduce((a, b) => (compare(b, a) < 0 ? b : a));
    out.add(least.bytes, least.start, least.end);
    // Every stream that stands on this row moves on; the least one last, since the others are compared with it.
    for (const c of cursors.filter((c) => c !== least && compare(c, least) === 0)) await advance(c, cursors);
    await advance(least, cursors);
    const block = out.full();
    if (block !== null) yield block;
  }
  yield out.rest();
}

const compare = (a: RowCursor, b: RowCursor): number => compareBytes(a.bytes, a.start, a.end, b.bytes, b.start, b.end);

async function advance(cursor: RowCursor, cursors: RowCursor[]): Promise<void> {
  if (!cursor.step() && !(await cursor.load())) cursors.splice(cursors.indexOf(cursor), 1);
}

async function* limited(rows: RowStream, speaksFor: (domain: string) => boolean): AsyncGenerator<RowBlock> {
  const known = new Map<string, boolean>();
  for await (const block of rows) {
    const out = new RowCollector();
    for (let i = 0; i < block.count; i++) {
      const start = block.starts[i] ?? 0;
      const end = (block.starts[i + 1] ?? 1) - 1;
      const domain = Buffer.from(block.bytes.subarray(domainStart(block.bytes, start, end), end)).toString();
      let speaks = known.get(domain);
      if (speaks === undefined) known.set(domain, (speaks = speaksFor(domain)));
      if (speaks) out.add(block.bytes, start, end);
      const full = out.full();
      if (full !== null) yield full;
    }
    yield out.rest();
  }
}
