// A list that is sorted on disk, by the built command: killed in the middle it leaves nothing behind, and where the
// disk has no room for it that is said, and what is published stays.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Central, people } from '../publisher/central.ts';

/** Long rows in no order, and more of them than publish sorts in memory (64 MiB). */
const ROWS = 320_000;
const LARGE = Array.from({ length: ROWS }, (_, i) => {
  const local = `${(Math.imul(i, 0x9e3779b1) >>> 0).toString(36)}.${i}`.padEnd(110, 'x');
  return `${local}@${'a-rather-long-label.'.repeat(5)}d${i % 50}.example\n`;
}).join('');

/** Names of all files in the state but those that tell of each run. */
const stateOf = ({ stateDir }: Central) =>
  readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'status.json');

/** Whether a process has a file open below this folder that has no name. */
function hasNameless(pid: number, folder: string): boolean {
  try {
    const names = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // closed since
      }
    });
    return names.some((name) => name.startsWith(`${folder}/`) && name.endsWith(' (deleted)'));
  } catch {
    return false; // it has ended
  }
}

test('killed while it sorts on disk: nothing is left, and the next run publishes', async () => {
  const central = new Central();
  central.rows(people(100));
  await central.publish();
  const before = [stateOf(central), central.files()];
  central.list(LARGE);
  const child = central.start(['publish']);
  const closed = once(child, 'close');
  while (child.exitCode === null && !hasNameless(child.pid ?? 0, central.stateDir)) await sleep(5);
  child.kill('SIGKILL');
  expect(await closed).toEqual([null, 'SIGKILL']);
  expect([stateOf(central), central.files()]).toEqual(before);
  const { manifest } = await central.publish('--allow-shrink');
  const { rows, bytes } = manifest.tables.recipients;
  expect([manifest.version, rows, bytes > 64 * 2 ** 20]).toEqual([2, ROWS + 50, true]);
  expect(stateOf(central).filter((name) => path.basename(name).startsWith('.'))).toEqual([]);
});

test('no room for it where the state lies: NO_SPACE names the folder, and the list that is out stays', async () => {
  const central = new Central();
  mkdirSync(central.stateDir);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=700', 'none', central.stateDir]);
  expect(mounted.status, mounted.stderr.toString()).toBe(0);
  try {
    central.rows(people(100));
    await central.publish();
    const before = central.snapshot();
    central.list(LARGE);
    const run = await central.run(['publish', '--allow-shrink']);
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/^error: NO_SPACE: no space left to write the rows of a large list/m);
    expect(run.stderr).toContain(central.stateDir);
    expect(central.snapshot()).toEqual(before);
    const dry = await central.run(['publish', '--dry-run']);
    expect([dry.status, dry.stderr]).toEqual([2, expect.stringContaining('NO_SPACE') as string]);
    expect(central.snapshot()).toEqual(before);
    // The disk is as empty as before: there is room for another list.
    central.rows(people(101));
    expect((await central.publish()).manifest.version).toBe(2);
  } finally {
    spawnSync('umount', [central.stateDir]);
  }
});
