// The map is the union of all bundles; each fails alone, and before the first day is over none appears without the
// others.
import { watch } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Endpoint } from '../support/endpoint.ts';
import { Forger } from '../support/forger.ts';
import { Gateway, type BundleSetup } from '../support/gateway.ts';

const A = ['one@a.example', 'two@a.example'];
const B = ['one@b.example', 'two@b.example', 'three@b.example'];

let a: Forger;
let b: Forger;
let endA: Endpoint;
let endB: Endpoint;
let gateway: Gateway;
let bundles: [BundleSetup, BundleSetup];

beforeEach(async () => {
  [a, b] = [new Forger('org-a'), new Forger('org-b')];
  [endA, endB] = [await Endpoint.start(a.files), await Endpoint.start(b.files)];
  gateway = new Gateway();
  bundles = [
    { name: 'org-a', urls: [endA.url], keys: a.signers, lines: 'domains = ["a.example"]' },
    { name: 'org-b', urls: [endB.url], keys: b.signers, lines: 'domains = ["b.example", "*.b.example"]' },
  ];
  gateway.configure(bundles);
  for (const row of [...A, ...B]) gateway.unspeakable.add(row);
});
afterEach(async () => {
  await Promise.all([endA.stop(), endB.stop()]);
  gateway.remove();
});

test('a mirror that drips holds up its own bundle and no other', async () => {
  a.publish(A);
  b.publish(B);
  await gateway.fetch();
  a.publish([...A, 'three@a.example']);
  gateway.unspeakable.add('three@a.example');
  b.publish([...B, 'four@b.example']);
  gateway.unspeakable.add('four@b.example');
  let drop: () => void = () => undefined;
  endB.misbehaviour = ({ response, file }) => {
    response.writeHead(200, { 'content-length': file.length });
    response.write(file.subarray(0, 20));
    drop = () => response.destroy();
    return true;
  };
  const appears = new Promise<void>((resolve) => {
    const watcher = watch(gateway.mapDir, () => {
      if (!rows().includes('three@a.example')) return;
      watcher.close();
      resolve();
    });
  });
  const run = gateway.fetch();
  await appears; // while the other bundle is still being waited for: nothing but this lets go of it
  expect(rows()).not.toContain('four@b.example');
  drop();
  const { bundles, status } = await run;
  expect(status).toBe(2);
  expect(bundles.map((x) => [x.name, x.outcome, x.code, x.version])).toEqual([
    ['org-a', 'installed', null, 2],
    ['org-b', 'kept', 'NETWORK', 1],
  ]);
  expect(gateway.strays()).toEqual([]);
});

async function cycle(...args: string[]): Promise<{ status: number | null; outcome: string; bundles: unknown[][] }> {
  const run = await gateway.fetch(args);
  expect(gateway.strays()).toEqual([]);
  expect(run.code).toBeUndefined();
  const { status, outcome } = run;
  return { status, outcome, bundles: run.bundles.map((x) => [x.name, x.outcome, x.code, x.version]) };
}
const rows = (map = 'relay_recipients'): string[] =>
  gateway
    .text(map)
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/\tOK$/, ''));

const hashes = (): string[] => Object.values(gateway.maps()).map((map) => map.sha256);

async function both(): Promise<void> {
  a.publish(A);
  b.publish(B);
  expect(await cycle()).toMatchObject({
    status: 0,
    outcome: 'installed',
    bundles: [
      ['org-a', 'installed', null, 1],
      ['org-b', 'installed', null, 1],
    ],
  });
  expect(rows()).toEqual([...A, ...B].sort());
  expect(rows('relay_domains')).toEqual(['a.example', 'b.example']);
}

describe('WAITING', () => {
  test('one has no copy yet: the good one waits, nothing is installed, and mail waits too', async () => {
    a.publish(A);
    expect(await cycle()).toMatchObject({
      status: 1,
      outcome: 'kept',
      bundles: [
        ['org-a', 'kept', 'WAITING', null],
        ['org-b', 'kept', 'HTTP_STATUS', null],
      ],
    });
    expect(gateway.maps()).toEqual({});
    const health = await gateway.health();
    expect([health.status, health.json.status]).toEqual([2, 'critical']);
    expect(health.json.bundles.map((x) => [x.code, x.version])).toEqual([
      ['WAITING', null],
      ['HTTP_STATUS', null],
    ]);
    // It does not cost the table again.
    endA.take();
    expect((await cycle()).bundles[0]).toEqual(['org-a', 'kept', 'WAITING', null]);
    expect(endA.take()).toEqual(['manifest.json']);
    b.publish(B);
    expect(await cycle()).toMatchObject({
      status: 0,
      outcome: 'installed',
      bundles: [
        ['org-a', 'installed', null, 1],
        ['org-b', 'installed', null, 1],
      ],
    });
    expect(endA.take()).toEqual(['manifest.json']);
    expect(rows()).toEqual([...A, ...B].sort());
  });

  test('--partial goes on without; a new bundle then joins at its first copy', async () => {
    a.publish(A);
    expect(await cycle('--partial')).toMatchObject({
      status: 2,
      outcome: 'kept',
      bundles: [
        ['org-a', 'installed', null, 1],
        ['org-b', 'kept', 'HTTP_STATUS', null],
      ],
    });
    expect(rows()).toEqual([...A].sort());
    b.publish(B);
    expect((await cycle()).bundles).toEqual([
      ['org-a', 'unchanged', null, 1],
      ['org-b', 'installed', null, 1],
    ]);
    expect(rows()).toEqual([...A, ...B].sort());
  });

  test('--bundle asks one only, and it waits for the other', async () => {
    a.publish(A);
    b.publish(B);
    expect(await cycle('--bundle', 'org-b')).toMatchObject({
      status: 1,
      bundles: [['org-b', 'kept', 'WAITING', null]],
    });
    expect(endA.take()).toEqual([]);
    expect(gateway.maps()).toEqual({});
  });

  test('the other’s list under the waiting version', async () => {
    a.publish(A);
    await cycle();
    a.publish([...A, 'three@a.example'], { version: 1 });
    expect((await cycle()).bundles[0]).toEqual(['org-a', 'kept', 'EQUIVOCATION', null]);
    expect(gateway.maps()).toEqual({});
  });

  test('a version older than the waiting one', async () => {
    a.publish(A, { version: 5 });
    await cycle();
    a.publish([...A, 'three@a.example'], { version: 4 });
    expect((await cycle()).bundles[0]).toEqual(['org-a', 'kept', 'ROLLBACK', null]);
  });
});

describe('each fails alone', () => {
  test('one is refused, the other goes on; a refusal beats a failure', async () => {
    await both();
    a.publish(A, { signers: [] });
    b.publish([...B, 'four@b.example']);
    expect(await cycle()).toMatchObject({
      status: 1,
      outcome: 'kept',
      bundles: [
        ['org-a', 'kept', 'BAD_SIGNATURE', 1],
        ['org-b', 'installed', null, 2],
      ],
    });
    expect(rows()).toEqual([...A, ...B, 'four@b.example'].sort());
    await endB.stop();
    expect(await cycle()).toMatchObject({
      status: 1,
      bundles: [
        ['org-a', 'kept', 'BAD_SIGNATURE', 1],
        ['org-b', 'kept', 'NETWORK', 2],
      ],
    });
    endB = await Endpoint.start(b.files);
  });

  test('one speaks for the other’s domain', async () => {
    await both();
    const before = gateway.maps();
    a.publish([...A, 'mallory@b.example']);
    expect((await cycle()).bundles).toEqual([
      ['org-a', 'kept', 'FOREIGN_DOMAIN', 1],
      ['org-b', 'unchanged', null, 1],
    ]);
    expect(gateway.maps()).toEqual(before);
  });

  test('one gives the other’s signed list', async () => {
    await both();
    b.publish([...B, 'four@b.example']);
    for (const [path, bytes] of b.files) a.files.set(path, bytes);
    expect((await cycle()).bundles).toEqual([
      ['org-a', 'kept', 'BAD_SIGNATURE', 1],
      ['org-b', 'installed', null, 2],
    ]);
  });
});

describe('the configuration changes', () => {
  test('a bundle that is taken out leaves the map, without the network', async () => {
    await both();
    gateway.configure([bundles[0]]);
    await endA.stop();
    expect(await cycle()).toMatchObject({ status: 2, bundles: [['org-a', 'kept', 'NETWORK', 1]] });
    expect(rows()).toEqual([...A].sort());
    expect(rows('relay_domains')).toEqual(['a.example']);
    expect((await gateway.lookup('one@b.example')).status).toBe(1);
    endA = await Endpoint.start(a.files);
  });

  test('and comes back from its copy or its URL', async () => {
    await both();
    gateway.configure([bundles[0]]);
    await cycle();
    gateway.configure(bundles);
    expect((await cycle()).status).toBe(0);
    expect(rows()).toEqual([...A, ...B].sort());
  });

  test('a bundle that is new and has no copy: the maps say what they said', async () => {
    gateway.configure([bundles[0]]);
    a.publish(A);
    await cycle();
    const before = hashes();
    gateway.configure(bundles);
    expect((await cycle()).bundles).toEqual([
      ['org-a', 'unchanged', null, 1],
      ['org-b', 'kept', 'HTTP_STATUS', null],
    ]);
    expect(hashes()).toEqual(before);
  });
});

test('the same row in both is one row, and each bundle is named for it', async () => {
  bundles = [bundles[0], { ...bundles[1], lines: 'domains = ["a.example", "b.example"]' }];
  gateway.configure(bundles);
  a.publish(A);
  b.publish([...B, A[0] ?? '']);
  expect((await cycle()).status).toBe(0);
  expect(rows()).toEqual([...A, ...B].sort());
  const { status, stdout } = await gateway.lookup(A[0] ?? '');
  expect(status).toBe(0);
  expect(stdout).toMatch(/org-a version 1.*org-b version 1/);
});
