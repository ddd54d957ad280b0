// No more bundles are asked at once than there are places, and one that is slow keeps its place from nobody.
import { expect, test } from 'vitest';
import { Places } from '../../src/gateway/cycle/places.ts';

/** Work that ends when it is told to. */
function held(): { readonly work: () => Promise<string>; readonly begun: Promise<void>; end: () => void } {
  let end: () => void = () => undefined;
  let tell: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (tell = resolve));
  const over = new Promise<string>((resolve) => (end = () => resolve('done')));
  return {
    work: () => {
      tell();
      return over;
    },
    begun,
    end: () => end(),
  };
}

const LONG = 600_000;

test('the third waits for one of two places, in its turn', async () => {
  const places = new Places(2);
  const [a, b, c] = [held(), held(), held()];
  const order: string[] = [];
  const runs = [a, b, c].map((each, i) => places.take(each.work, LONG).finally(() => order.push(`end ${i}`)));
  void c.begun.then(() => order.push('begin 2'));
  await Promise.all([a.begun, b.begun]);
  expect(order).toEqual([]);
  b.end();
  await c.begun;
  a.end();
  c.end();
  expect(await Promise.all(runs)).toEqual(['done', 'done', 'done']);
  expect(order.indexOf('begin 2')).toBeLessThan(order.indexOf('end 0'));
});

test('a slow one gives its place away and goes on', async () => {
  const places = new Places(1);
  const [slow, next] = [held(), held()];
  const first = places.take(slow.work, 1);
  const second = places.take(next.work, LONG);
  await next.begun; // nothing but the slow one's place lets it begin
  slow.end();
  next.end();
  expect(await Promise.all([first, second])).toEqual(['done', 'done']);
});

test('work that fails gives its place back', async () => {
  const places = new Places(1);
  await expect(places.take(() => Promise.reject(new Error('gone')), LONG)).rejects.toThrow('gone');
  expect(await places.take(() => Promise.resolve(1), LONG)).toBe(1);
});
