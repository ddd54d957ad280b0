// One slow bundle slows only itself: what has come is brought live while the rest is still on its way.
import { expect, test } from 'vitest';
import { inStages } from '../../src/gateway/cycle/stages.ts';

const groupsOf = async <T>(coming: readonly Promise<T>[], patience: number): Promise<T[][]> => {
  const groups: T[][] = [];
  for await (const group of inStages(coming, patience)) groups.push(group);
  return groups;
};

test('what comes in time is one group, and nothing at all is an empty one', async () => {
  expect(await groupsOf([Promise.resolve(1), Promise.resolve(2)], 60_000)).toEqual([[1, 2]]);
  expect(await groupsOf([], 60_000)).toEqual([[]]);
  expect(await groupsOf([Promise.resolve(1)], Number.POSITIVE_INFINITY)).toEqual([[1]]);
});

test('a slow one is not waited for, and comes in a group of its own', async () => {
  let goOn: (value: string) => void = () => undefined;
  const slow = new Promise<string>((resolve) => (goOn = resolve));
  const stages = inStages([slow, Promise.resolve('quick')], 5);
  expect((await stages.next()).value).toEqual(['quick']);
  goOn('slow');
  expect((await stages.next()).value).toEqual(['slow']);
  expect((await stages.next()).done).toBe(true);
});

test('where nothing has come there is no group yet', async () => {
  let goOn: (value: number) => void = () => undefined;
  const slow = new Promise<number>((resolve) => (goOn = resolve));
  const groups = groupsOf([slow], 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  goOn(7);
  expect(await groups).toEqual([[7]]);
});

test('what fails is thrown, after what has come before it', async () => {
  let fail: (error: Error) => void = () => undefined;
  const slow = new Promise<number>((_, reject) => (fail = reject));
  const stages = inStages([slow, Promise.resolve(1)], 5);
  expect((await stages.next()).value).toEqual([1]);
  fail(new Error('gone'));
  await expect(stages.next()).rejects.toThrow('gone');
});
