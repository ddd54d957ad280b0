// Neither root nor the owner of the records: each command that needs them says so, who may, and the line to type.
// Nothing is called damaged that this user only cannot read, and nothing is written.
// Covers src/bin/gateway/status-command.ts, src/bin/gateway/keys-command.ts, src/bin/gateway/state-rights.ts
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SigningKey } from '../support/forger.ts';
import { Scene } from '../support/scene.ts';

const STRANGER = { under: ['setpriv', '--reuid', 'daemon', '--regid', 'daemon', '--clear-groups'] };
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
  for (const name of ['relay_recipients.cdb', 'relay_domains.cdb']) chmodSync(scene.gateway.at('maps', name), 0o640);
});
afterAll(() => scene.close());

test.each([
  [['history'], 2],
  [['rollback'], 2],
  [['hold'], 2],
  [['fetch'], 2],
  [['keys'], 2],
  [['lookup', 'nobody@example.org'], 2],
  [['health', '--deep'], 3],
])('%j', async (line, status) => {
  const before = scene.gateway.maps();
  const run = await scene.gateway.run(line, STRANGER);
  const said = run.stdout + run.stderr;
  expect(run.status, said).toBe(status);
  expect(said).toMatch(/CONFIG: this needs .*, which root may use and user daemon \(1\) may not; type: sudo relaymap /);
  expect(said).not.toMatch(/INTERNAL|STATE_CORRUPT|damaged/);
  expect([scene.gateway.maps(), scene.endpoint.take()]).toEqual([before, []]);
});

test('health and status need no rights', async () => {
  for (const line of [['health'], ['status']]) {
    const run = await scene.gateway.run(line, STRANGER);
    expect([run.status, run.stderr], run.stdout).toEqual([0, '']);
  }
});

test('a copy that only another user may enter is named with the line that mends it', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-usb-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(scene.gateway.at('maps'), path.join(folder, 'list'), { recursive: true });
  const importedFrom = path.join(folder, 'list');
  const run = await scene.gateway.run(['import', importedFrom]);
  expect(run.status).toBe(2);
  expect(run.stderr).not.toContain('INTERNAL');
  expect(run.stderr).toContain(`${importedFrom}/manifest.json`);
});

test('keys names each key, and who signed; a list by another key is refused with the keyid that it has', async () => {
  const [own] = scene.forger.signers;
  const keys = await scene.gateway.run(['keys']);
  expect(keys.status).toBe(0);
  expect(keys.stdout).toContain(`  trusted   ${own?.keyid}  ${scene.gateway.keyDir()}/0.pub\n`);
  expect(keys.stdout).toContain(`the live copy, version 1, is signed by ${own?.keyid}\n`);
  const other = new SigningKey();
  scene.configure({ trusted: [other] });
  const run = await scene.gateway.run(['fetch', '--force']);
  expect(run.stderr).toContain(`signed by keyid ${own?.keyid}`);
  scene.configure();
});

test('status says it all at a glance, and as JSON', async () => {
  const { stdout } = await scene.gateway.run(['status']);
  expect(stdout).toMatch(/^example-org: [A-Z]+\n {2}version 1, 63 rows, made \d+[smhd] ago, installed /);
  expect(stdout).toMatch(/^ {2}keys: [0-9a-f]{16} \(threshold 1, ring step 0\)$/m);
  expect(stdout).toContain(`  from: ${scene.endpoint.url}\n`);
  expect(stdout).toMatch(/^maps: /m);
  expect(stdout).toMatch(/^Postfix /m);
  expect(stdout).toMatch(/^next: a cycle at \d{4}-/m);
  const json = JSON.parse((await scene.gateway.run(['status', '--json'])).stdout) as { bundles: { version: number }[] };
  expect(json.bundles[0]?.version).toBe(1);
});
