// Rollback, hold and resume: the maps go back at once, nothing new comes while held, and the floor never moves down.
// Covers src/gateway/cycle/rollback.ts, src/gateway/record/kept-copies.ts, src/bin/gateway/history-command.ts
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Endpoint } from '../support/endpoint.ts';
import { Forger } from '../support/forger.ts';
import { Gateway } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const LONGEST = [...LONGER, 'dave@example.org'];

async function three(): Promise<Scene> {
  const scene = await Scene.open();
  onTestFinished(() => scene.close());
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  scene.publish(LONGEST);
  await scene.installs(3, LONGEST);
  scene.endpoint.take();
  return scene;
}

const done = async (scene: Scene, ...args: string[]): Promise<string> => {
  const run = await scene.gateway.run(args);
  expect(run.status, run.stderr).toBe(0);
  return run.stdout;
};

test('the new list is wrong: rollback takes the one before, asks nobody, and holds there', async () => {
  const scene = await three();
  expect(await done(scene, 'rollback')).toContain('back at version 2 (was 3)');
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect([scene.endpoint.take(), scene.gateway.strays()]).toEqual([[], []]);
  // Held: the newer one is judged, not installed; the request is unconditional.
  await scene.refused('HELD', ['manifest.json']);
  const { status, json } = await scene.gateway.health();
  expect([status, json.status, json.bundles[0]?.version]).toEqual([1, 'warning', 2]);
  expect(json.bundles[0]?.reasons.join()).toContain('relaymap resume');
});

test('after resume the version of the floor comes back, and the request for it is unconditional', async () => {
  const scene = await three();
  await done(scene, 'rollback', '--to', '1');
  expect(scene.rows()).toEqual([...LIST].sort());
  await done(scene, 'resume');
  await scene.installs(3, LONGEST);
  expect(scene.endpoint.asked[0]?.headers['if-none-match']).toBeUndefined();
  expect((await scene.gateway.health()).status).toBe(0);
});

test('the floor stays where it was: a version between is a rollback by someone else', async () => {
  const scene = await three();
  await done(scene, 'rollback', '--to', '1');
  await done(scene, 'resume');
  scene.publish(LONGER, { version: 2 });
  await scene.refused('ROLLBACK', ['manifest.json']);
});

test('a held bundle stays at its version through unchanged cycles, restarts and healing', async () => {
  const scene = await three();
  await done(scene, 'hold');
  await scene.unchanged(3);
  scene.publish(LIST);
  await scene.refused('HELD', ['manifest.json']);
  await scene.refused('HELD', ['manifest.json'], { args: ['--force'] });
  await done(scene, 'resume');
  await scene.installs(4, LIST);
});

test('a version that is not kept: exit 1, and nothing moves', async () => {
  const scene = await three();
  const before = scene.gateway.maps();
  for (const args of [
    ['rollback', '--to', '9'],
    ['rollback', '--to', '3'],
  ]) {
    const run = await scene.gateway.run(args);
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('kept are 1, 2') as string]);
  }
  const run = await scene.gateway.run(['rollback', '--to', 'x']);
  expect(run.status).toBe(2);
  expect(scene.gateway.maps()).toEqual(before);
  expect((await scene.gateway.health()).status).toBe(0);
});

test('history tells what is kept, what is live, and the difference', async () => {
  const scene = await three();
  const text = await done(scene, 'history');
  expect(text).toMatch(/floor 3\n\s+version 1 .*\n\s+version 2 .*\n\s+version 3 .*\(live\)/);
  for (const row of LONGEST) scene.gateway.unspeakable.delete(row);
  expect(await done(scene, 'history', '--diff', '1', '3')).toContain('+carol@example.org\n+dave@example.org\n');
  expect(await done(scene, 'history', '--diff', '3', '1')).toContain('-carol@example.org\n-dave@example.org\n');
  expect((await scene.gateway.run(['history', '--diff', '1', '8'])).status).toBe(1);
});

test('a dry run says what would change and leaves everything as it was', async () => {
  const scene = await three();
  scene.publish(LIST);
  const before = scene.gateway.maps();
  const run = await scene.gateway.run(['fetch', '--dry-run']);
  expect([run.status, run.stdout]).toEqual([
    0,
    expect.stringContaining('version 4 for 3, 0 rows come, 2 go') as string,
  ]);
  expect([scene.gateway.maps(), scene.gateway.strays()]).toEqual([before, []]);
  expect((await scene.gateway.health()).json.bundles[0]?.version).toBe(3);
  await scene.installs(4, LIST);
});

test('only the newest five tables are kept', async () => {
  const scene = await three();
  for (let i = 4; i <= 9; i++) {
    const rows = [...LONGEST, `extra${i}@example.org`];
    scene.publish(rows);
    await scene.installs(i, rows);
  }
  const versions = [...(await done(scene, 'history')).matchAll(/version (\d+)/g)].map((m) => Number(m[1]));
  expect(versions).toEqual([5, 6, 7, 8, 9]);
});

test('maps.keep says how many distinct lists are kept; the live one is among them', async () => {
  const scene = await three();
  scene.configure({ config: '[maps]\nkeep = 2\n' });
  scene.publish([...LONGEST, 'erin@example.org']);
  await scene.installs(4, [...LONGEST, 'erin@example.org']);
  const kept = [...(await done(scene, 'history')).matchAll(/^ {2}version (\d+)/gm)].map((match) => match[1]);
  expect(kept).toEqual(['3', '4']);
});

describe('a rollback that would lose most of the list', () => {
  const FEW = LIST.slice(0, 12);

  async function grown(): Promise<Scene> {
    const scene = await Scene.open({ rows: FEW });
    onTestFinished(() => scene.close());
    scene.publish(LIST);
    await scene.installs(2, LIST);
    scene.endpoint.take();
    return scene;
  }

  test('is refused with both numbers, and nothing moves', async () => {
    const scene = await grown();
    const before = scene.gateway.maps();
    const run = await scene.gateway.run(['rollback']);
    expect([run.status, run.stdout]).toEqual([1, '']);
    expect(run.stderr).toMatch(/example-org: SHRUNK: going back to version 1: 51 of the 63 rows in use would go/);
    expect([scene.gateway.maps(), scene.gateway.strays(), scene.endpoint.take()]).toEqual([before, [], []]);
    expect((await scene.gateway.health()).status).toBe(0);
  });

  test('is done with --accept-shrink, and says rows and domains before and after', async () => {
    const scene = await grown();
    expect(await done(scene, 'rollback', '--accept-shrink')).toContain(
      'back at version 1 (was 2): 12 rows in 1 domain, before 63 rows in 1 domain; 51 go, 0 come; held there',
    );
    expect(scene.rows()).toEqual([...FEW].sort());
  });

  test('--dry-run says the same and changes nothing', async () => {
    const scene = await grown();
    const before = [scene.gateway.maps(), readFileSync(scene.gateway.at('state', 'state.json'), 'utf8')];
    const refused = await scene.gateway.run(['rollback', '--dry-run']);
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining('SHRUNK') as string]);
    expect(await done(scene, 'rollback', '--dry-run', '--accept-shrink')).toMatch(
      /^example-org: would be back at version 1 \(was 2\): 12 rows/,
    );
    expect([scene.gateway.maps(), readFileSync(scene.gateway.at('state', 'state.json'), 'utf8')]).toEqual(before);
    expect((await scene.gateway.health()).status).toBe(0);
  });
});

test('of two bundles the one that has an older copy goes back, and the other is named', async () => {
  const [a, b] = [new Forger('example-org'), new Forger('example-net')];
  const [one, two] = [await Endpoint.start(a.files), await Endpoint.start(b.files)];
  const gateway = new Gateway();
  onTestFinished(async () => {
    await Promise.all([one.stop(), two.stop()]);
    gateway.remove();
  });
  const bundle = (forger: Forger, endpoint: Endpoint, domain: string) => ({
    name: forger.name,
    urls: [endpoint.url],
    keys: forger.signers,
    lines: `domains = ["${domain}"]`,
  });
  gateway.configure([bundle(a, one, 'example.org'), bundle(b, two, 'example.net')]);
  a.publish(LIST);
  b.publish(['x@example.net']);
  expect((await gateway.fetch()).status).toBe(0);
  a.publish(LONGER);
  expect((await gateway.fetch()).status).toBe(0);
  const run = await gateway.run(['rollback']);
  expect([run.status, run.stdout]).toEqual([0, expect.stringMatching(/^example-org: back at version 1 /) as string]);
  expect(run.stderr).toMatch(/^example-net: no older version is kept; kept are none$/m);
  const named = await gateway.run(['rollback', '--bundle', 'example-net']);
  expect([named.status, named.stdout]).toEqual([1, '']);
});
