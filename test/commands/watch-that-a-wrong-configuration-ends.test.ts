// `relaymap-publish watch` reads its configuration again at SIGHUP. Where the new one is wrong, the old one goes on.
// Covers src/bin/publisher/watch-command.ts
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Central, finished, people } from '../publisher/central.ts';
import { until } from '../support/postfix.ts';

test('SIGHUP: a wrong configuration leaves the old one, a right one counts at once', async () => {
  const central = new Central({ policy: 'postmaster = false' });
  central.rows(people(20));
  const child = central.start(['watch']);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const end = finished(child);
  onTestFinished(() => void child.kill('SIGKILL'));
  const says = (words: RegExp) => until(`${words} in:\n${stderr}`, () => words.test(stderr) || undefined, 60);
  await says(/published version 1 \(20 rows/);
  // It says so before its status is on disk.
  const status = path.join(central.stateDir, 'status.json');
  await until('the status tells of it', () => existsSync(status) || undefined);
  const before = central.snapshot();

  central.configure({ policy: 'postmaster = false\npostmasters = true' });
  child.kill('SIGHUP');
  await says(/error: CONFIG: .*postmasters.* \(the old configuration stays in use\)\n/);
  expect(central.snapshot()).toEqual(before);
  central.rows(people(21));
  await says(/published version 2 \(21 rows/);

  writeFileSync(central.keyFile(0), 'no key');
  central.configure({ policy: 'postmaster = true' });
  child.kill('SIGHUP');
  await says(/error: KEY: .* \(the old configuration stays in use\)\n/);
  central.rows(people(22));
  await says(/published version 3 \(22 rows/);
  expect(stderr).not.toMatch(/read again/);

  writeFileSync(central.keyFile(0), central.keys[0]?.privatePem ?? '');
  child.kill('SIGHUP');
  await says(/the configuration is read again\n/);
  await says(/published version 4 \(23 rows/); // postmaster is one more
  child.kill('SIGTERM');
  expect((await end).status).toBe(0);
});
