// What is promised in seconds holds on a machine that has nothing else to do. How much slower the tests' machine is
// at the moment is seen by a command whose seconds are known: a promise is then held to as many times more.
import { performance } from 'node:perf_hooks';

export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

/** The upper one of two in the middle. */
export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

/** At least 1. @param taken seconds of a command. @param usual what it takes where nothing else is done. */
export const slowness = (taken: readonly number[], usual: number): number => Math.max(1, median(taken) / usual);
