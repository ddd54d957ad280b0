// The thread in which mutants live: loads the bundle of a mutated file and its tests anew for each mutant, and runs the tests that reach it.
import { parentPort, workerData } from 'node:worker_threads';
import { collected, cpuMs, endSuites, runTest } from './harness.mjs';

let loads = 0;
// Of an earlier mutant's test that was given up: no word on the one that lives now.
process.on('unhandledRejection', () => undefined);

const load = () => collected(() => import(`${workerData.bundle}?${loads++}`));

/** Without a mutant: which tests reach which mutants how often, and how long each test takes. */
async function survey() {
  const ns = (globalThis.__stryker__ = {});
  const tests = await load();
  const times = [];
  for (const [i, each] of tests.entries()) {
    ns.currentTestId = String(i);
    const began = cpuMs();
    await runTest(each).catch((error) => {
      throw new Error(`${each.name} fails without a mutant: ${error?.message}`, { cause: error });
    });
    times.push(cpuMs() - began);
    ns.currentTestId = undefined;
  }
  await endSuites(tests);
  return { times, coverage: ns.mutantCoverage ?? { static: {}, perTest: {} } };
}

/** Whether one of these tests, in this order, fails while the mutant lives. */
async function caught({ id, order, hitLimit }) {
  const ns = (globalThis.__stryker__ ??= {});
  Object.assign(ns, { activeMutant: id, hitCount: 0, hitLimit, currentTestId: undefined });
  let tests = [];
  try {
    tests = await load();
    for (const i of order) await runTest(tests[i]);
    return false;
  } catch {
    return true;
  } finally {
    ns.activeMutant = undefined;
    await endSuites(tests).catch(() => undefined);
  }
}

async function answer(task) {
  try {
    parentPort.postMessage({ answer: task === 'survey' ? await survey() : await caught(task) }, []);
  } catch (error) {
    parentPort.postMessage({ fault: error?.stack ?? String(error) }, []);
  }
}

parentPort.on('message', (task) => void answer(task));
