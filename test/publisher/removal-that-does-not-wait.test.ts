// `remove_after`: an address that its sources no longer have stays so long, whatever happens meanwhile, and goes
// when it is due.
// Covers src/publisher/removals, src/io/scratch-file.ts
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/publisher/explain.ts';
import { DAY, Desk, HOUR, later, people, START } from './desk.ts';

const STAYS = 'postmaster = false\nremove_after = "72h"';
const base = people(50);

async function published(policy = STAYS, rest = ''): Promise<Desk> {
  const desk = new Desk({ policy, rest });
  await desk.publishes(`${base}gone@example.org\n`, START);
  return desk;
}

const second = (desk: Desk, lines = ''): string =>
  `[[source]]\ntype = "file"\nname = "shop"\npath = "${desk.at('shop')}"\n${lines}\n`;

test('an address that is gone stays for 72 h from when it was missed, then goes; nothing else is written before', async () => {
  const desk = await published();
  desk.list(base);
  const first = await desk.publish(later(HOUR));
  expect([first.outcome, first.waiting, first.nextRemoval]).toEqual(['unchanged', 1, later(73 * HOUR)]);
  expect(readdirSync(path.join(desk.stateDir, 'waiting'))).toHaveLength(1);
  const before = desk.snapshot();
  expect((await desk.publish(later(2 * HOUR))).outcome).toBe('unchanged');
  expect(desk.snapshot()).toBe(before);
  // A renewal and another change leave it waiting.
  await desk.publishes(`${base}new@example.org\n`, later(50 * HOUR));
  expect(desk.rows()).toContain('gone@example.org');
  expect((await desk.publish(later(73 * HOUR - 1000))).outcome).toBe('unchanged');
  const due = await desk.publish(later(73 * HOUR));
  expect([due.outcome, due.waiting, due.nextRemoval]).toEqual(['published', 0, null]);
  expect(desk.rows()).not.toContain('gone@example.org');
  expect(readdirSync(path.join(desk.stateDir, 'waiting'))).toEqual([]);
  // And it stays gone.
  expect((await desk.publish(later(74 * HOUR))).outcome).toBe('unchanged');
});

test('one that comes back no longer waits, and has its whole time again afterwards', async () => {
  const desk = await published();
  desk.list(base);
  await desk.publish(later(HOUR));
  desk.list(`${base}gone@example.org\n`);
  expect((await desk.publish(later(2 * HOUR))).waiting).toBe(0);
  desk.list(base);
  expect((await desk.publish(later(3 * HOUR))).nextRemoval).toEqual(later(75 * HOUR));
});

test('a source that gives one address for a day, or none, and is back loses nobody', async () => {
  const desk = await published();
  desk.list('user0@example.org\n');
  expect((await desk.publish(later(HOUR))).waiting).toBe(50);
  desk.list('');
  expect((await desk.refusal(later(2 * HOUR))).code).toBe('SOURCE');
  desk.list(`${base}gone@example.org\n`);
  expect(await desk.publish(later(25 * HOUR))).toMatchObject({ outcome: 'unchanged', waiting: 0 });
  expect([desk.manifest().version, desk.rows().length]).toEqual([1, 51]);
});

test('the guard judges what is due: too many at once are refused then, and stay', async () => {
  const desk = await published();
  desk.list(people(30));
  expect((await desk.publish(later(HOUR))).outcome).toBe('unchanged');
  const refusal = await desk.refusal(later(80 * HOUR));
  expect([refusal.code, refusal.message]).toEqual([
    'SHRUNK',
    expect.stringMatching(/^21 of the 51 rows in use would go/),
  ]);
  expect((await desk.publish(later(81 * HOUR), { allowShrink: true })).outcome).toBe('published');
  expect(desk.rows()).toHaveLength(30);
});

describe('what the policy no longer lets in goes at once', () => {
  test('a wildcard that is no longer allowed', async () => {
    const desk = new Desk({ policy: `${STAYS}\nwildcards = ["lab.example"]` });
    await desk.publishes(`${base}@lab.example\n`, START);
    desk.list(base);
    expect((await desk.publish(later(HOUR))).waiting).toBe(1);
    desk.toml.policy = STAYS;
    await desk.publish(later(2 * HOUR));
    expect(desk.rows()).not.toContain('@lab.example');
  });

  test('a domain that the list may no longer speak for', async () => {
    const desk = new Desk({ policy: STAYS });
    await desk.publishes(`${base}x@sold.example\n`, START);
    desk.list(base);
    expect((await desk.publish(later(HOUR))).waiting).toBe(1);
    desk.toml.policy = `${STAYS}\ndomains = ["example.org"]`;
    await desk.publish(later(2 * HOUR));
    expect(desk.rows()).not.toContain('x@sold.example');
  });
});

test('postmaster@ of a domain stays as long as its last address waits', async () => {
  const desk = new Desk({ policy: 'remove_after = "72h"' });
  await desk.publishes(`${base}x@b.example\n`, START);
  desk.list(base);
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', waiting: 2 });
  await desk.publish(later(74 * HOUR));
  expect(desk.rows().filter((row) => row.endsWith('@b.example'))).toEqual([]);
});

describe('of several sources', () => {
  test('each has its own time, and one that another source still has is in the list for that', async () => {
    const desk = new Desk({ policy: 'postmaster = false' });
    desk.toml.rest = second(desk, 'remove_after = "24h"');
    desk.list('a@shop.example\nb@shop.example\nstaff@example.org\n', 'shop');
    await desk.publishes(`${base}staff@example.org\nleft@example.org\n`, START);
    desk.list('a@shop.example\n', 'shop');
    await desk.publishes(`${base}staff@example.org\n`, later(HOUR)); // no remove_after: it goes at once
    expect(desk.rows()).not.toContain('left@example.org');
    expect(desk.rows()).toContain('b@shop.example');
    await desk.publish(later(26 * HOUR));
    expect(desk.rows()).not.toContain('b@shop.example');
    expect(desk.rows()).toContain('staff@example.org');
  });

  test('rows of a source that is renamed or taken out wait too', async () => {
    const desk = new Desk({ policy: STAYS });
    desk.toml.rest = second(desk);
    desk.list(people(5, 'shop.example'), 'shop');
    await desk.publishes(base, START);
    desk.toml.rest = '';
    expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', waiting: 5 });
    await desk.publishes(`${base}new@example.org\n`, later(2 * HOUR));
    expect(desk.rows()).toHaveLength(56);
    expect((await desk.publish(later(74 * HOUR))).outcome).toBe('published');
    expect(desk.rows()).toHaveLength(51);
  });
});

test('set for the first time, it holds for what is lost from then on', async () => {
  const desk = new Desk();
  await desk.publishes(`${base}gone@example.org\n`, START);
  desk.toml.policy = STAYS;
  desk.list(base);
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', waiting: 1 });
  await desk.publish(later(74 * HOUR));
  expect(desk.rows()).toHaveLength(50);
});

test('a state that is lost: what is published and no source has waits anew', async () => {
  const desk = await published();
  desk.list(base);
  await desk.publish(later(HOUR));
  rmSync(desk.stateDir, { recursive: true });
  const result = await desk.publish(later(50 * HOUR), { nextVersion: 2 });
  expect([result.waiting, result.nextRemoval]).toEqual([1, later(122 * HOUR)]);
  expect(desk.rows()).toContain('gone@example.org');
  await desk.publish(later(122 * HOUR));
  expect(desk.rows()).not.toContain('gone@example.org');
});

test('a record of what waits that is damaged is named, and nothing is removed', async () => {
  const desk = await published();
  desk.list(base);
  await desk.publish(later(HOUR));
  const file = path.join(desk.stateDir, 'waiting', readdirSync(path.join(desk.stateDir, 'waiting'))[0] ?? '');
  writeFileSync(file, 'no gzip');
  const refusal = await desk.refusal(later(80 * HOUR));
  expect([refusal.code, refusal.message]).toEqual(['STATE', expect.stringContaining(file)]);
  rmSync(file);
  expect((await desk.publish(later(81 * HOUR))).nextRemoval).toEqual(later(81 * HOUR + 3 * DAY));
});

test('--dry-run and explain tell what waits, and until when, and write nothing', async () => {
  const desk = await published();
  desk.list(base);
  const untouched = desk.snapshot();
  const { difference } = await desk.publish(later(HOUR), { dryRun: true });
  expect(difference?.waiting).toEqual([
    { row: 'gone@example.org', source: 'staff', since: later(HOUR), until: later(73 * HOUR) },
  ]);
  expect(desk.snapshot()).toBe(untouched);
  await desk.publish(later(HOUR));
  const before = desk.snapshot();
  const { accepted, lines } = await explain(desk.config(), 'Gone@example.org', later(2 * HOUR));
  expect(accepted).toBe(true);
  expect(lines.join('\n')).toMatch(
    /^gone@example\.org stays in the list until 2026-11-27T08:00:00Z: staff has not had it since 2026-11-24T08:00:00Z \(remove_after\)/,
  );
  expect(desk.snapshot()).toBe(before);
});

test('without remove_after nothing is kept for it', async () => {
  const desk = new Desk();
  await desk.publishes(base, START);
  await desk.publishes(people(49), later(HOUR));
  expect(existsSync(path.join(desk.stateDir, 'waiting'))).toBe(false);
  expect(desk.rows()).toHaveLength(49);
});
