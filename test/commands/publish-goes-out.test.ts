// What relaymap-publish signs and writes, read back with node:crypto and zlib alone: versions, deltas, renewal,
// approvals, keys.
// Covers src/publisher/publish.ts, src/publisher/tables, src/publisher/repository
// Covers src/bin/publisher/publish-command.ts
import { spawn } from 'node:child_process';
import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { underClock } from '../support/clock.ts';
import { Central, COMMAND, DAY, finished, people, type Published } from '../publisher/central.ts';

async function first(rows: readonly string[] = people(300), setup = {}): Promise<{ central: Central; v1: Published }> {
  const central = new Central(setup);
  central.rows(rows);
  return { central, v1: await central.publish() };
}

test('keygen, publish: version 1, every address once and folded, postmaster added, nothing else published', async () => {
  const central = new Central({ policy: 'wildcards = ["w.example"]' });
  const made = await finished(spawn(process.execPath, [COMMAND, 'keygen', '--out', central.at('made'), '--name', 'k']));
  expect([made.status, made.stdout]).toEqual([0, expect.stringMatching(/^keyid [0-9a-f]{64}\n/) as string]);
  expect(['k.key', 'k.pub'].map((name) => statSync(central.at('made', name)).mode & 0o777)).toEqual([0o600, 0o644]);
  central.list('Bob@Example.ORG OK\n"a b"@example.org\n# x\n@w.example\nbob@example.org\na@faß.example');
  const { manifest, rows } = await central.publish();
  expect(manifest.version).toBe(1);
  expect(manifest.shrinkApproved).toBeUndefined();
  expect(Date.parse(manifest.expires) - Date.parse(manifest.created)).toBe(7 * DAY);
  expect(Math.abs(Date.now() - Date.parse(manifest.created))).toBeLessThan(60_000);
  expect(rows).toEqual([
    '@w.example',
    'a b@example.org',
    'a@fass.example',
    'a@xn--fa-hia.example',
    'bob@example.org',
    'postmaster@example.org',
    'postmaster@fass.example',
    'postmaster@w.example',
    'postmaster@xn--fa-hia.example',
  ]);
  expect(central.files()).toEqual(['manifest.json', `recipients/${manifest.tables.recipients.sha256}.gz`]);
});

test('nothing changed: nothing is written, in the output or in the state', async () => {
  const { central } = await first();
  const before = central.snapshot();
  // The same addresses, written otherwise.
  central.rows(
    people(300)
      .sort()
      .map((row) => `${row.toUpperCase()}\tOK`),
  );
  const run = await central.run(['publish']);
  expect([run.status, run.stdout]).toEqual([0, expect.stringContaining('unchanged') as string]);
  expect(central.snapshot()).toEqual(before);
  const json = JSON.parse((await central.run(['publish', '--json'])).stdout) as { outcome: string; version: number };
  expect([json.outcome, json.version]).toEqual(['unchanged', 1]);
});

test('a change: version 2, and the delta from version 1 applies', async () => {
  const { central, v1 } = await first();
  central.rows([...people(299), 'new one@example.org'.replace(' ', '-')]);
  const v2 = await central.publish();
  expect(v2.manifest.version).toBe(2);
  expect(v2.deltas.map((d) => d.from)).toEqual([v1.sha256]);
  // The table that version 1 names is there for a day yet.
  expect(central.blobs()).toHaveLength(3);
});

test.each([
  [0, 0],
  [1, 1],
  [3, 3],
])(
  'keep_deltas = %i, five publishes: %i deltas, from the newest before, each of which applies',
  async (keep, deltas) => {
    const { central, v1 } = await first(people(300), { top: `keep_deltas = ${keep}` });
    const seen = [v1.sha256];
    let last = v1;
    for (let i = 1; i < 5; i++) {
      central.rows(people(300, i));
      last = await central.publish();
      seen.push(last.sha256);
    }
    expect(last.manifest.version).toBe(5);
    expect(last.deltas.map((d) => d.from).sort()).toEqual(
      seen
        .slice(0, -1)
        .slice(4 - deltas)
        .sort(),
    );
  },
);

test('fewer deltas in the configuration, then renewals: the list goes on going out', async () => {
  const { central } = await first(people(300), { top: 'keep_deltas = 3' });
  for (let i = 1; i < 4; i++) {
    central.rows(people(300, i));
    await central.publish();
  }
  central.configure({ top: 'keep_deltas = 0' });
  for (const version of [10, 11, 12]) {
    expect((await central.publish('--next-version', String(version))).manifest.version).toBe(version);
  }
});

test('a delta that is not smaller than the table is not offered', async () => {
  const { central } = await first(people(60));
  central.rows(people(60, 1000));
  const { deltas } = await central.publish('--allow-shrink');
  expect(deltas).toEqual([]);
  expect(central.blobs().filter((name) => name.includes('delta'))).toEqual([]);
});

test('half of valid_for has passed: the next version, and the table is not touched', async () => {
  const { central, v1 } = await first();
  const table = path.join(central.output, 'recipients', `${v1.sha256}.gz`);
  const { mtimeMs, ino } = statSync(table);
  expect((await central.run(['publish'], underClock('+83h'))).stdout).toContain('unchanged');
  const run = await central.run(['publish'], underClock('+85h'));
  expect([run.status, run.stdout]).toEqual([0, expect.stringContaining('renewed as version 2') as string]);
  const { manifest, sha256 } = central.published();
  expect([manifest.version, sha256]).toEqual([2, v1.sha256]);
  expect(Date.parse(manifest.expires)).toBeGreaterThan(Date.parse(v1.manifest.expires));
  expect(statSync(table)).toMatchObject({ mtimeMs, ino });
  expect(central.blobs()).toHaveLength(1);
});

test('--allow-shrink: a shrunk list goes out with leave for the gateways for 24 h, and the next publish carries it over', async () => {
  const { central } = await first(people(300));
  central.rows(people(100));
  const { manifest } = await central.publish('--allow-shrink');
  const until = new Date(Date.parse(manifest.created) + DAY).toISOString().replace('.000', '');
  const approved = { until, rows: 101, domains: 1 };
  expect(manifest.shrinkApproved).toEqual(approved);
  central.rows(people(101));
  expect((await central.publish()).manifest.shrinkApproved).toEqual(approved);
});

test('two keys: both sign; one taken away signs the next list no more; one that comes back signs at once', async () => {
  const { central, v1 } = await first(people(20), { keys: 2 });
  expect(v1.manifest.version).toBe(1);
  central.configure({ top: `keys = [${JSON.stringify(central.keyFile(1))}]` });
  central.rows(people(21));
  expect((await central.run(['publish'])).status).toBe(0);
  const second = central.published(central.keys.slice(1));
  expect(second.manifest.version).toBe(2);
  central.configure({});
  const third = await central.publish();
  expect([third.manifest.version, third.sha256]).toEqual([3, second.sha256]);
});

test('one key twice is told before anything goes out', async () => {
  const { central } = await first();
  const key = JSON.stringify(central.keyFile(0));
  central.rows(people(301));
  central.configure({ top: `keys = [${key}, ${key}]` });
  await central.run(['publish']).then((run) => {
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/same key/);
  });
  expect(central.published().manifest.version).toBe(1);
});

test('--next-version goes there, and on from there', async () => {
  const { central } = await first();
  expect((await central.publish('--next-version', '1000')).manifest.version).toBe(1000);
  central.rows(people(301));
  expect((await central.publish()).manifest.version).toBe(1001);
  await central.refused(2, /1001/, '--next-version', '1001');
  await central.refused(2, /1001/, '--next-version', '5');
  for (const wrong of ['0', '-1', '1.5', 'x', '9007199254740992', '1e3', '']) {
    const run = await central.run(['publish', `--next-version=${wrong}`]);
    expect([run.status, run.stdout], wrong).toEqual([2, '']);
  }
  const top = await central.publish('--next-version', '9007199254740991');
  expect(top.manifest.version).toBe(Number.MAX_SAFE_INTEGER);
});

test('skip_invalid: left out, counted and listed with source and line', async () => {
  const central = new Central({ policy: 'skip_invalid = true' });
  central.list('a@example.org\nbroken\nb@example.org\nc d@example.org\n');
  const run = await central.run(['publish']);
  expect(run.status, run.stderr).toBe(0);
  expect(run.stderr).toMatch(/the list, line 2/);
  expect(run.stderr).toMatch(/the list, line 4/);
  expect(run.stdout + run.stderr).toMatch(/\b2 (?:entries|lines|left|invalid)/);
  expect(central.published().rows).toEqual(['a@example.org', 'b@example.org', 'postmaster@example.org']);
  const json = JSON.parse((await central.run(['publish', '--json'])).stdout) as { skipped: string[] };
  expect(json.skipped).toHaveLength(2);
});

test('several sources are one list', async () => {
  const { central } = await first(['a@example.org', 'b@example.org']);
  writeFileSync(central.at('second'), 'b@example.org\nc@example.org\n');
  central.configure({ further: `[[source]]\ntype = "file"\npath = ${JSON.stringify(central.at('second'))}\n` });
  expect((await central.publish()).rows).toEqual([
    'a@example.org',
    'b@example.org',
    'c@example.org',
    'postmaster@example.org',
  ]);
});

test('a blob that went missing from the output comes back with the next publish, though nothing changed', async () => {
  const { central } = await first();
  central.rows(people(301));
  const v2 = await central.publish();
  rmSync(path.join(central.output, 'recipients', `${v2.sha256}.gz`));
  const v3 = await central.publish();
  expect(v3.sha256).toBe(v2.sha256);
});

test('a table of the state that went missing or is cut short holds up neither a change nor a renewal', async () => {
  const { central, v1 } = await first();
  central.rows(people(301));
  const v2 = await central.publish();
  rmSync(path.join(central.stateDir, 'tables', `${v1.sha256}.gz`));
  expect((await central.publish('--next-version', '10')).sha256).toBe(v2.sha256);
  truncateSync(path.join(central.stateDir, 'tables', `${v2.sha256}.gz`), 100);
  central.rows(people(302));
  const run = await central.run(['publish']);
  // Either it goes out without that delta, or it says what to do, and that works.
  if (run.status !== 0) {
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(`${v2.sha256}.gz`) as string]);
    rmSync(path.join(central.stateDir, 'tables', `${v2.sha256}.gz`));
  }
  const last = await central.publish();
  expect([last.manifest.version, last.rows.length]).toEqual([11, 303]);
});

test('addresses that Postfix refuses to strangers whatever the map says are published, and named', async () => {
  const central = new Central();
  central.list('alice@example.org\n-hyphen@example.org\n100%@example.org\n"a@b"@example.org\nin-ner@example.org\n');
  const run = await central.run(['publish']);
  expect([run.status, central.published().rows.length]).toEqual([0, 6]);
  const warned = run.stderr.split('\n').filter((line) => line.startsWith('warning: '));
  expect(warned).toEqual([
    expect.stringMatching(/^warning: the list, line 2: "-hyphen@example\.org" .*allow_min_user/),
    expect.stringMatching(/^warning: the list, line 3: "100%@example\.org" .*allow_untrusted_routing/),
    expect.stringMatching(/^warning: the list, line 4: "a@b@example\.org" .*allow_untrusted_routing/),
  ]);
});
