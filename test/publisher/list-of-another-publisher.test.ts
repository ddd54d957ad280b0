// Two publishers of one folder, each with a key, a state and sources of its own: what one does about the list of the
// other, and what it must not do.
// Covers src/publisher/settle.ts, src/publisher/repository/other-publisher.ts, src/publisher/repository/output-lock.ts
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { gradePublisher, publisherHealthJson } from '../../src/publisher/health/grade.ts';
import { lookAtPublisher } from '../../src/publisher/health/look.ts';
import { statusAfter, type PublishStatus } from '../../src/publisher/health/status.ts';
import { openKeys } from '../../src/publisher/keys/publisher-keys.ts';
import { makeKey } from '../../src/publisher/keys/signing-key.ts';
import { isByAnother } from '../../src/publisher/repository/other-publisher.ts';
import { repositoryOf } from '../../src/publisher/repository/with-repository.ts';
import { takeLock } from '../../src/io/lock.ts';
import { DAY, Desk, HOUR, later, people } from './desk.ts';

/** Two hosts with one folder; each names the other's public key. */
function pair(): [Desk, Desk] {
  const a = new Desk();
  const b = new Desk({}, a.output);
  [a, b].forEach((desk, i) => makeKey(desk.at('keys'), 'own', Buffer.alloc(32, 40 + i)));
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const keys = `"${own.at('keys/own.key')}", { public = "${other.at('keys/own.pub')}" }`;
    own.toml = { ...own.toml, top: `keys = [${keys}]\nthreshold = 1` };
  }
  return [a, b];
}

const read = (desk: Desk) => {
  const { payload } = JSON.parse(readFileSync(path.join(desk.output, 'manifest.json'), 'utf8')) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64').toString()) as ReturnType<Desk['manifest']>;
};

const fails = (desk: Desk, now: Date, options: Parameters<Desk['publish']>[1] = {}) =>
  desk.publish(now, options).then(
    ({ outcome }) => ({ code: outcome as string, message: '' }),
    (error: unknown) => error as { code: string; message: string },
  );

let one: Desk;
let two: Desk;
beforeEach(() => {
  [one, two] = pair();
});

test('a publisher with an empty state joins the list of another, and writes nothing', async () => {
  await one.publishes(people(300), later(0));
  const before = one.snapshot();
  two.list(people(300));
  expect(await two.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 1 });
  expect(await one.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 1 });
  expect(one.snapshot()).toBe(before);
  const state = two.snapshot();
  expect(await two.publish(later(2 * HOUR))).toMatchObject({ outcome: 'unchanged' });
  expect(two.snapshot()).toBe(state);
});

test('versions are a line, whoever publishes, and deltas begin with what is out', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(300));
  await two.publish(later(1000));
  for (let i = 1; i < 4; i++) {
    const before = read(one).tables.recipients.sha256;
    for (const desk of i % 2 === 1 ? [two, one] : [one, two]) {
      desk.list(people(300 + i));
      await desk.publish(later(i * HOUR));
    }
    expect(read(one).version).toBe(1 + i);
    expect(read(one).tables.recipients.deltas.map(({ from }) => from)).toContain(before);
  }
});

test('sources that have not changed do not replace the list of another: DIVERGED, with the counts', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(300));
  await two.publish(later(1000));
  await one.publishes(people(305), later(HOUR));
  const out = readFileSync(path.join(one.output, 'manifest.json'));
  const refusal = await fails(two, later(2 * HOUR));
  expect(refusal.code).toBe('DIVERGED');
  expect(refusal.message).toMatch(
    /^version 2, of another publisher \(.*own\.pub, [0-9a-f]{16}\), has 5 rows that the sources here do not give, and lacks 0 rows that they give; they have not changed since .* stays, and only the other publisher renews it before 20.*--next-version 3$/,
  );
  expect(readFileSync(path.join(one.output, 'manifest.json'))).toEqual(out);
  expect(await one.publish(later(3 * HOUR))).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test('sources that have changed replace it, and the other one says DIVERGED then', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(301));
  expect(await fails(two, later(1000))).toMatchObject({ code: 'DIVERGED' }); // read for the first time
  two.list(people(302));
  expect(await two.publish(later(HOUR))).toMatchObject({ outcome: 'published', version: 2 });
  expect(await fails(one, later(2 * HOUR))).toMatchObject({ code: 'DIVERGED' });
  one.list(people(302));
  expect(await one.publish(later(3 * HOUR))).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test('a replica that lags does not bring back what was out before', async () => {
  one.list(people(300));
  two.list(people(300));
  await one.publish(later(0));
  await two.publish(later(1000));
  await one.publishes(people(301), later(HOUR));
  await one.publishes(people(302), later(2 * HOUR));
  two.list(people(301)); // changed, and yet behind
  const refusal = await fails(two, later(3 * HOUR));
  expect(refusal).toMatchObject({
    code: 'DIVERGED',
    message: expect.stringContaining('a replica that lags?') as string,
  });
  two.list(people(302));
  expect(await two.publish(later(4 * HOUR))).toMatchObject({ outcome: 'unchanged', version: 3 });
});

test('--next-version puts the own list out all the same', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(301));
  expect(await fails(two, later(1000))).toMatchObject({ code: 'DIVERGED' });
  expect(await two.publish(later(2000), { nextVersion: 2 })).toMatchObject({ outcome: 'published', version: 2 });
});

test('a dry run says that the list would be refused', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(301));
  const { difference } = await two.publish(later(1000), { dryRun: true });
  expect(difference?.refusal).toMatch(/^version 1, of another publisher/);
  expect(existsSync(two.stateDir)).toBe(false);
});

test('one renews what the other has put out; the other has nothing to do then', async () => {
  one.list(people(300));
  two.list(people(300));
  await one.publish(later(0));
  await two.publish(later(1000));
  expect(await two.publish(later(4 * DAY))).toMatchObject({ outcome: 'renewed', version: 2 });
  expect(await one.publish(later(4 * DAY + 1000))).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test('a shrinking that one has allowed is allowed to the other, for as long', async () => {
  one.list(people(300));
  two.list(people(300));
  await one.publish(later(0));
  await two.publish(later(1000));
  await one.publishes(people(100), later(HOUR), { allowShrink: true });
  const { shrinkApproved } = read(one);
  two.list(people(101));
  await two.publish(later(2 * HOUR));
  expect(read(one)).toMatchObject({ version: 3, shrinkApproved });
});

test('a list that shrank from the other one’s is refused', async () => {
  one.list(people(100));
  two.list(people(100));
  await one.publish(later(0));
  await two.publish(later(1000));
  await one.publishes(people(300), later(HOUR));
  two.list(people(101));
  expect(await fails(two, later(2 * HOUR))).toMatchObject({ code: 'SHRUNK' });
  expect(read(one).version).toBe(2);
});

test('health: WARNING while the lists differ, CRITICAL after an hour, with the counts', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(301));
  const config = two.config();
  let status: PublishStatus | null = null;
  for (const minutes of [0, 30, 61]) {
    const error = await fails(two, later(minutes * 60_000));
    status = statusAfter(config, status, { error }, later(minutes * 60_000));
    const { status: grade, reasons } = gradePublisher(
      config,
      { status, foreign: null, unseen: null, certificate: null },
      later(minutes * 60_000),
    );
    expect(grade).toBe(minutes < 60 ? 'warning' : 'critical');
    const found = { status: grade, facts: { status, foreign: null, unseen: null, certificate: null }, reasons };
    expect(publisherHealthJson(config, found)).toMatchObject({ divergedSince: later(0).toISOString() });
    expect(reasons[0]).toMatch(/^DIVERGED from another publisher for .*: version 1.* lacks 1 row/);
  }
});

test('health: the list of another publisher is no stranger’s', async () => {
  one.list(people(300));
  two.list(people(300));
  await one.publish(later(0));
  const result = await two.publish(later(1000));
  const config = two.config();
  writeFileSync(two.at('state/status.json'), JSON.stringify(statusAfter(config, null, { result }, later(1000))));
  expect(await lookAtPublisher(config, later(2000))).toMatchObject({ status: 'ok', reasons: [] });
});

test('two publishers of one folder wait for each other', async () => {
  await one.publishes(people(300), later(0));
  two.list(people(301));
  await fails(two, later(1000));
  two.list(people(302));
  const lock = await takeLock(path.join(path.dirname(one.output), `.${path.basename(one.output)}.lock`), 0);
  let isOver = false;
  const publishing = two.publish(later(2000)).finally(() => (isOver = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect([isOver, read(one).version]).toEqual([false, 1]);
  lock.release();
  expect(await publishing).toMatchObject({ version: 2 });
});

test('without others in `keys` no lock is needed, and none is made', async () => {
  const desk = new Desk();
  await desk.publishes(people(3), later(0));
  expect(existsSync(desk.at('.out.lock'))).toBe(false);
});

test('a lock that cannot be made: OUTPUT, and the line that makes it', async () => {
  mkdirSync(one.output);
  mkdirSync(one.at('.out.lock')); // as if the parent could not be written
  one.list(people(3));
  const refusal = await fails(one, later(0));
  expect(refusal).toMatchObject({
    code: 'OUTPUT',
    message: expect.stringMatching(
      /cannot write .*\.out\.lock.*install -o .* -m 0600 \/dev\/null .*\.out\.lock$/,
    ) as string,
  });
  expect(existsSync(path.join(one.output, 'manifest.json'))).toBe(false);
  rmSync(one.at('.out.lock'), { recursive: true });
});

test('in a bucket one with the same key shows by what is not on record here', async () => {
  const desk = new Desk();
  await desk.publishes(people(3), later(0));
  const keys = openKeys(desk.config());
  const repository = repositoryOf(desk.config());
  const [published, state] = [await repository.published(keys.own), repository.kept.record()];
  if (state === null) throw new Error('no record');
  const anothers = { ...state, digest: 'f'.repeat(64) };
  expect(isByAnother(published, state, keys, true)).toBe(false);
  expect(isByAnother(published, anothers, keys, true)).toBe(true);
  expect(isByAnother(published, { ...anothers, highest: 2 }, keys, true)).toBe(false); // an own one, older
  expect(isByAnother(published, anothers, keys, false)).toBe(false); // a folder: an old backup, or a stranger
});
