// A body that is hundreds of times larger than its text: what bounds rows and bytes would not bound what is
// downloaded and kept.
import { expect, onTestFinished, test } from 'vitest';
import { LONGER, Scene } from '../support/scene.ts';

test('790 bytes of text in megabytes of empty deflate blocks are no table', async () => {
  const scene = await Scene.open();
  onTestFinished(() => scene.close());
  const member = (honest: Buffer): Buffer => {
    // An empty stored block each, before the deflate stream that ends: any inflater takes them, and they say nothing.
    const blocks = Buffer.alloc(3_000_000, Buffer.from('000000ffff', 'hex'));
    return Buffer.concat([honest.subarray(0, 10), blocks, honest.subarray(10)]);
  };
  scene.publish(LONGER, { wire: member });
  const { bundle } = await scene.refused('BAD_MANIFEST', ['manifest.json']);
  expect(bundle.message).toMatch(/wireBytes 30\d{5} is more than \d+, the most for \d+ bytes/);
  // Told smaller than it is: reading stops at the first byte too many.
  const { table } = scene.publish(LONGER, { wire: member, table: (t) => ({ ...t, wireBytes: 1500 }) });
  const { bundle: told } = await scene.refused('LENGTH_MISMATCH', ['manifest.json', table]);
  expect(told.wireBytes).toBeLessThan(200_000);
  scene.publish(LONGER);
  await scene.installs(4, LONGER);
});
