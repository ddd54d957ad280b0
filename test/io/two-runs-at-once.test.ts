// The lock: one run at a time, told at once; and however the other ends, it is free again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { StandingLock, takeLock, type Lock } from '../../src/io/lock.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-lock-'));
  file = path.join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true }));

const busy = (): unknown =>
  expect.objectContaining({ name: 'HostError', code: 'BUSY', message: expect.stringContaining(file) });

/** Another process that holds the lock until it dies. */
async function holder(): Promise<ChildProcess> {
  const child = spawn('flock', ['-x', '-o', file, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  onTestFinished(() => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  });
  await once(child.stdout, 'data');
  return child;
}

test('a second taker is told BUSY at once', async () => {
  const lock = await takeLock(file, 0);
  await expect(takeLock(file, 0, () => expect.fail('waits'))).rejects.toEqual(busy());
  lock.release();
  (await takeLock(file, 0)).release();
});

test('a taker that waits says so once, and gets it when it is given back', async () => {
  const lock = await takeLock(file, 0);
  let told = 0;
  const second = takeLock(file, 120, () => {
    told++;
    lock.release();
  });
  (await second).release();
  expect(told).toBe(1);
});

test('a taker that waited in vain is told BUSY', async () => {
  await holder();
  let told = 0;
  await expect(takeLock(file, 1, () => told++)).rejects.toEqual(busy());
  expect(told).toBe(1);
});

test('a holder that is killed gives it back, though it could not say so', async () => {
  const other = await holder();
  await expect(takeLock(file, 0)).rejects.toEqual(busy());
  const waiting = takeLock(file, 120);
  if (other.pid !== undefined) process.kill(-other.pid, 'SIGKILL');
  (await waiting).release();
});

test('a process of ours that is started while it is held does not keep it', async () => {
  const lock = await takeLock(file, 0);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  lock.release();
  (await takeLock(file, 0)).release();
});

/** Both ways of taking it. */
const WAYS: [
  string,
  () => { take: (wait: number, onWait?: (holder: string) => void) => Promise<Lock>; end(): void },
][] = [
  ['by a child each time', () => ({ take: (wait, onWait) => takeLock(file, wait, onWait), end: () => undefined })],
  [
    'by a shell that stays',
    () => {
      const lock = new StandingLock();
      return { take: (wait, onWait) => lock.take(file, wait, onWait), end: () => lock.close() };
    },
  ],
];

test.each(WAYS)('BUSY tells which process has it, since when and how to look at it: taken %s', async (_name, open) => {
  const [first, second] = [open(), open()];
  const held = await first.take(0);
  const said: string[] = [];
  const since = new RegExp(`process ${process.pid}, since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ`);
  await expect(second.take(0.2, (holder) => said.push(holder))).rejects.toMatchObject({
    code: 'BUSY',
    message: expect.stringMatching(new RegExp(`${since.source}.*ps -fp ${process.pid}$`)),
  });
  expect(said).toEqual([expect.stringMatching(since)]);
  held.release();
  (await second.take(120)).release();
  for (const one of [first, second]) one.end();
});

test.each([
  ['is empty', () => truncateSync(file)],
  ['holds another text', () => writeFileSync(file, '\u001b[2J1 or 2\n')],
  ['holds a megabyte', () => writeFileSync(file, '1'.repeat(2 ** 20))],
])('what names the holder %s: BUSY all the same, and no word of it is repeated', async (_name, damage) => {
  const held = await takeLock(file, 0);
  damage();
  await expect(takeLock(file, 0)).rejects.toMatchObject({
    code: 'BUSY',
    message: `another run holds ${file}: a process that did not write down its number (waited 0 s); see what it does: fuser -v ${file}`,
  });
  held.release();
});

test('a link in its place is not followed', async () => {
  symlinkSync(path.join(dir, 'elsewhere'), file);
  await expect(takeLock(file, 0)).rejects.toMatchObject({ code: 'ELOOP' });
  expect(existsSync(path.join(dir, 'elsewhere'))).toBe(false);
});

test.each(WAYS)(
  'a signal that ends its shell before the shell ignores it: it goes on waiting, %s',
  async (_n, open) => {
    const other = await holder();
    // A shell that is hit before its first line. Service managers send a signal to all processes of a unit.
    const hit = path.join(dir, 'hit');
    const script = `#!/bin/sh\nif [ ! -e ${hit} ]; then : > ${hit}; kill -USR2 $$; fi\nexec /bin/sh "$@"\n`;
    writeFileSync(path.join(dir, 'sh'), script, { mode: 0o755 });
    const before = process.env['PATH'];
    process.env['PATH'] = `${dir}:${before}`;
    onTestFinished(() => {
      process.env['PATH'] = before;
    });
    const taker = open();
    const taken = taker.take(120, () => {
      if (other.pid !== undefined) process.kill(-other.pid, 'SIGKILL');
    });
    (await taken).release();
    expect(existsSync(hit)).toBe(true);
    taker.end();
  },
);

test('without flock(1) it says what is missing, and lets go of the file', async () => {
  const before = process.env['PATH'];
  process.env['PATH'] = dir;
  onTestFinished(() => {
    process.env['PATH'] = before;
  });
  await expect(takeLock(file, 0)).rejects.toMatchObject({
    code: 'INTERNAL',
    message: expect.stringContaining('flock'),
  });
  process.env['PATH'] = before;
  (await takeLock(file, 0)).release();
});
