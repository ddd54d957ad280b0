// A list that loses a little at each version, or goes to and fro between two tables: within a day it may not fall
// further than max_shrink_percent (docs/commands.md section 2.3, Guard). From a stick, so that a clock of another
// day meets no certificate.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { timestamp } from '../support/forger.ts';
import { Scene } from '../support/scene.ts';

const list = (rows: number): string[] => Array.from({ length: rows }, (_, i) => `mailbox-${1000 + i}@example.org`);

async function gateway() {
  const scene = await Scene.open({ rows: list(200) });
  onTestFinished(() => scene.close());
  const stick = scene.gateway.at('stick');
  mkdirSync(path.join(stick, 'recipients'), { recursive: true });
  /** Imports the next version, of so many rows. @returns its code, or the rows of the map */
  const imported = async (rows: number, args: readonly string[] = [], clock = '+0s', approved = false) => {
    const shrinkApproved = { until: timestamp(Date.now() + 86_400_000), rows, domains: 1 };
    scene.publish(list(rows), approved ? { manifest: (m) => ({ ...m, shrinkApproved }) } : {});
    for (const [name, bytes] of scene.forger.files) writeFileSync(path.join(stick, name), bytes);
    const before = scene.gateway.text();
    const run = await scene.gateway.run(['import', stick, '--json', ...args], { env: clockAt(clock) });
    const { bundles } = JSON.parse(run.stdout) as { bundles: { code: string | null }[] };
    const code = bundles[0]?.code ?? null;
    if (code !== null) expect(scene.gateway.text()).toBe(before);
    return code ?? scene.rows().length;
  };
  return { scene, imported };
}

test('tables that go to and fro do not make the guard forget, nor does --force', async () => {
  const { imported } = await gateway();
  for (const rows of [165, 200, 165, 200, 165]) expect(await imported(rows)).toBe(rows);
  expect(await imported(165, ['--force'])).toBe(165);
  // 25 of 165 rows, but 60 of the 200 of a day ago.
  expect(await imported(140)).toBe('SHRUNK');
  expect(await imported(140, ['--force'])).toBe('SHRUNK');
  expect(await imported(140, [], '+23h')).toBe('SHRUNK');
  expect(await imported(140, [], '+25h')).toBe(140);
});

test('a shrink that was accepted starts the history anew, by hand or by the publisher; one that was not needed does not', async () => {
  const { imported } = await gateway();
  expect(await imported(165, ['--accept-shrink'])).toBe(165);
  expect(await imported(140)).toBe('SHRUNK');
  expect(await imported(60, ['--accept-shrink'])).toBe(60);
  expect(await imported(49)).toBe(49);
  expect(await imported(38)).toBe('SHRUNK');
  expect(await imported(20, [], '+0s', true)).toBe(20);
  expect(await imported(9)).toBe('SHRUNK');
});

test('going back by hand counts as well: from there the guard goes on', async () => {
  const { scene, imported } = await gateway();
  expect(await imported(165)).toBe(165);
  expect((await scene.gateway.run(['rollback'])).status).toBe(0);
  expect((await scene.gateway.run(['resume'])).status).toBe(0);
  expect(await imported(165)).toBe(165);
  expect(await imported(140)).toBe('SHRUNK');
});
