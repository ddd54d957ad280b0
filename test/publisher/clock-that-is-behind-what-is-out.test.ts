// A central clock that was ahead has signed a version of the future. Once it is right again nothing goes out by
// itself: by hand, once.
import { expect, test } from 'vitest';
import { DAY, Desk, later, people, START } from './desk.ts';

const MINUTE = 60_000;

async function ahead(): Promise<Desk> {
  const desk = new Desk();
  await desk.publishes(people(20), later(30 * DAY));
  return desk;
}

test('more than ten minutes behind: CLOCK, exit 2, nothing is written, also where nothing has changed', async () => {
  const desk = await ahead();
  const before = desk.snapshot();
  for (const list of [people(20), people(21)]) {
    desk.list(list);
    const { code, exitStatus, message } = await desk.refusal(later(30 * DAY - 10 * MINUTE - 1000));
    expect([code, exitStatus]).toEqual(['CLOCK', 2]);
    expect(message).toMatch(
      /clock of this host says 2026-12-24T06:49:59Z.*version 1 was made at 2026-12-24T07:00:00Z.*--accept-clock/,
    );
  }
  expect(desk.snapshot()).toBe(before);
  const { difference } = await desk.publish(START, { dryRun: true });
  expect(difference?.refusal).toMatch(/^the clock of this host says 2026-11-24T07:00:00Z/);
});

test('ten minutes are no reason; `created` does not go back for them', async () => {
  const desk = await ahead();
  await desk.publishes(people(21), later(30 * DAY - 10 * MINUTE));
  expect(desk.manifest()).toMatchObject({
    version: 2,
    created: '2026-12-24T07:00:00Z',
    expires: '2026-12-31T07:00:00Z',
  });
});

test('--accept-clock publishes with the time of this clock, also the same list; then all is as before', async () => {
  const desk = await ahead();
  const result = await desk.publish(START, { acceptClock: true });
  expect([result.outcome, result.version]).toEqual(['renewed', 2]);
  expect(desk.manifest()).toMatchObject({ created: '2026-11-24T07:00:00Z', expires: '2026-12-01T07:00:00Z' });
  await desk.publishes(people(21), later(MINUTE));
  expect(desk.manifest()).toMatchObject({ version: 3, created: '2026-11-24T07:01:00Z' });
  // Half of its time has passed: renewed.
  expect((await desk.publish(later(4 * DAY))).outcome).toBe('renewed');
});
