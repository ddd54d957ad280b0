// state.json and the pending set: corrupt is never taken for absent (a fresh start would drop the rollback floor).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  bundleState,
  freshBundle,
  freshState,
  stateCorrupt,
  StateFiles,
  type GatewayState,
} from '../../src/gateway/state.ts';
import { Copies } from '../../src/gateway/copies.ts';
import { readStatus } from '../../src/gateway/status.ts';
import { ago, copy, digit } from './records.ts';

let dir: string;
let files: StateFiles;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-state-'));
  files = new StateFiles(dir);
  file = path.join(dir, 'state.json');
});
afterEach(() => rmSync(dir, { recursive: true }));

const full: GatewayState = {
  format: 1,
  bundles: {
    'example-org': {
      ...freshBundle(),
      installed: copy(3),
      waiting: copy(4),
      copies: [copy(1), copy(2)],
      floor: { version: 4, digest: digit(4) },
      seen: [{ version: 5, digest: digit(5) }],
      held: { version: 3, since: ago(1) },
      etags: { 'https://a.example/': { etag: 'W/"x"', digest: digit(3) } },
      distrusted: [digit(1)],
      ring: digit(9),
    },
  },
  maps: {
    inputs: digit(7),
    rows: 5,
    files: { 'relay_recipients.cdb': { sha256: digit(8), bytes: 1, mtimeMs: 1.5, ino: 2 } },
    hashed: null,
  },
  reloadPending: ago(2),
  reloadAsked: true,
};

test('absent is absent', () => {
  expect(files.read()).toEqual({ is: 'absent' });
  expect([files.readPending(), files.isPending()]).toEqual([null, false]);
  expect(new StateFiles(path.join(dir, 'nowhere')).read()).toEqual({ is: 'absent' });
});

test.each([full, freshState()])('what is written comes back', (state) => {
  files.write(state);
  expect(files.read()).toEqual({ is: 'whole', value: state });
  files.writePending(state);
  expect([files.readPending(), files.isPending()]).toEqual([state, true]);
  files.dropPending();
  expect([files.readPending(), files.isPending()]).toEqual([null, false]);
  expect(statSync(file).mode & 0o7777).toBe(0o640);
});

describe('corrupt', () => {
  const change = (path: string[], value: unknown): string => {
    const state = structuredClone(full) as unknown as Record<string, unknown>;
    let here = state;
    for (const step of path.slice(0, -1)) here = here[step] as Record<string, unknown>;
    here[path.at(-1) ?? ''] = value;
    return JSON.stringify(state);
  };
  const bundle = (key: string, value: unknown) => change(['bundles', 'example-org', key], value);
  test.each<[string, string]>([
    ['an empty file', ''],
    ['zeros', '\0'.repeat(500)],
    ['cut short', JSON.stringify(full).slice(0, -5)],
    ['JSON of something else', '{}'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another format', change(['format'], 2)],
    ['no bundles', change(['bundles'], undefined)],
    ['a bundle that is null', change(['bundles', 'example-org'], null)],
    ['a floor with a negative version', bundle('floor', { version: -1, digest: digit(1) })],
    ['a floor with a version beyond 2^53', bundle('floor', { version: 2 ** 60, digest: digit(1) })],
    ['a floor without digest', bundle('floor', { version: 1 })],
    ['a digest that climbs', bundle('installed', copy(1, { digest: '../../etc/passwd' }))],
    ['a table that climbs', bundle('installed', copy(1, { table: `../${digit(1)}` }))],
    ['a time that is none', bundle('installed', copy(1, { since: 'yesterday' }))],
    ['a time cut short', bundle('installed', copy(1, { since: '2026-1:00Z' }))],
    ['no seen', bundle('seen', undefined)],
    ['maps without inputs', change(['maps', 'inputs'], undefined)],
  ])('%s', (_, content) => {
    writeFileSync(file, content);
    expect(files.read()).toEqual({ is: 'corrupt', why: expect.stringMatching(/./) });
  });

  test('every cut of the file', () => {
    files.write(full);
    const whole = readFileSync(file);
    // The last byte is a line end, which JSON does not need.
    for (let length = 0; length < whole.length - 1; length += 7) {
      writeFileSync(file, whole.subarray(0, length));
      expect(files.read().is, String(length)).toBe('corrupt');
    }
  });

  test('any bytes at all', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json()), (content) => {
        writeFileSync(file, content);
        expect(files.read().is).toBe('corrupt');
      }),
    );
  });

  test('a name that would lead out of the folder', () => {
    const wrong = [
      { ...full, bundles: { '../..': Object.values(full.bundles)[0] } },
      {
        ...full,
        maps: { inputs: 'a'.repeat(64), rows: 1, files: { '../passwd': Object.values(full.maps?.files ?? {})[0] } },
      },
    ];
    for (const record of wrong) {
      writeFileSync(file, JSON.stringify(record));
      expect(files.read().is).toBe('corrupt');
    }
  });

  test('a folder in its place, or in that of state_dir', () => {
    mkdirSync(file);
    expect(files.read().is).toBe('corrupt');
    writeFileSync(path.join(dir, 'plain'), '');
    expect(new StateFiles(path.join(dir, 'plain')).read().is).toBe('corrupt');
  });

  test('a pending set was never promised: it counts for none and is dropped, the state stays', () => {
    files.write(full);
    writeFileSync(path.join(dir, 'pending.json'), '{"format": 1');
    expect([files.isPending(), files.readPending(), existsSync(path.join(dir, 'pending.json'))]).toEqual([
      true,
      null,
      false,
    ]);
    expect(files.read().is).toBe('whole');
  });

  test('is told with the way out', () => {
    expect(stateCorrupt('the state cannot be read')).toMatchObject({
      code: 'STATE_CORRUPT',
      message: expect.stringMatching(/^the state cannot be read\. .*relaymap fetch --rebuild-state$/),
    });
  });
});

test("a bundle's part is made on first use, and is the same one after", () => {
  const state = freshState();
  const st = bundleState(state, 'x');
  st.noDelta = true;
  expect(bundleState(state, 'x')).toBe(st);
  // Names that every object has.
  expect(bundleState(state, 'constructor')).toEqual(freshBundle());
  expect(Object.keys(state.bundles)).toEqual(['x', 'constructor']);
});

test('a pipe in a record’s or an envelope’s place is not waited for: corrupt, not absent', () => {
  const ref = { version: 3, digest: digit(3) };
  const folder = path.join(dir, 'bundles', 'example-org');
  mkdirSync(folder, { recursive: true });
  for (const pipe of [file, path.join(dir, 'status.json'), path.join(folder, `3-${digit(3)}.json`)]) {
    execFileSync('mkfifo', [pipe]);
  }
  expect(files.read()).toEqual({ is: 'corrupt', why: expect.stringContaining('no regular file') as string });
  expect(readStatus(dir)).toEqual({ is: 'corrupt', why: expect.stringContaining('no regular file') as string });
  expect(new Copies(dir, 'example-org', null).envelope(ref)).toBeNull();
});
