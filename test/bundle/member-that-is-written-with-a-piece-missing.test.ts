// Writing a gzip member: every piece is in it, whoever takes the bytes is not run over, and what goes wrong there
// is heard of.
import { constants, gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gzipped, GzipWriter } from '../../src/bundle/table/gzip-writer.ts';

/** Bytes that do not compress. */
const noise = (length: number) => {
  const bytes = new Uint8Array(length);
  let state = 20_261_124;
  for (let i = 0; i < length; i++) bytes[i] = (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24;
  return bytes;
};
const text = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `user${i}@example.org\n`).join(''));

async function written(pieces: readonly Uint8Array[], level: number): Promise<{ member: Buffer; size: number }> {
  const chunks: Uint8Array[] = [];
  const writer = new GzipWriter(level, (chunk) => chunks.push(chunk));
  for (const piece of pieces) await writer.write(piece);
  const size = await writer.end();
  expect(writer.wireBytes).toBe(size);
  return { member: Buffer.concat(chunks), size };
}

describe('piece by piece', () => {
  test('all of it is there, and its size is told', async () => {
    for (const bytes of [new Uint8Array(0), text, noise(300_000)]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / 7000) }, (_, i) =>
        bytes.subarray(i * 7000, (i + 1) * 7000),
      );
      const { member, size } = await written(pieces, 6);
      expect(gunzipSync(member).equals(bytes)).toBe(true);
      expect(size).toBe(member.length);
    }
  });

  test('each is taken before the write ends: its memory may be used again', async () => {
    for (const size of [100, 16_000, 300_000]) {
      const memory = new Uint8Array(size);
      const bytes = noise(10 * size);
      const chunks: Uint8Array[] = [];
      const writer = new GzipWriter(1, (chunk) => chunks.push(chunk));
      for (let at = 0; at < bytes.length; at += size) {
        memory.set(bytes.subarray(at, at + size));
        await writer.write(memory);
      }
      memory.fill(0);
      await writer.end();
      expect(gunzipSync(Buffer.concat(chunks)).equals(bytes)).toBe(true);
    }
  });

  test('at the level that was asked for', async () => {
    const sizes = await Promise.all([1, 9].map(async (level) => (await written([text], level)).size));
    expect(sizes).toEqual([1, 9].map((level) => gzipSync(text, { level }).length));
    expect(sizes[0]).not.toBe(sizes[1]);
  });

  test('a writer that is ahead waits until its bytes are taken', async () => {
    let taken = 0;
    const writer = new GzipWriter(0, (chunk) => (taken += chunk.length));
    const bytes = noise(4 * 1024 * 1024);
    await writer.write(bytes);
    expect(taken).toBeGreaterThan(bytes.length - 256 * 1024);
    await writer.end();
  });

  test('a writer that is not ahead does not wait', async () => {
    const writer = new GzipWriter(6, () => undefined);
    // Nothing is drained where nothing was full: to wait for that would be to wait for ever.
    for (let i = 0; i < 10; i++) await writer.write(Buffer.from('user@example.org\n'));
    expect(await writer.end()).toBeGreaterThan(0);
  });
});

describe('a disk that is full', () => {
  const full = new Error('no space is left');
  const refusing = (after: number) => {
    let taken = 0;
    return new GzipWriter(0, (chunk) => {
      if ((taken += chunk.length) > after) throw full;
    });
  };

  test('comes out of the writing', async () => {
    const writer = refusing(100_000);
    const write = async () => {
      for (let i = 0; i < 100; i++) await writer.write(noise(100_000));
    };
    await expect(write()).rejects.toBe(full);
    await expect(writer.end()).rejects.toBe(full);
  });

  test('comes out of the end, if it shows only there', async () => {
    const writer = refusing(0);
    await writer.write(Buffer.from('user@example.org\n')); // still in zlib's own memory, but for the header
    await expect(writer.end()).rejects.toBe(full);
  });
});

test('a member that is let go takes no more, and nobody waits for it', async () => {
  let taken = 0;
  const writer = new GzipWriter(0, (chunk) => (taken += chunk.length));
  const waiting = writer.write(noise(1_000_000));
  writer.destroy();
  const before = taken;
  const fault = { code: 'INTERNAL', message: 'a gzip member was let go before its end' };
  await expect(waiting).rejects.toMatchObject(fault);
  await expect(writer.write(noise(1000))).rejects.toMatchObject(fault);
  await expect(writer.end()).rejects.toMatchObject(fault);
  expect(taken).toBe(before);
});

describe('a whole member at once', () => {
  test.each([0, 1, 1000, 300_000])('of %i bytes', async (length) => {
    expect(gunzipSync(await gzipped(noise(length), {})).equals(noise(length))).toBe(true);
  });

  test('is the one that its options ask for', async () => {
    for (const options of [{ level: 1 }, { level: 9 }, { level: 6, strategy: constants.Z_HUFFMAN_ONLY }]) {
      expect(Buffer.compare(await gzipped(text, options), gzipSync(text, options))).toBe(0);
    }
  });

  test('says why it could not be made', async () => {
    await expect(gzipped(noise(100_000), { maxOutputLength: 1000 })).rejects.toMatchObject({
      code: 'ERR_BUFFER_TOO_LARGE',
    });
  });
});
