// Node's own permission model, where this Node has it: a write outside the two folders is refused; and since newer
// ones forbid fsync with it, a cycle that cannot be made durable says so and moves nothing. This is why the shipped
// unit does not use it.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnSync } from 'node:child_process';
import { LIST, LONGER, Scene } from '../support/scene.ts';

const FLAG = Number(process.versions.node.split('.')[0]) < 22 ? '--experimental-permission' : '--permission';
let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

const permitted = (...folders: string[]): string[] => [
  FLAG,
  '--no-warnings',
  '--allow-fs-read=*',
  '--allow-child-process',
  ...folders.map((folder) => `--allow-fs-write=${folder}/`),
];

/** Whether this Node lets fsync through beside the permission model. */
function permitsFsync(): boolean {
  const file = JSON.stringify(scene.gateway.at('state', 'probe'));
  const code = `const fs = require('fs'); const fd = fs.openSync(${file}, 'w'); fs.rmSync(${file}); fs.fsyncSync(fd)`;
  return spawnSync(process.execPath, [...permitted(scene.gateway.stateDir), '-e', code]).status === 0;
}

test('a cycle installs all of it, or says what it was refused and leaves the maps as they were', async () => {
  const { stateDir, mapDir } = scene.gateway;
  const { version } = scene.publish(LONGER);
  const before = scene.gateway.maps();
  const env = {
    NODE_OPTIONS: permitted(stateDir, mapDir)
      .map((word) => JSON.stringify(word))
      .join(' '),
  };
  const works = permitsFsync();
  const { status, outcome, stdout, stderr } = await scene.gateway.fetch([], { env });
  expect([status === 0, outcome === 'installed'], stdout + stderr).toEqual([works, works]);
  if (!works) {
    expect(stdout + stderr).toMatch(/Permission Model/);
    expect(scene.gateway.maps()).toEqual(before);
  }
  expect(scene.gateway.strays()).toEqual([]);
  scene.endpoint.take();
  const after = await scene.gateway.fetch(['--force']);
  expect([after.outcome, after.bundle.version, scene.rows().length]).toEqual(['installed', version, LIST.length + 1]);
});

test('a write outside the folders is refused by Node itself', () => {
  const outside = scene.gateway.at('outside');
  mkdirSync(outside);
  for (const file of [path.join(outside, 'x'), `${scene.gateway.stateDir}-beside`]) {
    const code = `require('fs').writeFileSync(${JSON.stringify(file)}, '')`;
    const { status, stderr } = spawnSync(process.execPath, [...permitted(scene.gateway.stateDir), '-e', code], {
      encoding: 'utf8',
    });
    expect([status === 0, existsSync(file)]).toEqual([false, false]);
    expect(stderr).toContain('ERR_ACCESS_DENIED');
  }
});
