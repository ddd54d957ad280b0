// Who may write the output or the state could undo what a publish promises: such folders are refused, as on the
// gateway.
import { chmodSync, chownSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { readAuthority } from '../../src/publisher/sources/secret.ts';
import { authority } from '../support/endpoint.ts';
import { Desk, HOUR, later, people, START } from './desk.ts';
import { folder } from './sourced.ts';

async function refused(desk: Desk): Promise<string> {
  const error: unknown = await desk.publish(later(HOUR)).catch((reason: unknown) => reason);
  return error instanceof HostError ? `${error.code} ${error.message}` : String(error);
}

test.each(['output', 'stateDir'] as const)('%s', async (which) => {
  const desk = new Desk();
  await desk.publishes(people(20), START);
  const before = desk.snapshot();
  desk.list(people(21));
  chmodSync(desk[which], 0o777);
  expect(await refused(desk)).toMatch(
    /^CONFIG (output|state_dir) .* can be written by everybody \(mode 777\): chmod go-w /,
  );
  chmodSync(desk[which], 0o755);
  chownSync(desk[which], 54_321, 0);
  expect(await refused(desk)).toMatch(/^CONFIG (output|state_dir) .* belongs to user 54321/);
  chownSync(desk[which], process.getuid?.() ?? 0, 0);
  expect(desk.snapshot()).toBe(before);
  expect((await desk.publish(later(HOUR))).version).toBe(2);
});

test('the folder in which the output will be made', async () => {
  const desk = new Desk();
  desk.list(people(20));
  chmodSync(desk.dir, 0o777);
  expect(await refused(desk)).toContain(`chmod go-w ${desk.dir}`);
  expect(existsSync(desk.output)).toBe(false);
});

test('the authority of a source, which says whose list is taken', () => {
  const file = path.join(folder(), 'ca.pem');
  writeFileSync(file, authority().cert);
  expect(readAuthority(file)).toBe(authority().cert);
  chmodSync(file, 0o666);
  expect(() => readAuthority(file)).toThrow(
    `ca_file ${file} can be written by everybody (mode 666): chmod go-w ${file}`,
  );
  chmodSync(file, 0o644);
  chownSync(file, 54_321, 0);
  expect(() => readAuthority(file, 'sslrootcert')).toThrow(/^sslrootcert .* belongs to user 54321/);
});
