// stale_domains must never make a rejection of what is not known: a clock that was elsewhere, a status.json that is
// forged, damaged or gone, copies that are gone, a cycle that hangs, a record that lies. In doubt unknown recipients
// are deferred; and the map is always there.
// Covers src/gateway/stale, src/gateway/out-of-date.ts, src/gateway/record/stale-record.ts
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { holdLock } from '../support/daemon.ts';
import { LONGER, Scene } from '../support/scene.ts';

const FRESH = 'none.invalid\tDUNNO\n';
const STALE = 'example.org\tDEFER_IF_REJECT 4.3.0 recipient list out of date\n';
const config = '[stale]\nafter = "1h"';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config });
});
afterEach(() => scene.close());

const at = (name: string) => path.join(scene.gateway.stateDir, name);
const map = () => scene.gateway.text('stale_domains');

async function stale(clock = '+0'): Promise<string> {
  const run = await scene.gateway.run(['stale'], { env: clockAt(clock) });
  expect([run.status, scene.gateway.strays()], run.stderr).toEqual([0, []]);
  return map();
}

interface Facts {
  bundles: Record<string, unknown>[];
}

function forge(change: (facts: Facts) => void): void {
  const facts = JSON.parse(readFileSync(at('status.json'), 'utf8')) as Facts;
  change(facts);
  writeFileSync(at('status.json'), JSON.stringify(facts));
}

test('fresh, out of date to the second, and fresh again after a good cycle', async () => {
  expect(map()).toBe(FRESH);
  expect([await stale('+59m'), await stale('+61m')]).toEqual([FRESH, STALE]);
  await scene.gateway.fetch();
  expect(map()).toBe(FRESH);
});

test('what is as it should be is not written again', async () => {
  const before = scene.gateway.maps();
  await stale();
  await scene.unchanged(1);
  expect(scene.gateway.maps()).toEqual(before);
});

test('without [stale] nothing is ever deferred, and the map is there', async () => {
  scene.configure({ config: '' });
  expect(await stale('+900d')).toBe(FRESH);
  expect(existsSync(path.join(scene.gateway.mapDir, 'stale_domains.cdb'))).toBe(true);
});

describe('a clock that was elsewhere', () => {
  test('a success of the future counts as never, until the next good cycle', async () => {
    await scene.gateway.fetch([], { env: clockAt('+3h') });
    expect(await stale()).toBe(STALE);
    await scene.gateway.fetch();
    expect(map()).toBe(FRESH);
  });

  test('a clock that is set back for good: deferred, not fresh for days', async () => {
    expect(await stale('-2d')).toBe(STALE);
    expect(await stale()).toBe(FRESH);
  });
});

describe('status.json', () => {
  test.each([
    ['gone', () => rmSync(at('status.json'))],
    ['cut short', () => writeFileSync(at('status.json'), readFileSync(at('status.json')).subarray(0, 100))],
    ['empty', () => writeFileSync(at('status.json'), '')],
    ['a folder', () => [rmSync(at('status.json')), mkdirSync(at('status.json'))]],
    ['of another form', () => writeFileSync(at('status.json'), '{"format":2}')],
    ['without the bundle', () => forge((f) => void f.bundles.splice(0))],
    ['with a time that is none', () => forge((f) => void (f.bundles[0] = { ...f.bundles[0], succeededAt: 'soon' }))],
    ['with no success', () => forge((f) => void (f.bundles[0] = { ...f.bundles[0], succeededAt: null }))],
    [
      'with a success in the year 9999',
      () => forge((f) => void (f.bundles[0] = { ...f.bundles[0], succeededAt: '9999-01-01T00:00:00Z' })),
    ],
    [
      'that names another copy',
      () => forge((f) => void (f.bundles[0] = { ...f.bundles[0], digest: '../../../etc/passwd', succeededAt: null })),
    ],
  ])('%s: deferred, and rejecting again only after a good cycle', async (what, damage) => {
    damage();
    expect(await stale('+2h')).toBe(STALE);
    if (what === 'a folder') rmSync(at('status.json'), { recursive: true });
    await scene.gateway.fetch();
    expect(map()).toBe(FRESH);
  });
});

describe('the copies', () => {
  const bundle = () => path.join(scene.gateway.stateDir, 'bundles', 'example-org');
  test.each([
    [
      'the table is gone',
      () => readdirSync(bundle()).forEach((n) => n.endsWith('.gz') && rmSync(path.join(bundle(), n))),
    ],
    ['all are gone', () => rmSync(bundle(), { recursive: true })],
    [
      'the table is a pipe to nowhere',
      () => {
        for (const name of readdirSync(bundle()).filter((n) => n.endsWith('.gz'))) {
          rmSync(path.join(bundle(), name));
          symlinkSync('/dev/zero', path.join(bundle(), name));
        }
      },
    ],
    ['the record is gone: the stored envelope tells', () => rmSync(at('state.json'))],
    ['the record and all copies are gone', () => [rmSync(at('state.json')), rmSync(bundle(), { recursive: true })]],
  ])('%s: the domains are known all the same', async (_, damage) => {
    damage();
    expect(await stale('+2h')).toBe(STALE);
  });

  test('nor is the live map there: what is deferred stays deferred', async () => {
    expect(await stale('+2h')).toBe(STALE);
    rmSync(bundle(), { recursive: true });
    rmSync(path.join(scene.gateway.mapDir, 'relay_domains'));
    const run = await scene.gateway.run(['stale'], { env: clockAt('+2h') });
    expect([run.status, map()]).toEqual([0, STALE]);
    rmSync(at('stale.json'));
    const again = await scene.gateway.run(['stale'], { env: clockAt('+2h') });
    expect([again.status, map()]).toEqual([1, STALE]);
    expect(again.stderr).toContain('COMPILE_FAILED');
  });
});

describe('who works beside it', () => {
  test('a cycle that hangs with its lock does not stop it', async () => {
    const lock = await holdLock(at('lock'));
    try {
      expect(await stale('+2h')).toBe(STALE);
    } finally {
      lock.release();
    }
  });

  test('ten at once, with a cycle among them: one map, nothing left over', async () => {
    const runs = Array.from({ length: 10 }, () => scene.gateway.run(['stale'], { env: clockAt('+2h') }));
    const all = await Promise.all([...runs, scene.gateway.fetch([], { env: clockAt('+2h') })]);
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 0));
    expect(await stale('+2h')).toBe(FRESH);
  });
});

test.each([
  ['damaged', () => writeFileSync(at('stale.json'), '{')],
  ['a folder', () => [rmSync(at('stale.json')), mkdirSync(at('stale.json'))]],
  ['gone', () => rmSync(at('stale.json'))],
])('a record that is %s: the map is made again', async (_, damage) => {
  damage();
  expect(await stale('+2h')).toBe(STALE);
  expect(await stale()).toBe(FRESH);
});

test.each([
  ['gone', (file: string) => rmSync(file)],
  ['an empty map of 2048 zero bytes', (file: string) => writeFileSync(file, Buffer.alloc(2048))],
  ['cut short', (file: string) => writeFileSync(file, 'x')],
  ['a link', (file: string) => [rmSync(file), symlinkSync('/etc/passwd', file)]],
  ['a folder', (file: string) => [rmSync(file), mkdirSync(file)]],
])('a map that is %s: the next cycle makes it again', async (_, damage) => {
  const file = path.join(scene.gateway.mapDir, 'stale_domains.cdb');
  const good = readFileSync(file);
  damage(file);
  await scene.gateway.fetch();
  expect([readFileSync(file).equals(good), scene.gateway.strays()]).toEqual([true, []]);
});

test('a held bundle goes out of date, once it is offered something newer', async () => {
  await scene.gateway.run(['hold']);
  scene.publish(LONGER);
  for (const clock of ['+2h', '+3h']) await scene.gateway.fetch([], { env: clockAt(clock) });
  expect(map()).toBe(STALE);
  await scene.gateway.run(['resume'], { env: clockAt('+3h') });
  await scene.gateway.fetch([], { env: clockAt('+3h') });
  expect(map()).toBe(FRESH);
});

test('a first cycle that fails makes no map but the one that init names, and that one does nothing', async () => {
  await scene.close();
  scene = await Scene.open({ config, installed: false });
  await scene.gateway.fetch();
  expect(Object.keys(scene.gateway.maps())).toEqual(['stale_domains', 'stale_domains.cdb']);
  expect(map()).toBe(FRESH);
  expect(await stale()).toBe(FRESH);
});

test('whoever may write the folder of the maps is refused', async () => {
  const { chmodSync } = await import('node:fs');
  chmodSync(scene.gateway.mapDir, 0o777);
  const run = await scene.gateway.run(['stale'], { env: clockAt('+2h') });
  expect([run.status, map()]).toEqual([2, FRESH]);
});
