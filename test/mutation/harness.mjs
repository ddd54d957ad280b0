// Stands in for vitest in the bundle of a mutated file and its tests: describe, test and hooks are noted down,
// `expect` is vitest's own. Everything runs in one thread, over and over, which takes milliseconds where a run of
// vitest takes a second.
import { chai, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from '@vitest/expect';
import * as fc from 'fast-check';

// The same inputs each time, and the first that fails will do.
fc.configureGlobal({ seed: 20_261_124, endOnFailure: true });

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign((value, message) => chai.expect(value, message), chai.expect);
expect.poll = (read) =>
  new Proxy(
    {},
    {
      get:
        (_, matcher) =>
        async (...args) => {
          for (let tries = 20; ; tries--) {
            try {
              return expect(await read())[matcher](...args);
            } catch (error) {
              if (tries === 0) throw error;
              await new Promise((resolve) => setTimeout(resolve, 50));
            }
          }
        },
    },
  );
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });
setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect);

const suite = (parent) => ({ parent, beforeEach: [], afterEach: [], beforeAll: [], afterAll: [], begun: false });
let tests = [];
let here = suite(null);
let finished = [];

export function describe(_, body) {
  here = suite(here);
  body();
  here = here.parent;
}

export function test(name, body) {
  tests.push({ name, body, suite: here });
}

const each = (one) => (rows) => (name, body) => {
  for (const row of rows) one(name, () => (Array.isArray(row) ? body(...row) : body(row)));
};
describe.each = each(describe);
test.each = each(test);

export const beforeEach = (hook) => void here.beforeEach.push(hook);
export const afterEach = (hook) => void here.afterEach.push(hook);
export const beforeAll = (hook) => void here.beforeAll.push(hook);
export const afterAll = (hook) => void here.afterAll.push(hook);
export const onTestFinished = (hook) => void finished.push(hook);

/** The tests that `load` notes down, in their order. */
export async function collected(load) {
  tests = [];
  here = suite(null);
  await load();
  return tests;
}

/**
 * Milliseconds of the processor that this process has used: on a loaded machine the clock says nothing about who is
 * stuck.
 */
export const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** A test that waits is stuck once the processor has had nothing to do for so long. */
const IDLE_MS = 5000;

/** Runs one test with its hooks. @throws what the test or a hook throws, and where it waits for what does not come. */
export async function runTest({ body, suite: own }) {
  const suites = [];
  for (let s = own; s !== null; s = s.parent) suites.unshift(s);
  finished = [];
  let timer;
  const late = new Promise((_, reject) => {
    let [used, since] = [cpuMs(), performance.now()];
    timer = setInterval(() => {
      if (cpuMs() - used > IDLE_MS / 100) [used, since] = [cpuMs(), performance.now()];
      else if (performance.now() - since > IDLE_MS) reject(new Error('it waits for what does not come'));
    }, 500);
  });
  const all = async () => {
    try {
      for (const s of suites) {
        if (!s.begun) for (const hook of s.beforeAll) await hook();
        s.begun = true;
        for (const hook of s.beforeEach) await hook();
      }
      await body();
    } finally {
      for (const s of suites.toReversed()) for (const hook of s.afterEach) await hook();
      for (const hook of finished) await hook();
    }
  };
  try {
    await Promise.race([all(), late]);
  } finally {
    clearInterval(timer);
  }
}

/** What was begun for a whole suite ends. */
export async function endSuites(ran) {
  const suites = new Set();
  for (const { suite: own } of ran) for (let s = own; s !== null; s = s.parent) suites.add(s);
  for (const s of suites) if (s.begun) for (const hook of s.afterAll) await hook();
}
