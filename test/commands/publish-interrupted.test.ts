// Two publishes at once, and publishes that are killed at any point: what is on the air verifies at each moment,
// and no version is ever signed twice.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { injecting, recorded, recording } from '../support/injection.ts';
import { Central, COMMAND, finished, people, verifiedPayload } from '../publisher/central.ts';

/** Every payload that was ever signed, by version; also those that a killed run left under a temp name. */
class Signed {
  readonly #payloads = new Map<number, string>();
  readonly #central: Central;

  constructor(central: Central) {
    this.#central = central;
  }

  /** Looks at what is there now. */
  check(): number {
    const { output, keys } = this.#central;
    for (const name of ['manifest.json', '.manifest.json.new']) {
      const file = path.join(output, name);
      if (!existsSync(file)) continue;
      let payload: string;
      try {
        payload = verifiedPayload(readFileSync(file), keys).toString();
      } catch (error) {
        if (name === 'manifest.json') throw error;
        continue; // killed while it was written
      }
      const { version } = JSON.parse(payload) as { version: number };
      expect(this.#payloads.get(version) ?? payload, `version ${version} signed twice`).toBe(payload);
      this.#payloads.set(version, payload);
    }
    return existsSync(path.join(output, 'manifest.json')) ? this.#central.published().manifest.version : 0;
  }
}

const strays = (dir: string) =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => path.basename(name).startsWith('.'));

test('two at once, or five, end as one after the other', async () => {
  const central = new Central();
  central.rows(people(300));
  const runs = await Promise.all([1, 2, 3, 4, 5].map(() => central.run(['publish', '--json'])));
  const outcomes = runs.map((run) => (JSON.parse(run.stdout) as { outcome: string }).outcome).sort();
  expect(outcomes).toEqual(['published', 'unchanged', 'unchanged', 'unchanged', 'unchanged']);
  expect(central.published().manifest.version).toBe(1);
  central.rows(people(301));
  const renewed = await Promise.all([1, 2].map(() => central.run(['publish', '--allow-shrink', '--json'])));
  expect(renewed.map((run) => (JSON.parse(run.stdout) as { version: number }).version).sort((a, b) => a - b)).toEqual([
    2, 3,
  ]);
  expect(central.published().manifest.version).toBe(3);
});

test('one that is killed leaves no lock behind', async () => {
  const central = new Central();
  central.rows(people(300));
  const child = central.start(['publish']);
  await sleep(80);
  child.kill('SIGKILL');
  expect((await central.publish()).manifest.version).toBeGreaterThan(0); // one that waits in vain for a lock ends with BUSY
});

test('killed at random moments, 20 times: what is on the air is whole, and the next run goes on', async () => {
  const central = new Central();
  central.rows(people(2000));
  await central.publish();
  const signed = new Signed(central);
  let last = signed.check();
  let killed = 0;
  central.rows(people(2001));
  const from = performance.now();
  await finished(central.start(['publish']));
  let whole = performance.now() - from;
  last = signed.check();
  for (let i = 1; i <= 20; i++) {
    central.rows(people(2000, i));
    const child = central.start(['publish']);
    const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)));
    // Over the whole of a run, with most of them where it writes; a run that ended before was faster than the first
    // one.
    await sleep(whole * (0.4 + ((i * 37) % 140) / 200));
    child.kill('SIGKILL');
    if ((await ended) === 'SIGKILL') killed++;
    else whole *= 0.9;
    const version = signed.check();
    expect(version).toBeGreaterThanOrEqual(last);
    last = version;
    if (i % 5 === 0) {
      const { manifest, rows } = await central.publish();
      expect(signed.check()).toBe(manifest.version);
      expect(rows).toHaveLength(2001);
      last = manifest.version;
    }
  }
  expect(killed).toBeGreaterThan(4);
});

/** How often one publish makes each of these calls below its folders. */
function calls(central: Central, names: readonly string[]): Map<string, number> {
  const log = central.at('trace');
  const [strace, ...args] = [...recording(log), process.execPath, COMMAND, 'publish', '--config', central.config];
  execFileSync(strace, args, { stdio: 'pipe' });
  const made = recorded(log, [central.output, central.stateDir]);
  return new Map(names.map((name) => [name, made.filter((call) => call.name === name).length]));
}

test('killed before every rename, every fsync and every unlink of a publish, one after the other', async () => {
  const central = new Central({ top: 'keep_deltas = 1' });
  let round = 0;
  const change = () => central.rows(people(400, ++round));
  change();
  await central.publish();
  change();
  await central.publish();
  const signed = new Signed(central);
  signed.check();
  change();
  const counted = calls(central, ['rename', 'fsync', 'unlink']);
  expect(counted.get('rename')).toBeGreaterThanOrEqual(6);
  expect(counted.get('fsync')).toBeGreaterThanOrEqual(12);
  for (const [name, count] of counted) {
    for (let when = 1; when <= count; when++) {
      change();
      const before = signed.check();
      const [strace = '', ...args] = injecting({ name, when }, 'KILL', '/dev/null');
      const run = spawnSync(strace, [...args, process.execPath, COMMAND, 'publish', '--config', central.config]);
      expect(run.signal ?? `status ${run.status}`, `${name} ${when}`).toBe('SIGKILL');
      const after = signed.check();
      expect([before, before + 1, before + 2]).toContain(after);
      const { rows, manifest } = await central.publish();
      expect(rows).toContain(people(400, round).at(-1));
      expect(signed.check()).toBe(manifest.version);
      // One killed while it tidied up left nothing to publish: its temp file goes with the next write of that name.
      expect(strays(central.stateDir).filter((stray) => stray !== '.state.json.new')).toEqual([]);
      // The highest version on record is the one on the air: nothing is lost by having been killed but a number.
      expect(central.state()['highest']).toBe(manifest.version);
    }
  }
  change();
  await central.publish();
  expect(strays(central.stateDir)).toEqual([]);
});
