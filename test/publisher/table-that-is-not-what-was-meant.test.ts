// A fault of the publisher's own must not be signed: what it wrote is read back, and what does not hold is VERIFY.
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { PublishError } from '../../src/publisher/errors.ts';
import { repositoryOf } from '../../src/publisher/repository/with-repository.ts';
import { SortedRows } from '../../src/publisher/gather/sorted-rows.ts';
import { measure, verifyTable } from '../../src/publisher/tables/tables.ts';
import { Desk, people, START } from './desk.ts';

const refusal = (work: () => unknown): PublishError => {
  try {
    work();
  } catch (error) {
    if (error instanceof PublishError) return error;
    throw error;
  }
  throw new Error('not refused');
};

test.each([
  ['rows out of order', 'b@example.org\na@example.org\n'],
  ['a row twice', 'a@example.org\na@example.org\n'],
  ['a row that is not folded', 'A@example.org\n'],
])('%s', (_, text) => {
  const ends = [...text.matchAll(/\n/g)].map(({ index }) => index + 1);
  expect(refusal(() => measure(new SortedRows(Buffer.from(text), Int32Array.of(0, ...ends))))).toMatchObject({
    code: 'VERIFY',
    exitStatus: 2,
  });
});

test('a blob that is not what the manifest will say', async () => {
  const desk = new Desk();
  await desk.publishes(people(50), START);
  const entry = desk.manifest().tables.recipients;
  const [name = ''] = readdirSync(desk.at('out', 'recipients'));
  const file = desk.at('out', 'recipients', name);
  const whole = readFileSync(file);
  const declared = { ...entry, encoding: 'gzip' as const, deltas: [] };
  const verify = () => verifyTable(repositoryOf({ output: desk.output, state_dir: desk.stateDir }), declared);
  await verify();
  writeFileSync(file, gzipSync(gunzipSync(whole).subarray(0, -17)));
  await expect(verify()).rejects.toMatchObject({ code: 'VERIFY' });
  writeFileSync(file, whole);
  truncateSync(file, whole.length - 1);
  await expect(verify()).rejects.toThrow();
});
