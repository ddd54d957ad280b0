// One of several sources loses much of what it gave, and the whole list hardly shrinks: refused all the same, by
// that source's name.
import { readdirSync, truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Desk, later, people, HOUR, START } from './desk.ts';

/** Staff is large, the shop small. */
function desk(lines = ''): Desk {
  const rest = (at: string) => `[[source]]\ntype = "file"\nname = "shop"\npath = "${at}"\n${lines}\n`;
  const made = new Desk();
  made.toml = { ...made.toml, rest: rest(made.at('shop')) };
  return made;
}

async function published(at: Desk): Promise<void> {
  at.list(people(30, 'shop.example'), 'shop');
  await at.publishes(people(1000), START);
}

test('half of a small source', async () => {
  const at = desk();
  await published(at);
  at.list(people(15, 'shop.example'), 'shop');
  const { code, message } = await at.refusal(later(HOUR));
  expect([code, message]).toEqual([
    'SHRUNK',
    expect.stringMatching(/^shop: 15 of the 30 rows in use would go.*--allow-shrink$/),
  ]);
  const { outcome } = await at.publish(later(HOUR), { allowShrink: true });
  expect([outcome, at.manifest().tables.recipients.rows]).toEqual(['published', 1015]);
  // What was allowed is the new measure.
  at.list(people(14, 'shop.example'), 'shop');
  expect((await at.publish(later(2 * HOUR))).outcome).toBe('published');
});

test('its own max_shrink_percent lets it, and no other', async () => {
  const at = desk('max_shrink_percent = 60');
  await published(at);
  at.list(people(15, 'shop.example'), 'shop');
  expect((await at.publish(later(HOUR))).outcome).toBe('published');
  at.list(people(1, 'shop.example'), 'shop');
  expect((await at.refusal(later(2 * HOUR))).message).toMatch(/^shop: 14 of the 15 rows .* more than 60 %/);
});

test('addresses that another source still has are missed in the source that lost them', async () => {
  const at = desk();
  at.list(people(30), 'shop'); // all of them are staff's too
  await at.publishes(people(1000), START);
  at.list(people(10), 'shop');
  at.list(people(1001));
  expect((await at.refusal(later(HOUR))).message).toMatch(/^shop: 20 of the 30 rows/);
  await at.publish(later(HOUR), { allowShrink: true });
  expect(at.manifest().tables.recipients.rows).toBe(1001);
});

test('a source that is new, or has left the configuration, is no shrinkage of its own', async () => {
  const at = desk();
  const both = at.toml;
  at.toml = { ...both, rest: '' };
  await at.publishes(people(1000), START);
  at.toml = both;
  at.list(people(30, 'shop.example'), 'shop');
  expect((await at.publish(later(HOUR))).outcome).toBe('published');
  at.toml = { ...both, rest: '' };
  expect((await at.publish(later(2 * HOUR))).outcome).toBe('published');
  expect(readdirSync(at.at('state', 'sources'))).toEqual([]);
});

test('the kept rows of a source are damaged: STATE, not «nothing to compare with»', async () => {
  const at = desk();
  await published(at);
  for (const name of readdirSync(at.at('state', 'sources'))) truncateSync(at.at('state', 'sources', name), 20);
  at.list(people(15, 'shop.example'), 'shop');
  expect(await at.refusal(later(HOUR))).toMatchObject({
    code: 'STATE',
    message: expect.stringMatching(/damaged.*remove it/) as string,
  });
});

test('a dry run says which source each row comes from, and which had it', async () => {
  const at = desk();
  at.toml = { ...at.toml, policy: 'postmaster = true' };
  at.list('old@shop.example\nboth@example.org\n', 'shop');
  await at.publishes(`${people(20)}both@example.org\nleaver@example.org\n`, START);
  at.list('new@shop.example\nboth@example.org\n', 'shop');
  at.list(`${people(20)}joiner@example.net\n`);
  const { difference } = await at.publish(later(HOUR), { dryRun: true });
  const found = Object.fromEntries((difference?.rows ?? []).map((row, i) => [row, difference?.from[i]]));
  expect(found).toEqual({
    '+joiner@example.net': ['staff'],
    '-leaver@example.org': ['staff'],
    '+new@shop.example': ['shop'],
    '-old@shop.example': ['shop'],
    '+postmaster@example.net': ['policy.postmaster'],
  });
});

test('a little at a time: the rows of a day ago count for each source too', async () => {
  const at = desk();
  at.list(people(100, 'shop.example'), 'shop');
  await at.publishes(people(1000), START);
  for (const [hour, rows] of [91, 83].entries()) {
    at.list(people(rows, 'shop.example'), 'shop');
    const refused = rows === 83;
    if (refused)
      expect((await at.refusal(later((hour + 1) * HOUR))).message).toMatch(/^shop: 83 rows against 100 a day ago/);
    else expect((await at.publish(later((hour + 1) * HOUR))).outcome).toBe('published');
  }
});
