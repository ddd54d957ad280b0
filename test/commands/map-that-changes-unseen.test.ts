// A run of `fetch` takes the word of an earlier one that hashed the maps, for a day, and only for files that
// nothing has touched since.
// Covers src/gateway/maps/map-damage.ts, src/gateway/cycle/heal.ts
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSite, type Site } from '../support/site.ts';

interface Record {
  maps: {
    files: { [name: string]: { mtimeMs: number } };
    hashed: { at: string; ctimesMs: { [name: string]: number } } | null;
  };
}

let site: Site;
let good: Buffer;
beforeEach(async () => {
  site = await createSite();
  await site.publishAndFetch(['someone@example.org', 'postmaster@example.org']);
  good = readFileSync(map());
});
afterEach(() => site.stop());

const map = (): string => path.join(site.mapDir, 'relay_recipients.cdb');
const record = (): string => path.join(site.stateDir, 'state.json');
const hashed = () => (JSON.parse(readFileSync(record(), 'utf8')) as Record).maps.hashed;

function change(what: (maps: Record['maps']) => void): void {
  const whole = JSON.parse(readFileSync(record(), 'utf8')) as Record;
  what(whole.maps);
  writeFileSync(record(), JSON.stringify(whole));
}

/** One bit, in place; its size, inode and mtime are what the record says. */
function flip(): void {
  const bytes = Buffer.from(good);
  bytes[2060] = (bytes[2060] ?? 0) ^ 1;
  writeFileSync(map(), bytes);
  const { mtimeMs } = statSync(map());
  change(({ files }) => Object.assign(files['relay_recipients.cdb'] ?? {}, { mtimeMs }));
}

/**
 * As if the disk had done it: no file system has noted a change since it was on record. @param age of the record,
 * in hours
 */
function rot(age: number): void {
  flip();
  change((maps) => {
    const at = new Date(Date.now() - age * 3_600_000).toISOString();
    const ctimesMs = { ...maps.hashed?.ctimesMs, 'relay_recipients.cdb': statSync(map()).ctimeMs };
    maps.hashed = { at, ctimesMs };
  });
}

test('one that was touched is found, though its size and its mtime are as they were', async () => {
  flip();
  const { status, stderr } = await site.relaymap('fetch');
  expect([status, stderr]).toEqual([0, expect.stringContaining('made again from the last good copies')]);
  expect(readFileSync(map()).equals(good)).toBe(true);
});

describe('one that nothing has touched', () => {
  test('is not read again within a day, and what has happened to it is found by health --deep and by fetch --force', async () => {
    rot(23);
    const { status, stderr } = await site.relaymap('fetch');
    expect([status, stderr]).toEqual([0, '']);
    expect((await site.relaymap('health', '--deep')).status).toBe(2);
    expect((await site.relaymap('fetch', '--force')).stderr).toContain('made again');
    expect(readFileSync(map()).equals(good)).toBe(true);
  });

  test.each([
    ['after a day', 24.01],
    ['by a record of the future', -1],
  ])('is read again %s', async (_, age) => {
    rot(age);
    expect((await site.relaymap('fetch')).stderr).toContain('made again');
    expect(readFileSync(map()).equals(good)).toBe(true);
    expect((await site.relaymap('health', '--deep')).status).toBe(0);
  });

  test('and found whole is on record for another day', async () => {
    change((maps) => void (maps.hashed = null));
    await site.fetch();
    const first = hashed();
    expect(Object.keys(first?.ctimesMs ?? {})).toContain('relay_recipients.cdb');
    await site.fetch();
    expect(hashed()).toEqual(first);
  });

  test('is not put on record by a dry run', async () => {
    change((maps) => void (maps.hashed = null));
    const before = readFileSync(record());
    expect((await site.relaymap('fetch', '--dry-run')).status).toBe(0);
    expect(readFileSync(record()).equals(before)).toBe(true);
  });
});
