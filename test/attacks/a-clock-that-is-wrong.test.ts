// The central side's clock is ahead, or this host's was: one version from the future must not make every right one
// after it look expired (docs/bundle-format.md section 3).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { timestamp } from '../support/forger.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

async function open(options: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open(options);
  onTestFinished(() => scene.close());
  return scene;
}

test('a version from the future is refused, whatever is asked for by hand, and the right one after it installs', async () => {
  const scene = await open();
  scene.publish(LONGER, { created: Date.now() + 30 * DAY });
  const { bundle } = await scene.refused('NOT_YET', ['manifest.json']);
  expect(bundle.message).toMatch(/^version 2 was created \d{4}-.*, it is \d{4}-.*clocks/);
  await scene.refused('NOT_YET', ['manifest.json'], { args: ['--force', '--accept-shrink', '--partial'] });
  expect((await scene.gateway.health()).text).toMatch(/^RELAYMAP WARNING - .*NOT_YET/);
  scene.publish(LONGER);
  await scene.installs(3, LONGER);
});

test('an hour ahead is taken with a warning, two minutes more are not; on the first day too', async () => {
  const fresh = await open({ installed: false });
  fresh.publish(LONGER, { created: Date.now() + 62 * MINUTE });
  await fresh.refused('NOT_YET', ['manifest.json']);
  expect(fresh.gateway.maps()).toEqual({});
  fresh.publish(LONGER, { created: Date.now() + 58 * MINUTE });
  const { stderr } = await fresh.installs(2, LONGER);
  expect(stderr).toMatch(/warning: .*clock/);
  fresh.publish(LIST, { created: Date.now() + 5 * MINUTE });
  // Still the clock of the one that is installed.
  expect((await fresh.installs(3, LIST)).stderr).toMatch(/warning: .*clock/);
  expect((await fresh.unchanged(3)).stderr).not.toContain('clock');
});

test('old and new at once: what is refused for its version is not refused for its time', async () => {
  const scene = await open({ first: { version: 9 } });
  scene.publish(LONGER, { version: 8, created: Date.now() + 30 * DAY });
  await scene.refused('ROLLBACK', ['manifest.json']);
  scene.publish(LONGER, { version: 9, created: Date.now() + 30 * DAY });
  await scene.refused('EQUIVOCATION', ['manifest.json']);
});

test('a clock that was set back a little does not make an expired version good again', async () => {
  const scene = await open({ first: { created: Date.now() + 50 * MINUTE } });
  scene.publish(LONGER, { created: Date.now() - DAY, lifetime: 86_400 + 40 * 60 });
  await scene.refused('EXPIRED', ['manifest.json']);
});

test.each([
  ['whose own clock was ahead as well', (text: string) => text],
  [
    'whose own clock was right',
    (text: string) => text.replace(/("(?:since|at|\w+At)": ")[^"]*"/g, `$1${new Date().toISOString()}"`),
  ],
])('a gateway %s when an earlier relaymap took such a version is free at the next right one', async (_, right) => {
  const scene = await open({ installed: false });
  const month = clockAt('+30d');
  // Three versions from the future: the oldest has expired when the clocks are right, one is much larger.
  for (const rows of [LIST, [...LONGER, ...LIST.map((row) => `x-${row}`)], LONGER]) {
    scene.publish(rows, { created: Date.now() + 30 * DAY, lifetime: 90 * 86_400 });
    // From a stick: the endpoint's certificate ends before that clock.
    const stick = scene.gateway.at('stick');
    mkdirSync(path.join(stick, 'recipients'), { recursive: true });
    for (const [name, bytes] of scene.forger.files) writeFileSync(path.join(stick, name), bytes);
    const { status, stderr } = await scene.gateway.run(['import', stick, '--accept-shrink'], { env: month });
    expect(status, stderr).toBe(0);
  }
  for (const name of ['state.json', 'status.json']) {
    const file = path.join(scene.gateway.stateDir, name);
    writeFileSync(file, right(readFileSync(file, 'utf8')));
  }
  // What is live is served again, now that the clocks are right: it is refused, and stays live.
  await scene.refused('NOT_YET', ['manifest.json']);
  // A list that shrank stays refused, and an approval counts by this host's clock.
  const half = LIST.slice(0, 30);
  scene.publish(half, { lifetime: 7 * 86_400 });
  await scene.refused('SHRUNK', ['manifest.json', expect.stringMatching(/^recipients/) as string]);
  scene.publish(half, {
    manifest: (m) => ({ ...m, shrinkApproved: { until: timestamp(Date.now() + DAY), rows: 30, domains: 1 } }),
  });
  await scene.installs(5, half);
  await scene.unchanged(5);
  expect((await scene.gateway.health()).text).toMatch(/^RELAYMAP OK/);
  scene.publish(LONGER);
  await scene.installs(6, LONGER);
});

test('health after a clock was ahead does not take the cycles of that time for fresh ones', async () => {
  const scene = await open();
  const stick = scene.gateway.at('stick');
  mkdirSync(path.join(stick, 'recipients'), { recursive: true });
  for (const [name, bytes] of scene.forger.files) writeFileSync(path.join(stick, name), bytes);
  const { status, stderr } = await scene.gateway.run(['import', stick], { env: clockAt('+3d') });
  expect(status, stderr).toBe(0);
  expect((await scene.gateway.health()).json).toMatchObject({ status: 'ok' }); // installed a moment ago
  const later = await scene.gateway.health([], { env: clockAt('+25h') });
  expect(later.json).toMatchObject({ status: 'critical', bundles: [{ checkedAt: null }] });
  expect(later.text).toMatch(/^RELAYMAP CRITICAL - .*never checked: stale: no good cycle for 25h/);
  await scene.gateway.fetch();
  expect((await scene.gateway.health()).json).toMatchObject({ status: 'ok' });
});
