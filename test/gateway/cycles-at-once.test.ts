// Signals and the schedule may ask for a cycle at any moment: never are two at work, none that was asked for is
// forgotten, and a daemon that ends begins none.
import { expect, test } from 'vitest';
import { CycleQueue, type Kind } from '../../src/gateway/daemon/cycle-queue.ts';

/** A queue whose cycles end when the test says so. */
function queue() {
  const stop = new AbortController();
  const done: Kind[] = [];
  let atWork = 0;
  let end: () => void = () => undefined;
  const cycles = new CycleQueue(async (kind) => {
    expect(++atWork).toBe(1);
    done.push(kind);
    await new Promise<void>((resolve) => (end = resolve));
    atWork--;
  }, stop.signal);
  const ends = async (): Promise<void> => {
    end();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { cycles, done, ends, stop };
}

test('two that are asked for while one is at work come to one behind it, the last one', async () => {
  const { cycles, done, ends } = queue();
  cycles.want('due');
  cycles.want('due');
  cycles.want('all');
  expect([done, cycles.waits, cycles.isWorking]).toEqual([['due'], true, true]);
  await ends();
  expect([done, cycles.waits]).toEqual([['due', 'all'], false]);
  await ends();
  await cycles.ended();
  expect([done, cycles.isWorking]).toEqual([['due', 'all'], false]);
});

test('what is asked for during the first look waits for it', async () => {
  const { cycles, done, ends } = queue();
  const looked = cycles.look();
  cycles.want('all');
  expect([done, cycles.waits]).toEqual([['look'], true]);
  await ends();
  await looked;
  expect([done, cycles.waits, cycles.isWorking]).toEqual([['look'], true, false]);
  cycles.want('all');
  await ends();
  await cycles.ended();
  expect(done).toEqual(['look', 'all']);
});

test('a daemon that ends begins none that waits', async () => {
  const { cycles, done, ends, stop } = queue();
  cycles.want('due');
  cycles.want('all');
  stop.abort();
  await ends();
  await cycles.ended();
  expect(done).toEqual(['due']);
});
