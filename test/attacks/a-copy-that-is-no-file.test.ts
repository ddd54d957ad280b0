// Something else lies where a kept copy or a map should be: it is never followed, waited for or deleted, and never
// stops the mail for good.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LIST, Scene } from '../support/scene.ts';

async function open(): Promise<Scene> {
  const scene = await Scene.open();
  onTestFinished(() => scene.close());
  return scene;
}

const PUT: Record<string, (file: string) => void> = {
  'a folder': (file) => mkdirSync(file),
  'a pipe': (file) => execFileSync('mkfifo', [file]),
  'a link to a device': (file) => symlinkSync('/dev/zero', file),
};

describe('a damaged map whose copy is', () => {
  test.each(Object.entries(PUT))('%s: the next cycle takes the table from the central side', async (_, put) => {
    const scene = await open();
    const bundle = scene.gateway.at('state', 'bundles', 'example-org');
    const copy = path.join(bundle, readdirSync(bundle).find((name) => name.endsWith('.gz')) ?? '');
    rmSync(copy);
    put(copy);
    writeFileSync(path.join(scene.gateway.mapDir, 'relay_recipients.cdb'), 'not a cdb');
    const { bundle: report } = await scene.installs(1, LIST);
    expect(report.via).toBe('full');
    await scene.unchanged(1);
  });
});

test('a folder with files in a map’s place is refused by name, and what is in it stays', async () => {
  const scene = await open();
  const place = path.join(scene.gateway.mapDir, 'relay_recipients.cdb');
  rmSync(place);
  mkdirSync(place);
  writeFileSync(path.join(place, 'somebody’s'), 'work');
  const run = await scene.gateway.fetch();
  expect([run.status, run.code]).toEqual([2, 'INSTALL_FAILED']);
  expect(run.message).toContain('relay_recipients.cdb');
  expect(readFileSync(path.join(place, 'somebody’s'), 'utf8')).toBe('work');
  rmSync(place, { recursive: true });
  expect((await scene.gateway.fetch()).status).toBe(0);
  expect(scene.rows()).toEqual([...LIST].sort());
});
