// A changed cycle of the daemon has a process of its own. What ends that process ends neither the daemon nor the
// mail, and it never outlives what it was started for.
// Covers src/gateway/daemon/cycle-child.ts, src/gateway/daemon/daemon-cycle.ts, src/bin/cycle-child.ts
import { chownSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Daemon, WHEN_TOLD } from '../support/daemon.ts';
import { command } from '../support/gateway.ts';
import { LONGER, Scene } from '../support/scene.ts';

const NOBODY = 65_534;
let scene: Scene;
beforeEach(async () => {
  scene = await Scene.open({ config: WHEN_TOLD });
});
afterEach(() => scene.close());

interface Reported {
  readonly bundles: readonly { version: number; outcome: string; code: string | null; message: string | null }[];
}
const reported = (): Reported =>
  JSON.parse(readFileSync(path.join(scene.gateway.stateDir, 'status.json'), 'utf8')) as Reported;

/**
 * A daemon that has had its first cycle, unchanged; a longer list is there, and its table is not sent until it is
 * let go.
 */
async function atWork(): Promise<{ daemon: Daemon; pid: number; letGo: () => void }> {
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'unchanged');
  scene.publish(LONGER);
  const held: (() => void)[] = [];
  scene.endpoint.misbehaviour = ({ response, file, path: name }) => {
    if (name === 'manifest.json') return false;
    held.push(() => response.writeHead(200, { 'content-length': file.length }).end(file));
    return true;
  };
  daemon.signal('SIGUSR2');
  await daemon.until(() => held.length === 1, 'the table is asked for');
  const [pid = 0, ...more] = processes(daemon);
  expect([pid > 0, more]).toEqual([true, []]);
  return { daemon, pid, letGo: () => held[0]?.() };
}

/** The maps that Postfix opens; what is being made beside them begins with a dot. */
const live = () => Object.fromEntries(Object.entries(scene.gateway.maps()).filter(([name]) => !name.startsWith('.')));

/** Its children that are at work on a cycle. */
function processes(daemon: Daemon): number[] {
  const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim().split(' ');
  return children.map(Number).filter((pid) => pid > 0 && commandLine(pid).includes('cycle-child'));
}

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
const isGone = (pid: number): boolean => !existsSync(`/proc/${pid}`);

/** A process that has ended is there until its parent, or init in its place, has heard of it. */
async function goes(pid: number): Promise<boolean> {
  for (let i = 0; i < 3000 && !isGone(pid); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  return isGone(pid);
}

test('it asks for nothing that the daemon has asked for already', async () => {
  const daemon = new Daemon(scene.gateway);
  await daemon.moreCycles(1, 'unchanged');
  scene.endpoint.take();
  scene.publish(LONGER);
  daemon.signal('SIGUSR2');
  await daemon.says(/installed version 2/);
  const asked = scene.endpoint.take();
  expect([asked[0], asked.length]).toEqual(['manifest.json', 2]);
  expect((await daemon.stop()).status).toBe(0);
});

test('killed while it works: a failed cycle on record, the maps untouched, and the next cycle installs', async () => {
  const { daemon, pid } = await atWork();
  const before = live();
  process.kill(pid, 'SIGKILL');
  await daemon.says(/INTERNAL.*ended by SIGKILL/);
  expect(live()).toEqual(before);
  await daemon.until(() => daemon.cycles('kept') === 1, 'a cycle that kept');
  expect(reported().bundles).toMatchObject([{ version: 1, outcome: 'kept', code: 'INTERNAL' }]);
  scene.endpoint.misbehaviour = null;
  daemon.signal('SIGUSR2');
  await daemon.says(/installed version 2/);
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect((await daemon.stop()).status).toBe(0);
});

test('the daemon is told to end: so is its process, and nothing is installed or reported', async () => {
  const { daemon, pid } = await atWork();
  const before = [live(), reported()];
  expect((await daemon.stop()).status).toBe(0);
  expect(await goes(pid)).toBe(true);
  expect([live(), reported()]).toEqual(before);
});

test('the daemon is killed: its process ends by itself, and lets go of the lock', async () => {
  const { daemon, pid } = await atWork();
  const before = live();
  daemon.signal('SIGKILL');
  await daemon.ended();
  expect(await goes(pid)).toBe(true);
  expect(live()).toEqual(before);
  scene.endpoint.misbehaviour = null;
  await scene.installs(2, LONGER);
});

test('a daemon that was started by root: its process has root’s rights no more, and yet the token that only root may read', async () => {
  const { gateway, endpoint } = scene;
  writeFileSync(gateway.at('token'), 'for-the-gateway\n', { mode: 0o600 });
  scene.configure({ bundle: `token_file = ${JSON.stringify(gateway.at('token'))}` });
  for (const folder of ['state', 'maps']) {
    const below = readdirSync(gateway.at(folder), { recursive: true, encoding: 'utf8' });
    for (const name of ['', ...below]) chownSync(gateway.at(folder, name), NOBODY, NOBODY);
  }
  const { daemon, pid, letGo } = await atWork();
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (what: string): string[] => new RegExp(`^${what}:(.*)$`, 'm').exec(status)?.[1]?.trim().split(/\s+/) ?? [];
  expect(new Set([...of('Uid'), ...of('Gid')])).toEqual(new Set([String(NOBODY)]));
  expect(of('Groups')).not.toContain('0');
  expect([...of('CapPrm'), ...of('CapEff')].map((set) => Number(`0x${set}`))).toEqual([0, 0]);
  expect(endpoint.asked.at(-1)).toMatchObject({ headers: { authorization: 'Bearer for-the-gateway' } });
  letGo();
  await daemon.says(/installed version 2/);
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect((await daemon.stop()).status).toBe(0);
});

test.each(['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)(
  '%s to all processes of the service: it works on',
  async (name) => {
    const { daemon, pid, letGo } = await atWork();
    process.kill(pid, name);
    letGo();
    await daemon.says(/installed version 2/);
    expect(daemon.log).not.toMatch(/[Dd]ebugger listening|INTERNAL/);
    expect(scene.rows()).toEqual([...LONGER].sort());
    expect((await daemon.stop()).status).toBe(0);
  },
);

test('its module is gone, as in the middle of an upgrade: the cycle is done all the same, and that is told', async () => {
  const dist = path.join(scene.gateway.dir, 'dist');
  cpSync(path.dirname(path.dirname(command)), dist, { recursive: true });
  rmSync(path.join(dist, 'bin/cycle-child.cjs'));
  writeFileSync(path.join(dist, 'package.json'), '{"type":"module"}');
  const daemon = new Daemon(scene.gateway, { command: path.join(dist, 'bin/relaymap.cjs') });
  await daemon.moreCycles(1, 'unchanged');
  scene.publish(LONGER);
  daemon.signal('SIGUSR2');
  await daemon.says(/no process for this cycle/);
  await daemon.says(/installed version 2/);
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect((await daemon.stop()).status).toBe(0);
});
