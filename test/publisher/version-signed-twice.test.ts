import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DAY, Desk, HOUR, later, people } from './desk.ts';

async function published(versions = 2): Promise<Desk> {
  const desk = new Desk();
  for (let i = 0; i < versions; i++) await desk.publishes(people(300 + i), later(i * HOUR));
  return desk;
}

/** Folders as a backup has them. */
function backup(desk: Desk): () => void {
  cpSync(desk.stateDir, desk.at('backup'), { recursive: true });
  return () => {
    rmSync(desk.stateDir, { recursive: true });
    cpSync(desk.at('backup'), desk.stateDir, { recursive: true });
  };
}

test('the output is lost: exit 2, and the message says with which version to go on', async () => {
  const desk = await published();
  rmSync(desk.output, { recursive: true });
  mkdirSync(desk.output);
  const refusal = await desk.refusal(later(DAY));
  expect([refusal.code, refusal.exitStatus]).toEqual(['STATE', 2]);
  expect(refusal.message).toMatch(/version 2 was signed.*no manifest\.json.*--next-version 3/);
  expect(await desk.publish(later(DAY), { nextVersion: 3 })).toMatchObject({ outcome: 'published', version: 3 });
  expect(desk.rows()).toHaveLength(301);
  await desk.publishes(people(302), later(2 * DAY));
  expect(desk.manifest().version).toBe(4);
});

test('the state is lost: exit 2, then on with --next-version, guard and delta against what is published', async () => {
  const desk = await published();
  rmSync(desk.stateDir, { recursive: true });
  expect((await desk.refusal(later(DAY))).message).toMatch(/has version 2, but .* is empty.*--next-version 3/);
  rmSync(desk.stateDir, { recursive: true });
  desk.list(people(100));
  expect((await desk.refusal(later(DAY), { nextVersion: 30 })).code).toBe('SHRUNK');
  desk.list(people(303));
  const before = desk.manifest().tables.recipients.sha256;
  await desk.publish(later(DAY), { nextVersion: 30 });
  expect(desk.manifest()).toMatchObject({ version: 30, tables: { recipients: { deltas: [{ from: before }] } } });
});

test.each([0, 1, 2])('--next-version 2 or less is refused where version 2 was signed (%i)', async (nextVersion) => {
  const desk = await published();
  expect((await desk.refusal(later(DAY), { nextVersion })).message).toMatch(/not above version 2/);
});

test('--next-version publishes although nothing has changed', async () => {
  const desk = await published();
  expect(await desk.publish(later(2 * HOUR), { nextVersion: 77 })).toMatchObject({ outcome: 'renewed', version: 77 });
});

test('a state from a backup, older than what is published, signs nothing', async () => {
  const desk = await published();
  const restore = backup(desk);
  await desk.publishes(people(310), later(3 * HOUR));
  restore();
  desk.list(people(311));
  expect((await desk.refusal(later(4 * HOUR))).message).toMatch(/has version 3, but .* ends at 2.*--next-version 4/);
});

test('another payload of the newest version, signed elsewhere, is not gone on from', async () => {
  const desk = await published(1);
  const other = new Desk();
  await other.publishes(people(300), later(1000));
  copyFileSync(path.join(other.output, 'manifest.json'), path.join(desk.output, 'manifest.json'));
  expect((await desk.refusal(later(HOUR))).message).toMatch(/version 1 .* is not the one that was signed here/);
});

test('killed between the record and the manifest: that version is not used again', async () => {
  const desk = await published(1);
  const manifest = readFileSync(path.join(desk.output, 'manifest.json'));
  await desk.publishes(people(301), later(HOUR));
  writeFileSync(path.join(desk.output, 'manifest.json'), manifest);
  expect((await desk.publish(later(2 * HOUR))).version).toBe(3);
  expect(desk.rows()).toHaveLength(301);
});

test('an older output from a backup, with the list of that day: not left on the air, where gateways see a rollback', async () => {
  const desk = await published(1);
  cpSync(desk.output, desk.at('old'), { recursive: true });
  await desk.publishes(people(301), later(HOUR));
  rmSync(desk.output, { recursive: true });
  cpSync(desk.at('old'), desk.output, { recursive: true });
  desk.list(people(300));
  expect((await desk.publish(later(2 * HOUR))).version).toBe(3);
});

test.each(['', '{', '{}', '{"format": 2}', '[]'])('a damaged record (%s) is not an absent one', async (content) => {
  const desk = await published();
  writeFileSync(path.join(desk.stateDir, 'state.json'), content);
  expect((await desk.refusal(later(DAY))).message).toMatch(/damaged.*move it away.*--next-version/);
});

test('a damaged manifest is not overwritten', async () => {
  const desk = await published();
  writeFileSync(path.join(desk.output, 'manifest.json'), '{"payload": "');
  expect((await desk.refusal(later(DAY))).message).toMatch(/damaged.*move it away.*--next-version/);
});

test('the state or the output of another bundle', async () => {
  const desk = await published();
  const state = path.join(desk.stateDir, 'state.json');
  const own = readFileSync(state, 'utf8');
  writeFileSync(state, own.replace('"example-org"', '"example-net"'));
  expect((await desk.refusal(later(DAY))).message).toMatch(/belongs to the bundle "example-net"/);
});
