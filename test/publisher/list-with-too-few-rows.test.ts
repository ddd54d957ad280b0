// `min_rows`: what a source gives at a first publish has nothing to be compared with, so a floor says what is too
// little.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Desk, HOUR, later, people, START } from './desk.ts';

test('the first publish of a list under policy.min_rows is refused, and so is each later one', async () => {
  const desk = new Desk({ policy: 'postmaster = false\nmin_rows = 100' });
  desk.list(people(99));
  const refusal = await desk.refusal(START);
  expect([refusal.code, refusal.exitStatus]).toEqual(['TOO_FEW', 1]);
  expect(refusal.message).toMatch(/^the list has 99 rows, policy\.min_rows is 100/);
  expect(existsSync(desk.output)).toBe(false);
  await desk.publishes(people(100), START);
  desk.list(people(99));
  expect((await desk.refusal(later(HOUR))).code).toBe('TOO_FEW');
  // No option lifts it.
  expect((await desk.refusal(later(HOUR), { allowShrink: true })).code).toBe('TOO_FEW');
  expect(desk.manifest().version).toBe(1);
});

test('a source under its own min_rows is refused by name, however long the list is', async () => {
  const desk = new Desk();
  desk.toml.rest = `[[source]]\ntype = "file"\nname = "shop"\npath = "${desk.at('shop')}"\nmin_rows = 20\n`;
  desk.list(people(19, 'shop.example') + people(5, 'shop.example'), 'shop');
  desk.list(people(1000));
  const { code, message } = await desk.refusal(START);
  expect([code, message]).toEqual(['TOO_FEW', expect.stringMatching(/^shop gave 19 rows, its min_rows is 20/)]);
  desk.list(people(20, 'shop.example'), 'shop');
  expect((await desk.publish(START)).outcome).toBe('published');
});

test('--dry-run says it, and writes nothing', async () => {
  const desk = new Desk({ policy: 'postmaster = false\nmin_rows = 3' });
  desk.list(people(2));
  const { difference } = await desk.publish(START, { dryRun: true });
  expect(difference?.refusal).toMatch(/^the list has 2 rows/);
  expect(existsSync(desk.stateDir)).toBe(false);
});
