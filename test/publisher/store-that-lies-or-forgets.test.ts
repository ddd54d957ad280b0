// Covers src/publisher/repository/s3/conditions.ts, src/publisher/repository/deletion.ts
// A store that forgets a condition after it has honoured it, that keeps one ETag for all that it held, or that another
// writes to meanwhile: no version has two lists, nothing that is named is lost, and nothing is refused for nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, people } from './desk.ts';
import { explain } from '../../src/publisher/explain.ts';
import { lookAtPublisher } from '../../src/publisher/health/look.ts';
import { reportRun } from '../../src/publisher/health/report.ts';
import { manifestIn, ObjectStore, refusal, type Asked } from './object-store.ts';

const now = () => new Date();
const MANIFEST = 'x/manifest.json';

/** Two publishers of one list. */
async function pair() {
  const store = await ObjectStore.start();
  const [a, b] = [store.desk(), store.desk()];
  await a.publishes(people(20), now());
  await b.publishes(people(20), now(), { nextVersion: 2 });
  await a.publish(now());
  return { store, a, b };
}

test('the loser of a race reads again, and puts its own list out: its sources have changed', async () => {
  const { store, a, b } = await pair();
  let isRaced = false;
  a.list(people(30));
  b.list(people(25));
  store.instead = async ({ method, key }) => {
    if (method !== 'PUT' || key !== MANIFEST || isRaced) return null;
    isRaced = true;
    await b.publish(now());
    return null;
  };
  expect(await a.publish(now())).toMatchObject({ outcome: 'published', version: 4 });
  expect(store.rows()).toHaveLength(30);
  await expect(b.publish(now())).rejects.toMatchObject({ code: 'DIVERGED' });
});

test('a first publish that ended before its list was out goes on by itself; one whose list was out does not', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  desk.list(people(20));
  store.instead = ({ method, key }) => (method === 'PUT' && key === MANIFEST ? refusal(400, 'Killed') : null);
  await expect(desk.publish(now())).rejects.toMatchObject({ code: 'OUTPUT' });
  store.instead = () => null;
  expect(await desk.publish(now())).toMatchObject({ outcome: 'published', version: 2 });
  store.objects.delete(MANIFEST);
  await expect(desk.publish(now())).rejects.toMatchObject({ code: 'STATE' });
});

test('a publisher that was killed before its list was out puts it out, over one of another', async () => {
  const { store, a, b } = await pair();
  a.list(people(30));
  b.list(people(25));
  store.instead = ({ method, key }) => (method === 'PUT' && key === MANIFEST ? refusal(400, 'Killed') : null);
  await expect(a.publish(now())).rejects.toMatchObject({ code: 'OUTPUT' });
  store.instead = () => null;
  await b.publish(now());
  expect(await a.publish(now())).toMatchObject({ outcome: 'published', version: 4 });
  expect(store.rows()).toHaveLength(30);
});

test('a store that forgets If-Match once another list is out: the later writer reads that, and gives way', async () => {
  const { store, a, b } = await pair();
  const out = new Map<number, string>();
  const seen: string[] = [];
  let isUnderWay = false;
  a.list(people(30));
  b.list(people(31));
  store.instead = async (asked: Asked) => {
    const { method, key, body } = asked;
    if (method !== 'PUT' || key.includes('/probe/')) return null;
    if (key.includes('/recipients/') && !isUnderWay) {
      isUnderWay = true; // a has read what is out; b puts out another list before a's is written
      await b.publish(now());
    }
    if (key !== MANIFEST) return null;
    const { version } = manifestIn(body);
    seen.push(`${version}${out.has(version) && out.get(version) !== body.toString() ? ' twice' : ''}`);
    out.set(version, body.toString());
    return store.answer({ ...asked, headers: {} }); // whatever the condition says
  };
  expect(await a.publish(now())).toMatchObject({ outcome: 'published', version: 4 });
  expect(seen).toEqual(['3', '4']);
});

describe('a store that refuses an ETag that nothing has, and takes any other', () => {
  test.each([
    ['of what was replaced', '"former"'],
    ['of all that it ever held', '"always"'],
  ])('%s', async (_, etag) => {
    const store = await ObjectStore.start();
    store.change = ({ method }, reply) =>
      reply.headers?.['etag'] === undefined || method === 'PUT'
        ? reply
        : { ...reply, headers: { ...reply.headers, etag } };
    store.instead = (asked) => {
      const isKnown = asked.headers['if-match'] === etag && store.objects.has(asked.key);
      return isKnown ? store.answer({ ...asked, headers: {} }) : null;
    };
    const desk = store.desk();
    desk.list(people(20));
    await expect(desk.publish(now())).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/ignores If-Match/) as string,
    });
    expect([...store.objects.keys()]).toEqual([]);
  });
});

test('the probe is asked again where another has the same scratch key, or an answer was lost', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  let puts = 0;
  store.instead = ({ method, key }) => {
    if (method === 'PUT' && key.includes('/probe/') && ++puts === 2) store.objects.delete(key); // by a copy of this host
    return null;
  };
  expect(await desk.publishes(people(20), now())).toMatchObject({ outcome: 'published', version: 1 });
  expect([...store.objects.keys()].filter((key) => key.includes('/probe/'))).toEqual([]);
});

test('a table that is named again is written again, which renews its age', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(200), now());
  const { sha256 } = store.manifest().tables.recipients;
  await desk.publishes(people(205), now());
  const delta = store.manifest().tables.recipients;
  await desk.publishes(people(200), now());
  store.ahead = 3 * DAY;
  await desk.publishes(people(205), now());
  const names = [`${sha256}-${delta.sha256}.delta.gz`, `${delta.sha256}.gz`];
  for (const name of names)
    expect(store.now - (store.objects.get(`x/recipients/${name}`)?.modified ?? 0), name).toBeLessThan(HOUR);
  expect(store.rows()).toHaveLength(205);
});

test('what is deleted is named by no manifest that is read after its age', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(200), now());
  const first = `x/recipients/${store.manifest().tables.recipients.sha256}.gz`;
  await desk.publishes(people(210), now());
  store.ahead = 3 * DAY;
  store.asked.length = 0;
  await desk.publishes(people(220), new Date(store.now));
  const at = store.asked.indexOf(`DELETE ${first}`);
  expect(at).toBeGreaterThan(0);
  const before = store.asked.slice(0, at);
  expect(before.lastIndexOf(`GET ${MANIFEST}`)).toBeGreaterThan(before.lastIndexOf(`HEAD ${first}`));
  expect(before.lastIndexOf(`GET ${MANIFEST}`)).toBeGreaterThan(before.lastIndexOf(`GET ${first}`));
});

test('what waits to be deleted is not read each time, and is forgotten once it is gone', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(200), now());
  const first = `x/recipients/${store.manifest().tables.recipients.sha256}.gz`;
  store.ahead = HOUR;
  await desk.publishes(people(210), now());
  store.ahead = 30 * HOUR; // unnamed for a day, and not old enough
  store.asked.length = 0;
  expect(await desk.publish(new Date(store.now))).toMatchObject({ outcome: 'unchanged' });
  expect(store.asked.filter((asked) => asked.endsWith(first))).toEqual([`HEAD ${first}`]);
  store.ahead = 50 * HOUR;
  expect(await desk.publish(new Date(store.now))).toMatchObject({ outcome: 'unchanged' });
  expect(store.objects.has(first)).toBe(false);
  store.asked.length = 0;
  expect(await desk.publish(new Date(store.now))).toMatchObject({ outcome: 'unchanged' });
  expect(store.asked.filter((asked) => asked.endsWith(first))).toEqual([]);
});

test('a listing in many parts is read to its end, and what is not ours stays', async () => {
  const store = await ObjectStore.start();
  store.part = 1;
  const desk = store.desk();
  const name = 'a'.repeat(64);
  const beside = ['notes.txt', `${name}.gz.bak`, `sub/${name}.gz`, `${name}.GZ`].map((key) => `x/recipients/${key}`);
  for (const key of [...beside, `xy/recipients/${name}.gz`, 'x/other.json']) store.put(key, Buffer.from('theirs'));
  await desk.publishes(people(200), now());
  const first = `x/recipients/${store.manifest().tables.recipients.sha256}.gz`;
  await desk.publishes(people(210), now());
  const before = new Set(store.objects.keys());
  store.ahead = 3 * DAY;
  await desk.publishes(people(220), new Date(store.now));
  expect([...before].filter((key) => !store.objects.has(key))).toEqual([first]);
});

test('what another publisher has named meanwhile begins its day anew', async () => {
  const { store, a, b } = await pair();
  const first = `x/recipients/${store.manifest().tables.recipients.sha256}.gz`;
  a.list(people(30));
  await a.publish(now());
  b.list(people(30));
  await b.publish(now());
  store.ahead = 3 * DAY;
  b.list(people(20)); // the first table again
  await b.publish(new Date(store.now));
  store.ahead = 5 * DAY + HOUR;
  a.list(people(40));
  await a.publish(new Date(store.now));
  expect(store.objects.has(first)).toBe(true);
});

test('an old backup of the state goes on, and health is content', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(20), now());
  const backup = readFileSync(desk.at('state', 'state.json'));
  await desk.publishes(people(25), now());
  writeFileSync(desk.at('state', 'state.json'), backup);
  const result = await desk.publish(now());
  expect(result).toMatchObject({ outcome: 'unchanged', version: 2 });
  const config = desk.config();
  await reportRun(config, { result }, '1', now());
  expect(await lookAtPublisher(config, now())).toMatchObject({ status: 'ok', reasons: [] });
  const { lines } = await explain(config, 'user24@example.org', now());
  expect(lines.at(-1)).toBe('the published version 2 has it');
});

test('health and explain tell what nobody here has put out', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(20), now());
  const before = store.objects.get(MANIFEST)?.body ?? Buffer.alloc(0);
  await desk.publishes(people(21), now());
  store.put(MANIFEST, before);
  const { lines } = await explain(desk.config(), 'user1@example.org', now());
  expect(lines.at(-1)).toMatch(/^what is out in s3:\/\/lists\/x was not put out here/);
});

test('a store whose HEAD has no length', async () => {
  const store = await ObjectStore.start();
  store.change = ({ method }, reply) =>
    method === 'HEAD' && reply.status === 200
      ? { ...reply, headers: { ...reply.headers, 'transfer-encoding': 'chunked' } }
      : reply;
  const desk = store.desk();
  await desk.publishes(people(200), now());
  expect(await desk.publishes(people(201), now())).toMatchObject({ outcome: 'published', version: 2, deltas: 1 });
  expect(await desk.publish(now())).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test('a full quota is NO_SPACE, and a clock that the store refuses CLOCK', async () => {
  const store = await ObjectStore.start();
  const desk = store.desk();
  await desk.publishes(people(20), now());
  desk.list(people(21));
  store.instead = ({ method }) => (method === 'PUT' ? refusal(403, 'QuotaExceeded') : null);
  await expect(desk.publish(now())).rejects.toMatchObject({
    code: 'NO_SPACE',
    message: expect.stringMatching(/^bucket lists, key x\/.*PUT: status 403, QuotaExceeded/) as string,
  });
  store.instead = () => refusal(403, 'RequestTimeTooSkewed');
  await expect(desk.publish(now())).rejects.toMatchObject({
    code: 'CLOCK',
    message: expect.stringMatching(/^bucket lists, key x\/.*GET: status 403, RequestTimeTooSkewed/) as string,
  });
});
