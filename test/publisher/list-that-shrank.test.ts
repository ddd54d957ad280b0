// Covers src/publisher/tables
import { expect, test } from 'vitest';
import { DAY, Desk, HOUR, later, people, START } from './desk.ts';

async function published(content: string, policy = 'postmaster = false'): Promise<Desk> {
  const desk = new Desk({ policy });
  await desk.publishes(content, START);
  return desk;
}

test('more than 10 % and more than 10 rows: refused, nothing signed', async () => {
  const desk = await published(people(100));
  desk.list(people(89));
  const refusal = await desk.refusal(later(HOUR));
  expect([refusal.code, refusal.exitStatus]).toEqual(['SHRUNK', 1]);
  expect(refusal.message).toMatch(/^11 of the 100 rows in use would go, more than 10 %.*--dry-run.*--allow-shrink/);
});

test.each([
  ['exactly 10 rows, all there is but one', 11, 1],
  ['exactly 10 %', 200, 180],
])('%s: published', async (_, before, after) => {
  const desk = await published(people(before));
  await desk.publishes(people(after), later(HOUR));
  expect(desk.rows()).toHaveLength(after);
});

test('rows that are replaced are rows that go', async () => {
  const desk = await published(people(100));
  desk.list(people(88) + people(50, 'example.org', 1000));
  expect((await desk.refusal(later(HOUR))).message).toMatch(/^12 of the 100 rows/);
});

test('two domains of few rows: refused; one: published', async () => {
  const all = people(100) + people(2, 'b.example') + people(2, 'c.example');
  const desk = await published(all);
  desk.list(people(100));
  expect((await desk.refusal(later(HOUR))).message).toMatch(/^2 of the 3 domains in use would go/);
  await desk.publishes(people(100) + people(1, 'c.example'), later(HOUR));
  expect(desk.manifest().version).toBe(2);
});

test('a little each hour is a lot a day: the table of a day ago counts too, however many were published since', async () => {
  const desk = await published(people(200));
  desk.toml.top = 'keep_deltas = 1';
  for (let hour = 1; hour <= 4; hour++) await desk.publishes(people(200 - hour * 5), later(hour * HOUR));
  desk.list(people(179));
  // The first table, of 200 rows, is now a day old, and long gone from the tables that are kept.
  expect((await desk.refusal(later(DAY + HOUR / 2))).message).toMatch(/^179 rows against 200 a day ago/);
  expect((await desk.publish(later(DAY + 4 * HOUR))).outcome).toBe('published');
});

test('the table of a day ago may be many days old', async () => {
  const desk = await published(people(200));
  await desk.publishes(people(195), later(5 * DAY));
  desk.list(people(179));
  expect((await desk.refusal(later(5 * DAY + HOUR))).message).toMatch(/^179 rows against 200 a day ago/);
});

test('--allow-shrink publishes, and tells the gateways for 24 h and until the next approval has passed', async () => {
  const desk = await published(people(100) + people(5, 'b.example'));
  desk.list(people(50));
  const now = later(HOUR + 999);
  await desk.publish(now, { allowShrink: true });
  const approved = { until: '2026-11-25T08:00:00Z', rows: 50, domains: 1 };
  expect(desk.manifest().shrinkApproved).toEqual(approved);
  await desk.publishes(people(60), later(20 * HOUR));
  expect(desk.manifest().shrinkApproved).toEqual(approved);
  await desk.publishes(people(61), later(26 * HOUR));
  expect(desk.manifest()).not.toHaveProperty('shrinkApproved');
});

test('an approval that stands lets a table pass that is no smaller than the approved one', async () => {
  const desk = await published(people(100));
  await desk.publishes(people(50), later(HOUR), { allowShrink: true });
  await desk.publishes(people(100), later(2 * HOUR));
  await desk.publishes(people(50), later(3 * HOUR));
  desk.list(people(39));
  expect((await desk.refusal(later(4 * HOUR))).code).toBe('SHRUNK');
});

test('--allow-shrink with nothing changed approves what is published, for gateways with a stricter guard', async () => {
  const desk = await published(people(100));
  const result = await desk.publish(later(HOUR), { allowShrink: true });
  expect([result.outcome, result.version]).toEqual(['renewed', 2]);
  expect(desk.manifest().shrinkApproved).toEqual({ until: '2026-11-25T08:00:00Z', rows: 100, domains: 1 });
});

test('--allow-shrink does not publish nothing', async () => {
  const desk = await published(people(100));
  desk.list('');
  expect((await desk.refusal(later(HOUR), { allowShrink: true })).code).toBe('SOURCE');
});

test('--dry-run tells the difference and the refusal, and writes nothing', async () => {
  const desk = await published(people(20) + people(2, 'b.example'));
  const before = desk.snapshot();
  desk.list(people(8) + 'new@c.example\n');
  const { outcome, difference } = await desk.publish(later(HOUR), { dryRun: true });
  expect(outcome).toBe('dry-run');
  expect(difference).toMatchObject({
    added: 1,
    removed: 14,
    domainsAdded: ['c.example'],
    domainsRemoved: ['b.example'],
  });
  expect(difference?.rows).toContain('+new@c.example');
  expect(difference?.rows).toContain('-user1@b.example');
  expect(difference?.refusal).toMatch(/^14 of the 22 rows/);
  expect(desk.snapshot()).toBe(before);
});

test('--dry-run before the first publish makes no folder', async () => {
  const desk = new Desk();
  desk.list(people(2));
  expect((await desk.publish(START, { dryRun: true })).difference).toMatchObject({ added: 2, removed: 0 });
  expect(desk.snapshot()).toBe('');
});

test('going to and fro between two lists does not shorten the history: the first count of the day stays the measure', async () => {
  const desk = await published(people(1000));
  let size = 1000;
  // Each step alone loses less than 10 %, and each list comes twice.
  for (let minute = 1; minute <= 20; minute++) {
    const next = minute % 2 === 0 ? 1000 : 950;
    await desk.publishes(people(next), later(minute * 60_000));
    size = next;
  }
  expect(size).toBe(1000);
  desk.list(people(950));
  await desk.publish(later(21 * 60_000));
  desk.list(people(860));
  expect((await desk.refusal(later(22 * 60_000))).message).toMatch(/^860 rows against 1000 a day ago/);
});

test('a shrink that was accepted is the new measure of the day', async () => {
  const desk = await published(people(200));
  await desk.publishes(people(100), later(HOUR), { allowShrink: true });
  await desk.publishes(people(95), later(30 * HOUR));
  expect(desk.rows()).toHaveLength(95);
});

test('a refusal says in one line which domains lose most, and how many others', async () => {
  const domains = Array.from({ length: 50 }, (_, i) => people(2, `d${i}.example`)).join('');
  const desk = await published(people(100) + people(30, 'big.example') + domains);
  desk.list(people(100) + people(10, 'big.example'));
  const { message } = await desk.refusal(later(HOUR));
  expect(message).toMatch(
    /^120 of the 230 rows in use would go, more than 10 % \(of big\.example 20; of d\d+\.example 2, the whole domain; (?:of d\d+\.example 2, the whole domain; ){3}of 46 more domains 92\)\. /,
  );
});
