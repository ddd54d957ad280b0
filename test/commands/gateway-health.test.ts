// `relaymap health` grades what the last cycle left, against the clock and the live maps: exit 0, 1, 2, 3.
// Covers src/bin/gateway/health-command.ts, src/bin/gateway/health-arguments.ts, src/gateway/health
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { Daemon, holdLock, WHEN_TOLD } from '../support/daemon.ts';
import type { HealthReport } from '../support/gateway.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open();
});
afterEach(() => scene.close());

const LEVELS = ['ok', 'warning', 'critical', 'unknown'];

/**
 * The grade is in the exit status, the JSON and the text alike; gives the reasons and the first line. @param clock
 * how far ahead.
 */
async function graded(
  level: string,
  args: string[] = [],
  clock = '+0',
): Promise<{ reasons: string; line: string; bundle: HealthReport['bundles'][number] }> {
  const { status, json, text } = await scene.gateway.health(args, { env: clockAt(clock) });
  const [line = ''] = text.split('\n');
  expect([json.status, LEVELS[status ?? -1], line.split(' - ')[0]], text).toEqual([
    level,
    level,
    `RELAYMAP ${level.toUpperCase()}`,
  ]);
  const [bundle] = json.bundles;
  if (bundle === undefined) throw new Error(text);
  expect(bundle.status).toBe(level);
  expect(bundle.reasons.length > 0).toBe(level !== 'ok');
  return { reasons: bundle.reasons.join('\n'), line, bundle };
}

test('ok: version, rows, age, and figures for a graph', async () => {
  const { line, bundle } = await graded('ok');
  expect(line).toMatch(/^RELAYMAP OK - example-org version 1, 63 rows, checked \d+s ago \| 'example-org_version'=1 /);
  expect(bundle).toMatchObject({
    name: 'example-org',
    version: 1,
    rows: 63,
    outcome: 'installed',
    code: null,
    held: null,
  });
  expect(Date.parse(bundle.expires ?? '')).toBeGreaterThan(Date.now());
  expect(Date.parse(bundle.checkedAt ?? '')).toBeGreaterThan(Date.now() - 60_000);
  await graded('ok', ['--deep']);
});

test('reads only: it needs no network, takes no lock and writes nothing', async () => {
  const before = [scene.gateway.maps(), readFileSync(path.join(scene.gateway.stateDir, 'status.json'), 'utf8')];
  scene.endpoint.take();
  await graded('ok', ['--deep']);
  expect(scene.endpoint.take()).toEqual([]);
  expect([scene.gateway.maps(), readFileSync(path.join(scene.gateway.stateDir, 'status.json'), 'utf8')]).toEqual(
    before,
  );
});

describe('stale', () => {
  const config = '[health]\nwarn_after = "1h"\ncritical_after = "3h"';

  test('a warning after warn_after, critical after critical_after', async () => {
    scene.configure({ config });
    await scene.unchanged(1);
    await graded('ok');
    await graded('ok', [], '+59m');
    expect((await graded('warning', [], '+61m')).line).toMatch(/stale/);
    await graded('warning', [], '+179m');
    expect((await graded('critical', [], '+181m')).reasons).toMatch(/stale/);
    await scene.unchanged(1);
    await graded('ok');
  });

  test('cycles that fail do not count, and a failure is no warning of its own before', async () => {
    scene.configure({ urls: ['https://127.0.0.1:1/'] });
    await scene.refused('NETWORK', []);
    const { bundle } = await graded('ok');
    expect([bundle.outcome, bundle.code]).toEqual(['kept', 'NETWORK']);
    scene.configure({ config, urls: ['https://127.0.0.1:1/'] });
    expect((await graded('warning', [], '+61m')).reasons).toMatch(/stale.*NETWORK/);
  });
});

describe('expiry', () => {
  test('three quarters of the validity have passed: a warning; all of it: critical', async () => {
    scene.configure({ config: '[health]\nwarn_after = "9d"\ncritical_after = "9d"' });
    scene.publish(LONGER, { lifetime: 100 * 60 });
    await scene.installs(2, LONGER);
    await graded('ok', [], '+74m');
    expect((await graded('warning', [], '+76m')).reasons).toMatch(/three quarters/);
    await graded('warning', [], '+99m');
    const { reasons, line } = await graded('critical', [], '+101m');
    expect(reasons).toMatch(/^expired /);
    expect(line).toMatch(/'example-org_expires_in'=-\d+s/);
  });
});

describe('refused', () => {
  test('a warning with the code, and the version in use', async () => {
    scene.publish(LONGER, { signers: [] });
    await scene.refused('BAD_SIGNATURE', ['manifest.json']);
    const { line, bundle } = await graded('warning');
    expect(line).toMatch(/version 1, 63 rows.*BAD_SIGNATURE/);
    expect([bundle.code, bundle.version]).toEqual(['BAD_SIGNATURE', 1]);
    scene.forger.publish(LIST);
    await scene.gateway.fetch();
    await graded('ok');
  });

  test('ROLLBACK is one only after warn_after without success', async () => {
    const old = scene.forger.files.get('manifest.json') ?? Buffer.alloc(0);
    scene.publish(LONGER);
    await scene.installs(2, LONGER);
    scene.forger.files.set('manifest.json', old);
    await scene.refused('ROLLBACK', ['manifest.json']);
    await graded('ok');
    await graded('ok', [], '+59m');
    expect((await graded('warning', [], '+61m')).reasons).toMatch(/ROLLBACK/);
  });

  test('what an attacker wrote cannot forge a figure', async () => {
    scene.publish(LONGER, { type: "x | 'example-org_version'=99" });
    await scene.gateway.fetch();
    const { line } = await graded('warning');
    expect(line.split('|')).toHaveLength(2);
    expect(line.split('|')[1]).not.toContain('=99');
  });
});

describe('maps', () => {
  const map = (name = 'relay_recipients.cdb'): string => path.join(scene.gateway.mapDir, name);

  test.each([
    ['missing', () => rmSync(map())],
    ['cut short', () => truncateSync(map(), 2048)],
    ['of zeros', () => writeFileSync(map(), Buffer.alloc(2048))],
  ])('a map that is %s: critical', async (_name, damage) => {
    damage();
    expect((await graded('critical')).reasons).toMatch(/^map damaged: relay_recipients\.cdb/);
    await scene.gateway.fetch();
    await graded('ok', ['--deep']);
  });

  test('one byte in the middle, length and times as before: --deep finds it', async () => {
    const bytes = readFileSync(map());
    bytes[2100] = (bytes[2100] ?? 0) ^ 1;
    writeFileSync(map(), bytes);
    expect((await graded('critical', ['--deep'])).reasons).toMatch(/SHA-256/);
  });
});

/** Runs a command where /proc shows no list of locks, as the shipped unit has it: ProcSubset=pid. */
const NO_LOCKS = ['unshare', '--mount', 'sh', '-c', 'mount -t proc -o subset=pid proc /proc && exec "$@"', 'sh'];

test('a cycle is just putting new maps in place, slowly: that is no damage', async () => {
  const looks: { args: string; status: number | null; stdout: string }[] = [];
  // One in whose midst no look began, on a machine that is busy, has shown nothing: the next one takes longer.
  for (let version = 2; looks.length === 0 && version < 12; version++) {
    const rows = [...LIST, `new-${version}@example.org`];
    scene.publish(rows);
    const before = JSON.stringify(scene.gateway.maps());
    const cycle = { isOver: false };
    const rename = `-e trace=rename -e inject=rename:delay_exit=${(version - 1) * 200_000}`;
    const fetched = scene.gateway
      .fetch([], { under: `strace -f -qq -o /dev/null ${rename}`.split(' ') })
      .finally(() => (cycle.isOver = true));
    while (!cycle.isOver) {
      for (const args of [['health'], ['health', '--deep']]) {
        const hasBegun = JSON.stringify(scene.gateway.maps()) !== before;
        const { status, stdout } = await scene.gateway.run(args);
        if (hasBegun && !cycle.isOver) looks.push({ args: args.join(' '), status, stdout });
      }
    }
    expect((await fetched).bundle.version).toBe(version);
  }
  expect(looks.filter(({ status }) => status !== 0)).toEqual([]);
  expect(looks.length).toBeGreaterThan(0);
});

test('where /proc lists no locks, /healthz calls no update damage, and a killed run hides none', async () => {
  scene.configure({ config: `${WHEN_TOLD}[health]\nlisten = "127.0.0.1:0"\n` });
  // -D: the daemon is our child, and strace looks on.
  const slowly = 'strace -D -f -qq -o /dev/null -e trace=rename -e inject=rename:delay_exit=100000'.split(' ');
  const daemon = new Daemon(scene.gateway, { under: [...NO_LOCKS, ...slowly] });
  await daemon.says(/health: http/);
  const url = /http:\/\/\S+\/healthz/.exec(daemon.log)?.[0] ?? '';
  await daemon.until(() => daemon.cycles('unchanged') === 1, 'the first cycle');
  // Each look that began between the first new map and the end of the cycle. On a busy machine there may be none.
  const during: string[] = [];
  for (let version = 2; during.length < 2 && version < 12; version++) {
    const before = JSON.stringify(scene.gateway.maps());
    const isOver = () => daemon.cycles('installed') >= version; // the first copy was installed too
    scene.publish([...LONGER, `new-${version}@example.org`]);
    daemon.signal('SIGUSR2');
    await daemon.until(() => isOver() || JSON.stringify(scene.gateway.maps()) !== before, 'the first new map');
    while (!isOver()) {
      const page = await fetch(url);
      during.push(`${page.status}${/map damaged/.exec(await page.text())?.[0] ?? ''}`);
    }
  }
  expect(during.length).toBeGreaterThan(1);
  expect(new Set(during)).toEqual(new Set(['200']));
  await daemon.until(() => statSync(scene.gateway.at('state', 'lock')).size === 0, 'the lock is given back');

  // What a run leaves behind that is killed.
  const killed = spawnSync('true').pid;
  writeFileSync(scene.gateway.at('state', 'lock'), `${killed}\n`);
  truncateSync(path.join(scene.gateway.mapDir, 'relay_recipients.cdb'), 2048);
  const after = await fetch(url);
  expect([after.status, await after.text()]).toEqual([503, expect.stringContaining('map damaged')]);
  expect((await daemon.stop()).status).toBe(0);
});

test('what is damaged is told all the same while a run is at work that does not end', async () => {
  await holdLock(scene.gateway.at('state', 'lock'));
  truncateSync(path.join(scene.gateway.mapDir, 'relay_recipients.cdb'), 2048);
  await graded('critical');
});

describe('nothing to grade', () => {
  test('nothing was ever fetched: critical, with what to type', async () => {
    const fresh = await Scene.open({ installed: false });
    try {
      const { status, json, text } = await fresh.gateway.health();
      expect([status, json.status, json.bundles[0]?.version]).toEqual([2, 'critical', null]);
      expect(text).toMatch(/^RELAYMAP CRITICAL - example-org no version.*relaymap fetch/);
    } finally {
      await fresh.close();
    }
  });

  test.each([
    ['garbage', 'garbage'],
    ['of another form', '{"format":7}'],
    ['empty', ''],
  ])('status.json is %s: unknown, and the next cycle mends it', async (_name, content) => {
    writeFileSync(path.join(scene.gateway.stateDir, 'status.json'), content);
    const { status, json, text } = await scene.gateway.health();
    expect([status, json]).toEqual([3, { status: 'unknown', bundles: [] }]);
    expect(text).toMatch(/^RELAYMAP UNKNOWN - status\.json/);
    await scene.unchanged(1);
    await graded('ok');
  });

  test('a wrong option: unknown', async () => {
    expect((await scene.gateway.run(['health', '--depe'])).status).toBe(3);
  });
});
