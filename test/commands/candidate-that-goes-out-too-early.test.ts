// A candidate that is signed elsewhere: what it changes is shown, its guard runs where it is signed, and it goes out
// only with enough signatures and with nothing newer out.
// Covers src/publisher/release.ts, src/publisher/go-out.ts, src/bin/publisher/release-command.ts
// Covers src/publisher/candidate.ts, src/publisher/work.ts
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { people } from '../publisher/central.ts';
import { Ceremony, digestOf } from '../support/ceremony.ts';

/** A host on which two keys sign elsewhere. */
async function begun(): Promise<Ceremony> {
  const host = new Ceremony({ keys: 2 }, 2);
  expect((await host.central.run(['publish'])).status).toBe(0);
  const [a, b] = [0, 1].map((i) => `{ public = ${JSON.stringify(host.at(`${i}.pub`))} }`);
  host.central.configure({ top: `keys = [${a}, ${b}]` });
  return host;
}

const candidate = async (host: Ceremony): Promise<string> => {
  const folder = host.at('candidate');
  const done = await host.central.run(['publish', '--unsigned', folder]);
  expect(done.status, done.stderr).toBe(0);
  expect(done.stderr).toContain(`its digest is ${digestOf(`${folder}/manifest.json`)}`);
  return folder;
};
const sign = (host: Ceremony, folder: string, key: number, ...more: string[]) =>
  host.tries(
    'sign',
    folder,
    '--base',
    host.central.output,
    '--key',
    host.central.keyFile(key),
    '--yes',
    digestOf(`${folder}/manifest.json`),
    ...more,
  );

test('two signatures elsewhere, and then it is out; a publish alone waits as UNSIGNED', async () => {
  const host = await begun();
  host.central.rows([...people(29), 'new@example.net']);
  const alone = await host.central.refused(1, /UNSIGNED: nothing goes out: 0 of 2 signatures can be made here/);
  expect(alone.stdout).toBe('');
  const folder = await candidate(host);
  expect(host.central.published().manifest.version).toBe(1);
  const shown = sign(host, folder, 0);
  expect(shown.stdout).toMatch(/against version 1: 2 rows come, 1 rows go/);
  expect(shown.stdout).toMatch(/\+new@example\.net[\s\S]*the domain example\.net comes/);
  const early = await host.central.run(['release', folder]);
  expect([early.status, early.stderr]).toEqual([1, expect.stringMatching(/UNSIGNED: version 2 has 1 of 2 signatures/)]);
  expect(sign(host, folder, 0).status).toBe(0); // the same key once more is one key
  expect((await host.central.run(['release', folder])).status).toBe(1);
  expect(sign(host, folder, 1).status).toBe(0);
  expect((await host.central.run(['release', folder])).status).toBe(0);
  expect(host.central.published().rows).toContain('new@example.net');
  expect((await host.central.run(['publish'])).stdout).toMatch(/unchanged, version 2/);
  const again = await host.central.run(['release', folder]);
  expect([again.status, again.stderr]).toEqual([
    2,
    expect.stringMatching(/STATE: .*it is version 2, version 2 is out/),
  ]);
});

test('a candidate that another one has replaced, and one that was changed, stay where they are', async () => {
  const host = await begun();
  host.central.rows(people(31));
  const folder = await candidate(host);
  for (const key of [0, 1]) expect(sign(host, folder, key).status).toBe(0);
  const kept = readFileSync(`${folder}/manifest.json`);
  host.central.rows(people(32));
  await candidate(host);
  writeFileSync(`${folder}/manifest.json`, kept);
  const done = await host.central.run(['release', folder]);
  expect([done.status, done.stderr]).toEqual([
    2,
    expect.stringMatching(/STATE: .*it is version 2, version 3 was made since/),
  ]);
  const json = JSON.parse(kept.toString()) as { payload: string };
  const payload = Buffer.from(json.payload, 'base64').toString().replace('"version":2', '"version":3');
  writeFileSync(
    `${folder}/manifest.json`,
    JSON.stringify({ ...json, payload: Buffer.from(payload).toString('base64') }),
  );
  const forged = await host.central.run(['release', folder]);
  expect([forged.status, forged.stderr]).toEqual([2, expect.stringMatching(/another candidate of it was made since/)]);
  expect(host.central.published().manifest.version).toBe(1);
});

test('the guard of whoever signs: a list that lost a quarter is not signed, but by --allow-shrink', async () => {
  const host = await begun();
  host.central.configure({
    top: readFileSync(host.central.config, 'utf8').match(/^keys = .*$/m)?.[0] ?? '',
    policy: 'max_shrink_percent = 100',
  });
  host.central.rows(people(18));
  const folder = await candidate(host);
  const before = readFileSync(`${folder}/manifest.json`);
  const done = sign(host, folder, 0);
  expect([done.status, done.stderr]).toEqual([
    1,
    expect.stringMatching(/SHRUNK: 12 of the 31 rows in use would go, more than 20 %/),
  ]);
  expect(readFileSync(`${folder}/manifest.json`)).toEqual(before);
  expect(sign(host, folder, 0, '--allow-shrink').status).toBe(0);
});

test('a table that is not the one that the manifest names is not signed', async () => {
  const host = await begun();
  host.central.rows(people(31));
  const folder = await candidate(host);
  rmSync(`${folder}/recipients`, { recursive: true });
  expect(sign(host, folder, 0)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/STATE: .*recipients.* is gone/) as string,
  });
});
