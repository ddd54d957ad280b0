// Who waits for the network holds no lock: rollback and hold are done at once, other runs go on, and what the
// waiting run has found is judged by the record as it is when it comes back.
import type { ServerResponse } from 'node:http';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { sha256 } from '../support/forger.ts';
import type { Fetched } from '../support/gateway.ts';
import { floors, FOLDERS } from '../support/meaning.ts';
import { LIST, LONGER, Scene, type SceneOptions } from '../support/scene.ts';
import { takeTree } from '../support/tree.ts';

const LONGEST = [...LONGER, 'dave@example.org'];

interface Waiting {
  /** Asked, and not answered yet. */
  readonly asked: Promise<void>;
  /** Answers all that was asked, and whatever is asked from now on. */
  goOn(): void;
}

/** From now on the server sends the first bytes of what matches, and no more of it before it is let go. */
function drips(scene: Scene, which: (path: string) => boolean): Waiting {
  const held: [ServerResponse, Buffer][] = [];
  let tell: () => void;
  const asked = new Promise<void>((resolve) => (tell = resolve));
  let isOver = false;
  scene.endpoint.misbehaviour = ({ path, response, file }) => {
    if (isOver || !which(path) || file.length === 0) return false;
    response.writeHead(200, { etag: `"${sha256(file).slice(0, 32)}"`, 'content-length': file.length });
    response.write(file.subarray(0, 20));
    held.push([response, file.subarray(20)]);
    tell();
    return true;
  };
  return {
    asked,
    goOn: () => {
      isOver = true;
      for (const [response, rest] of held.splice(0)) response.end(rest);
    },
  };
}

const isTable = (path: string): boolean => path.startsWith('recipients/');
const isManifest = (path: string): boolean => path === 'manifest.json';

/** However long the other commands of a test take, the one that is held does not give up by itself. */
const PATIENT = '[limits]\nidle_timeout = "2h"\ntotal_timeout = "3h"\n';

async function open({ config = '' }: SceneOptions = {}): Promise<Scene> {
  const scene = await Scene.open({ config: `${PATIENT}${config}` });
  onTestFinished(() => scene.close());
  return scene;
}

/** Two versions are kept, the second is live, and a third one drips into a fetch that is under way. */
async function thirdDrips(which = isTable): Promise<{ scene: Scene; waiting: Waiting; fetch: Promise<Fetched> }> {
  const scene = await open();
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  scene.publish(LONGEST);
  const waiting = drips(scene, which);
  const fetch = scene.gateway.fetch();
  await waiting.asked;
  return { scene, waiting, fetch };
}

const done = async (scene: Scene, ...args: string[]): Promise<void> => {
  const { status, stderr } = await scene.gateway.run(args);
  expect([status, stderr]).toEqual([0, expect.not.stringContaining('waiting for another run') as string]);
};

/** The maps that Postfix opens, without what is being made beside them. */
const live = ({ gateway }: Scene) => Object.entries(gateway.maps()).filter(([name]) => !name.startsWith('.'));

/** Nothing is left over: no file that nothing names, none that is half written. */
function isTidy({ gateway }: Scene, good: readonly number[], seen: readonly number[] = []): void {
  expect(gateway.strays()).toEqual([]);
  const folder = gateway.at('state', 'bundles', 'example-org');
  const versions = (names: string[]) =>
    names.flatMap((name) => (/^[0-9]+-.*\.json$/.test(name) ? [Number(name.split('-')[0])] : [])).sort((a, b) => a - b);
  expect(versions(readdirSync(folder))).toEqual(good);
  expect(existsSync(path.join(folder, 'seen')) ? versions(readdirSync(path.join(folder, 'seen'))) : []).toEqual(seen);
}

test.each([
  ['the table', isTable],
  ['the manifest', isManifest],
])('an emergency rollback while %s drips is done at once, and the fetch does not undo it: HELD', async (_, which) => {
  const { scene, waiting, fetch } = await thirdDrips(which);
  await done(scene, 'rollback');
  expect(scene.rows()).toEqual([...LIST].sort());
  const before = live(scene);
  waiting.goOn();
  const { status, bundle } = await fetch;
  expect([status, bundle.code, bundle.version]).toEqual([1, 'HELD', 1]);
  expect(live(scene)).toEqual(before);
  isTidy(scene, [1, 2], [3]); // the third one was seen, so that another payload of its version is found out
  expect(floors(takeTree(scene.gateway.dir, FOLDERS))).toEqual({ 'example-org': 2 });
  expect((await scene.gateway.health()).json.bundles[0]).toMatchObject({ version: 1, code: 'HELD' });
  await done(scene, 'resume');
  await scene.installs(3, LONGEST);
});

test('hold while a table drips: it stays where it is', async () => {
  const { scene, waiting, fetch } = await thirdDrips();
  const before = live(scene);
  await done(scene, 'hold');
  waiting.goOn();
  expect((await fetch).bundle).toMatchObject({ code: 'HELD', version: 2 });
  expect(live(scene)).toEqual(before);
  isTidy(scene, [1, 2], [3]);
});

test('another fetch installs the same meanwhile: the first finds nothing new, and both are done', async () => {
  const { scene, waiting, fetch } = await thirdDrips();
  const first = scene.endpoint.misbehaviour;
  scene.endpoint.misbehaviour = null; // for whoever asks next
  await scene.installs(3, LONGEST);
  scene.endpoint.misbehaviour = first;
  const before = scene.gateway.maps();
  waiting.goOn();
  expect(await fetch).toMatchObject({ status: 0, outcome: 'unchanged', bundles: [{ code: null, version: 3 }] });
  expect(scene.gateway.maps()).toEqual(before);
  isTidy(scene, [1, 2, 3]);
});

test('another fetch installs a newer version meanwhile: the older one is a rollback, and nothing moves', async () => {
  const { scene, waiting, fetch } = await thirdDrips();
  const first = scene.endpoint.misbehaviour;
  scene.endpoint.misbehaviour = null;
  scene.publish([...LONGEST, 'erin@example.org']);
  await scene.installs(4, [...LONGEST, 'erin@example.org']);
  scene.endpoint.misbehaviour = first;
  const before = scene.gateway.maps();
  waiting.goOn();
  expect((await fetch).bundle).toMatchObject({ code: 'ROLLBACK', version: 4 });
  expect(scene.gateway.maps()).toEqual(before);
  expect(floors(takeTree(scene.gateway.dir, FOLDERS))).toEqual({ 'example-org': 4 });
  isTidy(scene, [1, 2, 4]);
});

test('another fetch installs a longer list meanwhile: what was no loss before has become one, SHRUNK', async () => {
  const scene = await open();
  scene.publish(LONGER, { version: 3 });
  const waiting = drips(scene, isTable);
  const fetch = scene.gateway.fetch();
  await waiting.asked;
  const first = scene.endpoint.misbehaviour;
  scene.endpoint.misbehaviour = null;
  const longer = [...LIST, ...LIST.map((row) => row.replace('@', '.too@'))];
  scene.publish(longer, { version: 2 });
  await scene.installs(2, longer);
  scene.endpoint.misbehaviour = first;
  const before = scene.gateway.maps();
  waiting.goOn();
  const { bundle } = await fetch;
  expect(bundle).toMatchObject({ code: 'SHRUNK', version: 2 });
  expect(bundle.message).toContain(`63 of the ${longer.length} rows`);
  expect(scene.gateway.maps()).toEqual(before);
  isTidy(scene, [1, 2], [3]);
});

test('two fetches at once download side by side, and end with one whole list', async () => {
  const { scene, waiting, fetch } = await thirdDrips();
  const second = scene.gateway.fetch(['--force']);
  await expect.poll(() => scene.endpoint.asked.filter(({ path }) => isTable(path)).length).toBeGreaterThan(1);
  waiting.goOn();
  const ended = await Promise.all([fetch, second]);
  expect(ended.map(({ status }) => status)).toEqual([0, 0]);
  expect(scene.rows()).toEqual([...LONGEST].sort());
  isTidy(scene, [1, 2, 3]);
  expect((await scene.gateway.health(['--deep'])).status).toBe(0);
});

test('killed while a table drips, it leaves nothing that the next run does not clean', async () => {
  const scene = await open();
  scene.publish(LONGER);
  const waiting = drips(scene, isTable);
  const file = scene.gateway.at('pid');
  const killed = scene.gateway.run(['fetch'], { under: ['sh', '-c', `echo $$ >'${file}'; exec "$@"`, 'sh'] });
  await waiting.asked;
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  expect((await killed).status).toBeNull();
  waiting.goOn();
  await scene.installs(2, LONGER);
  isTidy(scene, [1, 2]);
});

test('rollback while the daemon waits for a table', async () => {
  const scene = await open({ config: WHEN_TOLD });
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'unchanged');
  scene.publish(LONGEST);
  const waiting = drips(scene, isTable);
  daemon.signal('SIGUSR2');
  await waiting.asked;
  await done(scene, 'rollback');
  waiting.goOn();
  await daemon.says(/HELD/);
  expect(scene.rows()).toEqual([...LIST].sort());
  expect((await daemon.stop()).status).toBe(0);
  isTidy(scene, [1, 2], [3]);
  expect(readFileSync(scene.gateway.at('state', 'status.json'), 'utf8')).toContain('HELD');
});
