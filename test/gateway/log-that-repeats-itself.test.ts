// A daemon that fails every minute for a week must not fill the journal with one sentence; nor may a bundle that is
// left alone for a while have its sentence said again at each try.
import { expect, test } from 'vitest';
import { CycleLog, tell } from '../../src/gateway/daemon/cycle-log.ts';
import type { BundleOutcome, Outcome } from '../../src/gateway/outcome.ts';

const HOUR = 3_600_000;

function listening() {
  const said: string[] = [];
  let now = 0;
  const log = new CycleLog(
    (_, message) => said.push(message),
    () => now,
  );
  return {
    said,
    wait: (ms: number) => (now += ms),
    /** One cycle that says these, with these bundles left alone. */
    cycle: (messages: readonly string[], left: readonly string[] = []) => {
      const say = log.begin();
      for (const message of messages) say('warning', message);
      log.end(left);
      return said.splice(0);
    },
  };
}

test('the same is said once; what is new, or was gone, is said', () => {
  const { cycle } = listening();
  expect(cycle(['a: down'])).toEqual(['a: down']);
  expect(cycle(['a: down'])).toEqual([]);
  expect(cycle(['a: down', 'b: down'])).toEqual(['b: down']);
  expect(cycle([])).toEqual([]);
  expect(cycle(['a: down'])).toEqual(['a: down']);
});

test('a bundle that is left alone for some cycles: its sentence still counts as said', () => {
  const { cycle } = listening();
  cycle(['a: down', 'ab: down']);
  for (let minute = 0; minute < 8; minute++) expect(cycle(['ab: down'], ['a'])).toEqual([]);
  expect(cycle(['a: down', 'ab: down'])).toEqual([]);
  expect(cycle([], ['a'])).toEqual([]);
  expect(cycle(['a: down', 'ab: down'])).toEqual(['ab: down']);
});

test('after an hour it is said once more', () => {
  const { cycle, wait } = listening();
  cycle(['a: down']);
  wait(HOUR + 1);
  expect(cycle(['a: down'])).toEqual(['a: down']);
  expect(cycle(['a: down'])).toEqual([]);
});

test('an unchanged bundle is no news; a refusal comes with its code and what is still in use', () => {
  const said: string[] = [];
  const bundle = (change: Partial<BundleOutcome>): BundleOutcome => ({
    name: 'a',
    outcome: 'unchanged',
    code: null,
    message: null,
    version: 3,
    rows: 10,
    via: 'none',
    wireBytes: 0,
    ms: 1,
    ...change,
  });
  const outcome = (b: BundleOutcome): Outcome => ({ outcome: b.outcome, bundles: [b] });
  tell(outcome(bundle({})), (_, message) => said.push(message));
  expect(said).toEqual([]);
  tell(outcome(bundle({ outcome: 'kept', code: 'SHRUNK', message: 'too far' })), (level, m) =>
    said.push(`${level} ${m}`),
  );
  expect(said[0]).toBe('error a: SHRUNK: too far');
  expect(said.at(-1)).toMatch(/^notice a: version 3 .* still in use$/);
});
