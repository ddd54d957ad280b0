// The thread in which mutants live: loads the bundle of a mutated file and its tests anew for each mutant, and runs
// the tests that reach it.
import { parentPort, workerData } from 'node:worker_threads';
import { collected, cpuMs, endSuites, runTest } from './harness.mjs';

/**
 * No test needs an array of more bytes: a mutant that doubles one for ever ends here, and not with the host's
 * memory.
 */
const MOST_BYTES = 1024 * 1024 * 1024;
for (const name of ['Uint8Array', 'Int32Array', 'Uint32Array', 'Float64Array']) {
  const array = globalThis[name];
  globalThis[name] = new Proxy(array, {
    construct(_, args, made) {
      if (typeof args[0] === 'number' && args[0] * array.BYTES_PER_ELEMENT > MOST_BYTES)
        throw new RangeError(`a ${name} of ${args[0]} elements: more than a test may take`);
      return Reflect.construct(array, args, made === globalThis[name] ? array : made);
    },
  });
}

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
    for (const i of order) {
      parentPort.postMessage({ test: i }, []);
      await runTest(tests[i]);
    }
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
