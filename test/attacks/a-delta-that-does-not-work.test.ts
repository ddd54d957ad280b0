// Deltas: the honest one saves the table; whatever is wrong with one, the whole table comes in the same cycle and
// the next takes none.
// Covers src/gateway/fetch/take-table.ts
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Misbehaviour } from '../support/endpoint.ts';
import { deltaText, publishWithDelta, type DeltaLies } from '../support/delta.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

// Large enough that a delta of one row is smaller than the table.
const BASE = [...LIST, ...Array.from({ length: 400 }, (_, i) => `person${i * 7919}@example.org`)];
const NEXT = [...BASE.filter((row) => row !== 'bob@example.org'), 'carol@example.org'];

async function open(): Promise<{ scene: Scene; first: { rows: readonly string[]; table: string } }> {
  const scene = await Scene.open({ installed: false });
  onTestFinished(() => scene.close());
  const { table } = scene.publish(BASE);
  await scene.installs(1, BASE);
  for (const row of [...NEXT, ...LONGER]) scene.gateway.unspeakable.add(row);
  scene.endpoint.take();
  return { scene, first: { rows: BASE, table } };
}

test('an honest delta is taken and the whole table is not asked for', async () => {
  const { scene, first } = await open();
  const { delta } = publishWithDelta(scene.forger, first, NEXT);
  const { bundle, stderr } = await scene.installs(2, NEXT);
  expect([bundle.via, stderr]).toEqual(['delta', '']);
  expect(scene.endpoint.take()).toEqual(['manifest.json', delta]);
});

test('a table made by delta is a base, a baseline and a copy like any other', async () => {
  const { scene, first } = await open();
  const second = publishWithDelta(scene.forger, first, NEXT);
  await scene.installs(2, NEXT);
  const third = [...NEXT, 'dave@example.org'];
  publishWithDelta(scene.forger, { rows: NEXT, table: second.table }, third);
  expect((await scene.installs(3, third)).bundle.via).toBe('delta');
  const back = await scene.gateway.run(['rollback', '--to', '2']);
  expect([back.status, scene.rows()]).toEqual([0, [...NEXT].sort()]);
});

const honest = deltaText(BASE, NEXT);
const LIES: Record<string, DeltaLies> = {
  'is absent': { absent: true },
  'is not gzip': { wire: Buffer.from('not gzip at all') },
  'has two members': { wire: Buffer.concat([gzipSync(honest), gzipSync('')]) },
  'is longer than declared': { entry: { bytes: honest.length - 1 } },
  'has another hash': { entry: { sha256: '0'.repeat(64) } },
  'has another size on the wire': { entry: { wireBytes: 20 } },
  'removes an absent row': { text: `-absent@example.org\n${honest}` },
  'adds a present row': { text: `+alice@example.org\n${honest}` },
  'is not sorted': {
    text:
      honest
        .split('\n')
        .filter(Boolean)
        .map((_, i, all) => all[all.length - 1 - i] ?? '')
        .join('\n') + '\n',
  },
  'names a row twice': { text: honest + honest.split('\n').filter(Boolean).at(-1) + '\n' },
  'has a line without a sign': { text: `carol@example.org\n-bob@example.org\n` },
  'has an empty line': { text: `\n${honest}` },
  'has no LF at its end': { text: honest.trimEnd() },
  'makes another table': { text: '+zoe@example.org\n' },
};

describe('the whole table is taken when the delta', () => {
  test.each(Object.entries(LIES))('%s', async (_, lies) => {
    const { scene, first } = await open();
    const { table, delta } = publishWithDelta(scene.forger, first, NEXT, lies);
    const run = await scene.installs(2, NEXT);
    expect(run.bundle.via).toBe('full');
    expect(run.stderr).toContain('the delta did not work');
    expect(scene.endpoint.take()).toEqual(['manifest.json', delta, table]);
    // The next cycle takes no delta, the one after that does again.
    const third = [...NEXT, 'dave@example.org'];
    const fourth = [...third, 'erin@example.org'];
    const third_ = publishWithDelta(scene.forger, { rows: NEXT, table }, third);
    expect((await scene.installs(3, third)).bundle.via).toBe('full');
    publishWithDelta(scene.forger, { rows: third, table: third_.table }, fourth);
    expect((await scene.installs(4, fourth)).bundle.via).toBe('delta');
  });
});

test('a delta that is not smaller than the table is ignored, never refused', async () => {
  const { scene, first } = await open();
  const { table } = publishWithDelta(scene.forger, first, NEXT, { entry: { wireBytes: 10_000_000 } });
  const { bundle, stderr } = await scene.installs(2, NEXT);
  expect([bundle.via, stderr]).toEqual(['full', '']);
  expect(scene.endpoint.take()).toEqual(['manifest.json', table]);
});

test('a delta that stalls costs its time, not the update', async () => {
  const { scene, first } = await open();
  scene.configure({ config: '[limits]\ntotal_timeout = "3h"\nidle_timeout = "2s"' });
  const { delta } = publishWithDelta(scene.forger, first, NEXT);
  scene.endpoint.misbehaviour = ({ path, response }) => {
    if (path !== delta) return false;
    response.writeHead(200).flushHeaders();
    return undefined;
  };
  expect((await scene.installs(2, NEXT)).bundle.via).toBe('full');
});

/**
 * The limit that is meant, and the other one far beyond it: a machine that is busy decides nothing. One request gets a
 * third of what is left of the total, and the table still has five seconds after the delta.
 */
const limits = (idle: string, total: string) => `[limits]\nidle_timeout = "${idle}"\ntotal_timeout = "${total}"`;
const LIMITS: Record<string, string> = {
  'stops in its middle': limits('2s', '3h'),
  'lacks its last byte, which never comes': limits('2s', '3h'),
  drips: limits('2h', '24s'),
};
const head = (file: Buffer) => ({ 'content-length': file.length });
const PRANKS: Record<string, Misbehaviour> = {
  'stops in its middle': ({ response, file }) => void response.writeHead(200, head(file)).write(file.subarray(0, 20)),
  'lacks its last byte, which never comes': ({ response, file }) =>
    void response.writeHead(200, head(file)).write(file.subarray(0, -1)),
  drips: ({ response, file }) => {
    response.writeHead(200, head(file));
    let at = 0;
    const timer = setInterval(() => response.write(file.subarray(at, ++at)), 300);
    response.on('close', () => clearInterval(timer));
  },
  'never ends': ({ response, file }) => {
    response.writeHead(200);
    response.write(file);
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) continue;
    };
    response.on('drain', pour);
    pour();
  },
  'is a gzip bomb of its declared length on the wire': ({ response, file }) =>
    void response.writeHead(200, head(file)).end(gzipSync(Buffer.alloc(file.length * 900)).subarray(0, file.length)),
  'is cut short of its Content-Length': ({ response, file, connection }) => {
    response.writeHead(200, head(file));
    response.write(file.subarray(0, -1), () => setTimeout(() => connection.end(), 50));
  },
  'is reset in its middle': ({ response, file, connection }) => {
    response.writeHead(200, head(file));
    response.write(file.subarray(0, 20), () => setTimeout(() => connection.resetAndDestroy(), 50));
  },
  'is a redirect to itself': ({ path, response }) =>
    void response.writeHead(302, { location: `/list/${path}?again` }).end(),
  'is not modified': ({ response }) => void response.writeHead(304).end(),
  'is a part of it': ({ response, file }) => void response.writeHead(206, head(file)).end(file),
  'is said to be longer than it is': ({ response, file }) =>
    void response.writeHead(200, { 'content-length': file.length + 1 }).end(Buffer.concat([file, Buffer.alloc(1)])),
};

describe('the whole table is taken in the same cycle when the server’s answer for the delta', () => {
  test.each(Object.entries(PRANKS))('%s', async (name, prank) => {
    const { scene, first } = await open();
    scene.configure({ config: LIMITS[name] ?? limits('2h', '3h') });
    const { table, delta } = publishWithDelta(scene.forger, first, NEXT);
    scene.endpoint.misbehaviour = (exchange) => (exchange.path === delta ? prank(exchange) : false);
    const { bundle, stderr, ms } = await scene.installs(2, NEXT);
    expect(bundle.via).toBe('full');
    expect(stderr).toContain('the delta did not work');
    expect(scene.endpoint.take()).toEqual(['manifest.json', delta, table]);
    expect(bundle.wireBytes).toBeLessThan(2 ** 20);
    expect(ms).toBeLessThan(60_000); // eight seconds, and what a loaded machine adds
  });
});

test('a delta whose table shrinks too far is refused by the guard like any other', async () => {
  const { scene, first } = await open();
  const few = BASE.slice(0, 360);
  const { delta } = publishWithDelta(scene.forger, first, few);
  await scene.refused('SHRUNK', ['manifest.json', delta]);
});
