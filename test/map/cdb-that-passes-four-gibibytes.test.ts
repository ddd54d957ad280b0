// Offsets of a cdb have 32 bits: what they cannot say is refused before the disk is full of it.
import { expect, test } from 'vitest';
import { RowCollector } from '../../src/bundle/table/rows.ts';
import { CompileError } from '../../src/errors.ts';
import { CdbWriter } from '../../src/map/cdb-writer.ts';

test('a cdb that would pass 4 GiB stops before it does', () => {
  let bytes = 0;
  const writer = new CdbWriter(
    { append: (part) => (bytes += part.length), writeAt: () => expect.fail('the header') },
    Buffer.alloc(100_000),
  );
  const rows = new RowCollector();
  for (let i = 0; i < 1000; i++) rows.add(Buffer.from(`${i}@x.org`), 0, Buffer.byteLength(`${i}@x.org`));
  const block = rows.rest();
  const fill = () => {
    for (let i = 0; i < 50; i++) writer.add(block);
  };
  expect(fill).toThrow(expect.objectContaining({ name: CompileError.name, code: 'OVER_LIMIT' }));
  expect(bytes).toBeLessThanOrEqual(2 ** 32);
  // What was added fits, and the hash tables behind it do not.
  expect(() => writer.finish()).toThrow(expect.objectContaining({ name: CompileError.name, code: 'OVER_LIMIT' }));
  expect(bytes).toBeGreaterThan(2 ** 32 - 1_000_000);
  expect(bytes).toBeLessThanOrEqual(2 ** 32);
});
