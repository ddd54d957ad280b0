// Import from a directory: the same verifier without the network; links, pipes and other people's bundles are never
// followed.
// Covers src/gateway/fetch/directory-source.ts, src/io/regular-file.ts
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Forger } from '../support/forger.ts';
import { injected, injecting } from '../support/injection.ts';
import { LIST, LONGER, Scene } from '../support/scene.ts';

function stick(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-stick-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function writeTo(dir: string, forger: Forger): void {
  for (const [name, bytes] of forger.files) {
    mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    writeFileSync(path.join(dir, name), bytes);
  }
}

interface Imported {
  readonly status: number | null;
  readonly outcome: string;
  readonly code: string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

async function importFrom(scene: Scene, dir: string, ...args: string[]): Promise<Imported> {
  const run = await scene.gateway.run(['import', dir, '--json', ...args]);
  const json = JSON.parse(run.stdout) as { outcome: string; code?: string; bundles: { code: string | null }[] };
  return {
    status: run.status,
    outcome: json.outcome,
    code: json.code ?? json.bundles[0]?.code,
    stdout: run.stdout,
    stderr: run.stderr,
  };
}

async function open(installed = true): Promise<Scene> {
  const scene = await Scene.open({ installed });
  onTestFinished(() => scene.close());
  return scene;
}

/** An import that must be kept with one of these codes, moving nothing. */
async function refused(scene: Scene, dir: string, code: string): Promise<Imported> {
  const before = scene.gateway.maps();
  const run = await importFrom(scene, dir);
  expect([run.outcome, run.code], run.stderr).toEqual(['kept', code]);
  expect(run.status).not.toBe(0);
  expect(scene.gateway.maps()).toEqual(before);
  expect(scene.gateway.strays()).toEqual([]);
  return run;
}

test('the central side is unreachable: a stick brings the first copy and the next, and the ETag stays', async () => {
  const scene = await open();
  const dir = stick();
  scene.publish(LONGER);
  writeTo(dir, scene.forger);
  expect((await importFrom(scene, dir)).outcome).toBe('installed');
  expect(scene.rows()).toEqual([...LONGER].sort());
  expect(scene.endpoint.take()).toEqual([]);
  expect((await importFrom(scene, dir)).outcome).toBe('unchanged');
  await scene.unchanged(2);
  await scene.unchanged(2);
  expect(scene.endpoint.asked.map((a) => a.headers['if-none-match'] === undefined)).toEqual([true, false]);
});

test('an older stick is a rollback, also with --force', async () => {
  const scene = await open();
  const dir = stick();
  writeTo(dir, scene.forger);
  scene.publish(LONGER);
  await scene.installs(2, LONGER);
  await refused(scene, dir, 'ROLLBACK');
  expect((await importFrom(scene, dir, '--force')).code).toBe('ROLLBACK');
});

test('a table that is a link, a pipe or short is not read', async () => {
  const scene = await open();
  scene.publish(LONGER);
  const dir = stick();
  writeTo(dir, scene.forger);
  const table = path.join(dir, [...scene.forger.files.keys()].filter((name) => name.endsWith('.gz')).at(-1) ?? '');
  renameSync(table, `${table}.real`);
  symlinkSync(`${table}.real`, table);
  await refused(scene, dir, 'NETWORK');
  rmSync(table);
  execFileSync('mkfifo', [table]);
  await refused(scene, dir, 'NETWORK');
  rmSync(table);
  symlinkSync('/dev/zero', table);
  await refused(scene, dir, 'NETWORK');
  rmSync(table);
  writeFileSync(table, 'short');
  await refused(scene, dir, 'LENGTH_MISMATCH');
  rmSync(table);
  renameSync(`${table}.real`, table);
  cpSync(path.join(dir, 'recipients'), path.join(dir, 'elsewhere'), { recursive: true });
  rmSync(path.join(dir, 'recipients'), { recursive: true });
  symlinkSync('elsewhere', path.join(dir, 'recipients'));
  await refused(scene, dir, 'NETWORK');
});

test("a manifest that is a pipe, a device, huge or nobody's is refused at once", async () => {
  const scene = await open();
  const dir = stick();
  const manifest = path.join(dir, 'manifest.json');
  await refused(scene, dir, 'NETWORK');
  execFileSync('mkfifo', [manifest]);
  await refused(scene, dir, 'NETWORK');
  rmSync(manifest);
  symlinkSync('/dev/zero', manifest);
  await refused(scene, dir, 'NETWORK');
  rmSync(manifest);
  writeFileSync(manifest, Buffer.alloc(200_000, 0x20));
  await refused(scene, dir, 'TOO_LARGE');
  const stranger = new Forger('example-org');
  stranger.publish(LONGER, { version: 9 });
  writeTo(dir, stranger);
  await refused(scene, dir, 'BAD_SIGNATURE');
});

/** What a copy by hand may have made of the published files: each says what is wrong with which file. */
const COPIES: [string, string, RegExp, (dir: string, table: string) => void][] = [
  [
    'without its manifest',
    'NETWORK',
    /manifest\.json cannot be read: it is not there/,
    (dir) => rmSync(`${dir}/manifest.json`),
  ],
  [
    'without its tables',
    'NETWORK',
    /recipients cannot be read/,
    (dir) => rmSync(`${dir}/recipients`, { recursive: true }),
  ],
  ['without this table', 'NETWORK', /ENOENT.*\.gz/, (_, table) => rmSync(table)],
  [
    'that ends within its manifest',
    'BAD_ENVELOPE',
    /not UTF-8 JSON/,
    (dir) => truncateSync(`${dir}/manifest.json`, 100),
  ],
  ['whose manifest is empty', 'BAD_ENVELOPE', /of 0 bytes/, (dir) => truncateSync(`${dir}/manifest.json`, 0)],
  ['that ends within its table', 'LENGTH_MISMATCH', /\.gz has 10 bytes/, (_, table) => truncateSync(table, 10)],
  [
    'whose table was never filled',
    'BAD_GZIP',
    /gzip/,
    (_, table) => writeFileSync(table, Buffer.alloc(statSync(table).size)),
  ],
  [
    'whose manifest is a folder',
    'NETWORK',
    /no regular file/,
    (dir) => {
      rmSync(`${dir}/manifest.json`);
      mkdirSync(`${dir}/manifest.json`);
    },
  ],
  [
    'that is a file',
    'NETWORK',
    /ENOTDIR/,
    (dir) => {
      rmSync(dir, { recursive: true });
      writeFileSync(dir, '');
    },
  ],
  ['that is gone', 'NETWORK', /ENOENT/, (dir) => rmSync(dir, { recursive: true })],
];

test.each(COPIES)('a copy %s: %s', async (_, code, said, spoil) => {
  const scene = await open();
  scene.publish(LONGER);
  const dir = stick();
  writeTo(dir, scene.forger);
  spoil(dir, path.join(dir, [...scene.forger.files.keys()].filter((name) => name.endsWith('.gz')).at(-1) ?? ''));
  const run = await refused(scene, dir, code);
  expect(run.stdout).toMatch(said);
});

test.each([
  // Its name is looked for first, in the manifest.
  ['manifest.json', 'pread64', 2],
  ['the table', 'read', 1],
] as const)('a stick that cannot be read any more, at %s', async (which, name, when) => {
  const scene = await open();
  scene.publish(LONGER);
  const dir = stick();
  writeTo(dir, scene.forger);
  const table = [...scene.forger.files.keys()].filter((each) => each.endsWith('.gz')).at(-1) ?? '';
  const file = path.join(dir, which === 'the table' ? table : which);
  const log = path.join(dir, 'strace');
  const run = await scene.gateway.run(['import', dir, '--json'], {
    under: injecting({ name, path: file, when }, 'EIO', log),
  });
  expect(injected(log)).toBe(true);
  expect(run.stdout).toMatch(/"code":"NETWORK".*EIO/);
});

test('of several bundles on a stick only the configured one is taken, found by its name', async () => {
  const scene = await open(false);
  scene.publish(LIST);
  const dir = stick();
  const other = new Forger('other-org');
  other.publish(['x@other.example']);
  writeTo(path.join(dir, 'a-folder'), other);
  writeTo(path.join(dir, 'b-folder'), scene.forger);
  expect((await importFrom(scene, dir)).outcome).toBe('installed');
  expect(scene.rows()).toEqual([...LIST].sort());
  rmSync(path.join(dir, 'b-folder'), { recursive: true });
  const third = new Forger('third-org');
  third.publish(['x@third.example']);
  writeTo(path.join(dir, 'c-folder'), third);
  await refused(scene, dir, 'WRONG_NAME');
});
